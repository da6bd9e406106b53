"""How sure a count makes us: the one-sided Clopper-Pearson bound, exact, by bisection on the binomial distribution."""

import math
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
_STEPS: Final = 100


def upper_bound(count: int, of: int) -> float:
    """Return the rate that is not exceeded with 95% confidence when `count` of `of` independent cases were hits.

    It is the rate at which so few hits would be seen once in twenty. A design check, not a promise about real calls: the
    cases of a hand-made set are no sample of them.
    """
    if of == 0 or count >= of:
        return 1.0
    if count == 0:
        return float(1 - (1 - CONFIDENCE) ** (1 / of))
    low, high = count / of, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(count, of, middle) > 1 - CONFIDENCE else (low, middle)
    return high


def _at_most(count: int, of: int, rate: float) -> float:
    """Return the probability of at most `count` hits among `of`."""
    if rate >= 1:
        return 0.0
    one, other = math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * one + (of - k) * other)
        for k in range(count + 1)
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def upper(self) -> float:
        return upper_bound(self.count, self.of)

    def wire(self) -> dict[str, float | int | None]:
        """Return it as plain data."""
        upper = round(self.upper, 6) if self.of else None
        return {"count": self.count, "of": self.of, "share": self.share, "upper_95": upper}

    def words(self, *, bound: bool = False) -> str:
        """Return it as people write it: `0 of 138 = 0.0% (at most 2.15%)`."""
        if self.share is None:
            return "none to count"
        said = f"{self.count} of {self.of} = {self.share:.1%}"
        return f"{said} (at most {self.upper:.2%})" if bound else said


@dataclass(frozen=True, slots=True)
class Percentiles:
    """p50, p90 and p99 of durations in seconds, by nearest rank; None of none."""

    count: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, values: "list[float]") -> "Percentiles":
        ordered = sorted(values)
        if not ordered:
            return cls(0)
        p50, p90, p99 = (ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.9, 0.99))
        return cls(len(ordered), p50, p90, p99)

    def wire(self) -> dict[str, float | int | None]:
        """Return it as plain data."""
        return {"count": self.count, "p50_s": self.p50, "p90_s": self.p90, "p99_s": self.p99}
