"""From runs to figures: what callers saw of each rule, over all seeds together, and paired differences with their 95% intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from services.bench.matching.city import DAY_MIN
from services.bench.matching.world import Run, Served

Numbers = npt.NDArray[np.float64]
RETURN_COSTS_MIN: Final = 15.0
"""A returned call enters the mean at its deadline plus so much: somebody else has to come."""
SOON_MIN: Final = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run showed, the first day left out."""

    response: Numbers
    priority: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64]
    returned: npt.NDArray[np.bool_]
    drive_min: float
    busy_share: float
    queue: Numbers
    """The mean number of waiting calls, day by day."""


class Figures(NamedTuple):
    """The columns of the table. Minutes and shares."""

    mean: float
    p90: float
    soon: float
    worst_area_p90: float
    area_p90_95th: float
    urgent_mean: float
    urgent_p90: float
    drive: float
    busy: float
    longest: float
    returned_1: float
    returned_2: float


class Difference(NamedTuple):
    """How much lower a figure is than a baseline's: over all seeds together, and the 95% interval over seeds."""

    lower: float
    low: float
    high: float


def look(run: Run, *, teams: int, days: int) -> Seen:
    """Return what a run showed."""
    kept = [one for one in run.served if one.call.at_min >= DAY_MIN]
    sent = [one for one in kept if one.arrived_min is not None and one.sent_min is not None]
    drives = [
        one.arrived_min - one.sent_min for one in sent if one.arrived_min is not None and one.sent_min is not None
    ]
    return Seen(
        response=np.array([_response(one) for one in kept]),
        priority=np.array([one.call.priority for one in kept]),
        area=np.array([one.call.area for one in kept]),
        returned=np.array([one.returned_min is not None for one in kept]),
        drive_min=float(np.mean(drives)),
        busy_share=run.busy_min / (teams * days * DAY_MIN),
        queue=np.array([run.queue_area.get(day, 0.0) / DAY_MIN for day in range(1, days)]),
    )


def _response(one: Served) -> float:
    end = one.arrived_min if one.arrived_min is not None else (one.returned_min or 0.0) + RETURN_COSTS_MIN
    return end - one.call.at_min


def figures(runs: Sequence[Seen]) -> Figures:
    """Return the figures over all runs together."""
    response = np.concatenate([run.response for run in runs])
    priority = np.concatenate([run.priority for run in runs])
    returned = np.concatenate([run.returned for run in runs])
    area = np.concatenate([run.area for run in runs])
    by_area = np.array([np.percentile(response[area == place], 90) for place in np.unique(area)])
    urgent = response[priority == 1]
    return Figures(
        mean=float(response.mean()),
        p90=float(np.percentile(response, 90)),
        soon=float((response <= SOON_MIN).mean()),
        worst_area_p90=float(by_area.max()),
        area_p90_95th=float(np.percentile(by_area, 95)),
        urgent_mean=float(urgent.mean()),
        urgent_p90=float(np.percentile(urgent, 90)),
        drive=float(np.mean([run.drive_min for run in runs])),
        busy=float(np.mean([run.busy_share for run in runs])),
        longest=float(response.max()),
        returned_1=float(returned[priority == 1].mean()),
        returned_2=float(returned[priority == 2].mean()),
    )


def lower(ours: Sequence[Seen], theirs: Sequence[Seen], figure: str) -> Difference:
    """Return how much lower our figure is, as a share of theirs; seeds are paired, so the interval is of the differences."""
    together = 1 - getattr(figures(ours), figure) / getattr(figures(theirs), figure)
    each = [
        1 - getattr(figures([one]), figure) / getattr(figures([other]), figure)
        for one, other in zip(ours, theirs, strict=True)
    ]
    return Difference(together, *interval(each))


def slope(runs: Sequence[Seen]) -> Difference:
    """Return by how many calls the daily mean queue grows per day, with its 95% interval over seeds."""
    each = [float(np.polyfit(np.arange(run.queue.size), run.queue, 1)[0]) for run in runs]
    return Difference(float(np.mean(each)), *interval(each))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of a mean by Student's t; of one value, everything."""
    if len(values) < 2:
        return -np.inf, np.inf
    spread = float(np.std(values, ddof=1)) / np.sqrt(len(values)) * float(stats.t.ppf(0.975, len(values) - 1))
    return float(np.mean(values)) - spread, float(np.mean(values)) + spread
