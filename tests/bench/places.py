"""What it costs to find a point's neighborhood: `python -m tests.bench.places FILE.geojson`.

Beside each figure stands a floor that does the same without an index: a plain loop of shapely's `contains` over the areas.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry import Point, shape

from services.intake.domain.geography import AreaMap, resolve
from services.intake.domain.layer_file import read_layer


def measured(name: str, points: int, work: Callable[[], object], floor_us: float | None = None) -> float:
    """Print and return the best of three runs, in microseconds a point."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        work()
        best = min(best, (time.process_time() - begun) / points * 1e6)
    beside = f"   {floor_us / best:8.1f} times as fast as the plain loop" if floor_us else ""
    print(f"{name:<44} {best:9.2f} µs a point{beside}")
    return best


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--kind", default="neighborhoods")
    parser.add_argument("--points", type=int, default=100_000)
    given = parser.parse_args()
    collection = json.loads(given.file.read_text())
    begun = time.process_time()
    layer = read_layer(collection, kind=given.kind)
    read_s = time.process_time() - begun
    areas = AreaMap(layer.areas)
    built_s = time.process_time() - begun - read_s
    print(f"{len(areas)} areas: read and checked in {read_s:.2f} s, map built in {built_s:.2f} s of CPU")
    shapes = [shape(area.geometry) for area in layer.areas]
    west, south, east, north = shapely.total_bounds(shapes)
    random = np.random.default_rng(1)
    lat, lon = random.uniform(south, north, given.points), random.uniform(west, east, given.points)
    listed = list(zip(lat.tolist(), lon.tolist(), strict=True))
    few = listed[:300]

    def plain() -> None:
        for point_lat, point_lon in few:
            point = Point(point_lon, point_lat)
            next((area for area in shapes if area.contains(point)), None)

    floor_us = measured("floor: a plain loop of contains", len(few), plain)
    measured("one point", given.points, lambda: [areas.at(*point) for point in listed], floor_us)
    measured("many points at once", given.points, lambda: areas.at_many(lat, lon), floor_us)
    circles = [{"lat_deg": a, "lon_deg": b, "accuracy_m": 30} for a, b in listed[:2000]]
    measured("a circle of 30 m, resolved", len(circles), lambda: [resolve(areas, circle) for circle in circles])
    print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
