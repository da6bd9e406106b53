"""The exact bound against values from elsewhere, and rates in words."""

import math

import pytest

from services.evaluate.bounds import Percentiles, Rate, upper_bound


@pytest.mark.parametrize(
    ("count", "of", "bound"),
    [
        (0, 139, 0.0213),  # the triage study, section 7
        (0, 300, 0.0099),
        (0, 3000, 0.0010),
        (1, 20, 0.2161),  # beta.ppf(0.95, 2, 19)
        (3, 100, 0.0757),  # beta.ppf(0.95, 4, 97)
        (20, 20, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_upper_bound_is_clopper_and_pearsons(count: int, of: int, bound: float) -> None:
    assert upper_bound(count, of) == pytest.approx(bound, abs=5e-5)


def test_at_the_bound_so_few_hits_are_seen_once_in_twenty() -> None:
    bound = upper_bound(2, 50)
    seen = sum(math.comb(50, k) * bound**k * (1 - bound) ** (50 - k) for k in range(3))
    assert seen == pytest.approx(0.05, abs=1e-9)


def test_nothing_to_count_is_no_rate() -> None:
    assert Rate(0, 0).share is None
    assert Rate(0, 0).words(bound=True) == "none to count"
    assert Rate(0, 138).words(bound=True) == "0 of 138 = 0.0% (at most 2.15%)"


def test_percentiles_are_by_nearest_rank() -> None:
    found = Percentiles.of([float(n) for n in range(1, 11)])
    assert (found.p50, found.p90, found.p99) == (5.0, 9.0, 10.0)
    assert Percentiles.of([]).p50 is None
