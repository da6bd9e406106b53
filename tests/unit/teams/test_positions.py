"""Position fixes: which are believed, in whatever order they come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from services.teams.domain.positions import Disbelief, Fix, distance_m, judge, trace

NOW = datetime(2026, 11, 23, 18, 0, 30, tzinfo=UTC)
BASE = (34.0443, -118.2106)
DAY = timedelta(hours=24)


def fix(seconds: float, lat_deg: float = 34.05, lon_deg: float = -118.2) -> Fix:
    return Fix(lat_deg, lon_deg, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (fix(0), None),
        (fix(60), None),
        (fix(60.001), Disbelief.FUTURE),
        (fix(-86_400), None),
        (fix(-86_400.001), Disbelief.TOO_OLD),
        (fix(0, 0, 0), Disbelief.NULL_ISLAND),
        (fix(0, 0.0004, -0.0004), Disbelief.NULL_ISLAND),
        (fix(0, 0, -118.2), Disbelief.TOO_FAR),
        (fix(0, 38.5, -118.2), None),  # 496 km north
        (fix(0, 38.6, -118.2), Disbelief.TOO_FAR),  # 507 km
        (fix(0, -34.05, -118.2), Disbelief.TOO_FAR),
        (replace(fix(0), accuracy_m=5_000), None),
        (replace(fix(0), accuracy_m=5_001), Disbelief.INACCURATE),  # of the cell that it is in, not of the van
    ],
)
def test_a_fix_is_believed_or_ignored_for_a_reason(given: Fix, why: Disbelief | None) -> None:
    judged = judge([given], base=BASE, at=NOW, kept_for=DAY)
    assert judged.ignored == (((0, why),) if why else ())
    assert judged.newest == (None if why else given)


def test_the_newest_believable_fix_wins_in_every_order() -> None:
    batch = [fix(-30), fix(-10), fix(3600), fix(-5, 0, 0)]
    for order in permutations(batch):
        judged = judge(order, base=BASE, at=NOW, kept_for=DAY)
        assert judged.newest == batch[1]
        assert {why for _, why in judged.ignored} == {Disbelief.FUTURE, Disbelief.NULL_ISLAND}
        assert {place for place, _ in judged.ignored} == {order.index(batch[2]), order.index(batch[3])}


def test_the_trace_keeps_one_fix_a_minute_and_not_the_house() -> None:
    kept = trace([fix(-70, 34.05678, -118.21234), fix(-20, 34.1, -118.3), fix(-25, 34.2, -118.4)])
    assert [(f.lat_deg, f.lon_deg, f.at.second) for f in kept] == [(34.057, -118.212, 0), (34.2, -118.4, 0)]


def test_distances_are_great_circles() -> None:
    assert distance_m((34.0, -118.0), (34.0, -118.0)) == 0
    assert distance_m((0, 0), (0, 180)) == pytest.approx(20_015_087, rel=1e-4)
    assert distance_m((34.0522, -118.2437), (37.7749, -122.4194)) == pytest.approx(559_000, rel=0.01)
