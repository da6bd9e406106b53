"""Importing layers of areas: each is replaced whole, all of one import at once, and every earlier version is kept."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.geometry import shape
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.commands.evidence import digest
from services.intake.domain.layer_file import NEIGHBORHOODS, Box, Layer, LayerInvalidError, read_layer
from services.intake.domain.layer_fit import Finding
from services.intake.tables import area, area_layer, neighborhood, neighborhood_layer
from shared.clock import clock
from shared.db import Database

LARGEST_FILE: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One file to import: what kind of areas it holds, what it says, and the property that tells them apart."""

    collection: Any
    source: str
    kind: str = NEIGHBORHOODS
    key: str | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What an import did, or would do: the layer's version, how many areas it has, and what was noticed or mended."""

    version: int
    areas: int
    changed: bool
    """False: exactly this layer was in force already."""
    findings: tuple[Finding, ...]
    kind: str = NEIGHBORHOODS
    source: str = ""

    def lines(self, *, most: int = 5) -> list[str]:
        """Return the report for a person: a line of counts, then up to `most` findings of each sort."""
        counts = Counter(finding.kind for finding in self.findings)
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing to mend"
        lines = [f"{self.kind}: {self.areas} areas from {self.source}: {found}"]
        for kind in sorted(counts):
            of_kind = [finding for finding in self.findings if finding.kind == kind]
            lines += [f"  {finding}" for finding in of_kind[:most]]
            if len(of_kind) > most:
                lines.append(f"  {kind}: {len(of_kind) - most} more (--all shows them)")
        return lines


async def import_layers(db: Database, files: Sequence[LayerFile], *, dry_run: bool = False) -> list[LayerReport]:
    """Put the layers in force together, or none of them. Raises LayerInvalidError naming the file and the feature at fault."""
    kinds = [file.kind for file in files]
    if twice := sorted(kind for kind in set(kinds) if kinds.count(kind) > 1):
        raise LayerInvalidError(f"Two files for the layer {twice[0]}; a layer is one file.")
    async with db.autocommit() as unit:
        near = await _bounds_in_force(unit.conn)
    read = [await asyncio.to_thread(_read, file, near or None) for file in files]
    async with db.transaction() as unit:
        await unit.conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('intake.neighborhood_layer', 1))"))
        return [await _write(unit.conn, file, layer, dry_run=dry_run) for file, layer in zip(files, read, strict=True)]


async def replace_layer(db: Database, collection: Mapping[str, Any], *, source: str, approximate: bool) -> LayerReport:
    """Put a GeoJSON FeatureCollection of neighborhoods in force. Raises LayerInvalidError naming the feature at fault."""
    [report] = await import_layers(db, [LayerFile(collection, source, approximate=approximate)])
    return report


async def import_files(
    dsn: str, files: Sequence[tuple[str, str | None, Path]], *, dry_run: bool = False
) -> list[LayerReport]:
    """Put GeoJSON files in force on the server at `dsn`: kind, key and path of each."""
    read = [
        LayerFile(await asyncio.to_thread(read_file, path), path.name, kind=kind, key=key) for kind, key, path in files
    ]
    db = Database(dsn, application="intake-import", pool_size=2)
    try:
        return await import_layers(db, read, dry_run=dry_run)
    finally:
        await db.close()


def read_file(path: Path) -> Any:
    """Return what a GeoJSON file says. Raises LayerInvalidError with the line of what cannot be read, or for a file too large."""
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise LayerInvalidError(
                f"{path.name}: {size / 2**20:.0f} MB; a layer has at most {LARGEST_FILE // 2**20} MB. Simplify the boundaries "
                "to about 3 m and 5 decimals first (mapshaper, ogr2ogr -simplify)."
            )
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise LayerInvalidError(
            f"{path.name}, {where}: not JSON: {error.msg}. Export the layer again as GeoJSON."
        ) from error
    except (OSError, RecursionError, UnicodeDecodeError) as error:
        raise LayerInvalidError(f"{path.name} cannot be read as GeoJSON: {error}") from error


def _no_constant(name: str) -> Any:
    raise LayerInvalidError(f"{name} is no coordinate; GeoJSON has finite numbers only.")


def _read(file: LayerFile, near: Box | None) -> Layer:
    try:
        return read_layer(file.collection, kind=file.kind, key=file.key, near=near)
    except LayerInvalidError as error:
        raise LayerInvalidError(f"{file.source}: {error}") from error


async def _bounds_in_force(conn: AsyncConnection) -> Box | None:
    """Return the bounds of the neighborhoods in force; None where there are none."""
    newest = select(neighborhood_layer.c.version).order_by(neighborhood_layer.c.version.desc()).limit(1)
    rows = await conn.execute(
        select(neighborhood.c.geometry).where(neighborhood.c.layer_version == newest.scalar_subquery())
    )
    shapes = [shape(row.geometry) for row in rows]
    if not shapes:
        return None
    west, south, east, north = (float(bound) for bound in shapely.total_bounds(shapes))
    return west, south, east, north


async def _write(conn: AsyncConnection, file: LayerFile, layer: Layer, *, dry_run: bool) -> LayerReport:
    """Write one layer as the newest of its kind, unless exactly it is that already."""
    rows = [{"slug": a.slug, "name": a.name, "geometry": json.loads(json.dumps(a.geometry))} for a in layer.areas]
    content = digest([file.source, file.approximate, rows])
    is_city = file.kind == NEIGHBORHOODS
    table = neighborhood_layer if is_city else area_layer
    query = select(table.c.version, table.c.digest).order_by(table.c.version.desc()).limit(1)
    newest = (await conn.execute(query if is_city else query.where(area_layer.c.kind == file.kind))).one_or_none()
    report = LayerReport(newest.version if newest else 0, len(rows), False, layer.findings, file.kind, file.source)
    if newest is not None and newest.digest == content:
        return report
    version = report.version + 1
    if not dry_run:
        head = {"version": version, "source": file.source, "approximate": file.approximate, "digest": content}
        kind = {} if is_city else {"kind": file.kind}
        await conn.execute(insert(table).values(**kind, **head, at=clock("intake")))
        listed = [{**kind, "layer_version": version, **row} for row in rows]
        await conn.execute(insert(neighborhood if is_city else area), listed)
    return LayerReport(version, len(rows), True, layer.findings, file.kind, file.source)
