"""Sentences that every form of the report says alike."""

from collections.abc import Iterable
from typing import Final

from services.evaluate.bounds import Percentiles, Rate
from services.evaluate.measures import RATES, Delay, Measures

HONESTLY: Final = (
    "Bounds are one-sided 95% Clopper-Pearson bounds, exact. They say what so few cases can prove, if cases like these came at "
    "random; hand-made hard cases do not, so no rate here is a rate of real calls. Ambiguous cases count in no rate."
)
DELAY_MEANS: Final = (
    "Counted: processor time on the machine of this run and, for a call in review, the reviewer's whole time. Not counted: network, "
    "database, and a call-taker's own time."
)


def rates_of(found: Iterable[Measures]) -> list[str]:
    """Return the rates of which there is something to count."""
    every = list(found)
    return [name for name in RATES if any(getattr(measures, name).of for measures in every)]


def verdict_words(measures: Measures) -> str:
    return ", ".join(f"{verdict} {measures.verdicts.get(verdict, 0)}" for verdict in ("safe", "review", "unsafe"))


def group_cells(measures: Measures) -> tuple[str, str, str, str, str]:
    """Return how many cases a group has, and its most telling rates."""
    rates = (measures.false_safe, measures.review_as_safe, measures.capture, measures.review_share)
    return (str(measures.cases), *map(_short, rates))  # type: ignore[return-value]  # one cell for each of the four


def _short(rate: Rate) -> str:
    return "" if rate.share is None else f"{rate.count}/{rate.of} = {rate.share:.0%}"


def seconds(found: Percentiles) -> str:
    """Return percentiles in words."""
    if found.p50 is None or found.p90 is None or found.p99 is None:
        return "nothing to count"
    return f"p50 {_time(found.p50)}, p90 {_time(found.p90)}, p99 {_time(found.p99)} ({found.count} calls)"


def _time(value_s: float) -> str:
    return f"{value_s * 1000:.1f} ms" if value_s < 1 else f"{value_s:.1f} s"


def delay_words(late: Delay) -> list[str]:
    """Return what calls that end with police lose by having been asked about."""
    said = [
        f"Added delay to calls that end with police, if the call center waits for our answer: {seconds(late.waiting)}",
        f"The same, if it starts what the answer recommends during a review: {seconds(late.at_the_answer)}",
    ]
    if late.not_in_it:
        said.append(f"{late.not_in_it} false-safe calls are in neither: nobody can say how late police would be.")
    return said
