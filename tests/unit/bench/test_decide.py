"""How the bench of one decision judges: by milliseconds on a machine like the study's, by the ratio on a slower one."""

import pytest

from tests.bench.matching.decide import Measured, judged


@pytest.mark.parametrize(
    ("size", "p99", "solver", "holds", "by"),
    [
        (1000, 250, 79, True, "by the limit"),
        (1000, 251, 79, False, "by the limit"),
        (1000, 400, 100, True, "by the ratio"),
        (1000, 480, 100, False, "by the ratio"),
        (100, 10.1, 0.1, False, "by the limit"),
        (100, 20, 0.2, True, "by the ratio"),
        (100, 21, 0.2, False, "by the ratio"),
    ],
)
def test_the_ratio_decides_only_where_the_solver_itself_is_much_slower(
    size: int, p99: float, solver: float, holds: bool, by: str
) -> None:
    verdict = judged(size, Measured(p99, p99 / 2, solver))
    assert verdict.holds is holds
    assert verdict.words.startswith(by)
