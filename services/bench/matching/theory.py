"""What queueing theory says exactly: the oracle that the simulated city is held against. Times are in mean service times."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


class Queue(NamedTuple):
    """A queue with several servers and exponential services (M/M/c)."""

    waits: float
    """The share of calls that wait at all (Erlang C)."""
    length: float
    wait: float
    lost: float
    """The share lost where nobody may wait (Erlang B)."""


def erlang(servers: int, offered: float) -> Queue:
    """Return the queue of `servers` at `offered` erlangs. Raises ValueError for one that would grow without end."""
    if not 0 < offered < servers:
        raise ValueError(f"{servers} servers cannot serve {offered} erlangs.")
    lost = 1.0
    for count in range(1, servers + 1):
        lost = offered * lost / (count + offered * lost)
    load = offered / servers
    waits = lost / (1 - load * (1 - lost))
    return Queue(waits, waits * load / (1 - load), waits / (servers - offered), lost)


def waits_longer(servers: int, offered: float, than: float) -> float:
    """Return the share of calls that wait longer than so many service times."""
    return erlang(servers, offered).waits * exp(-(servers - offered) * than)


def priority_waits(servers: int, offered: float, urgent_share: float) -> tuple[float, float]:
    """Return the mean waits of urgent and other calls when urgent ones go first and nobody is interrupted (Cobham)."""
    first = erlang(servers, offered).waits / servers
    load = offered / servers
    urgent = first / (1 - load * urgent_share)
    return urgent, urgent / (1 - load)


class Group(NamedTuple):
    """Calls of some areas: how many in a service time, and the units that should go, the first choice first."""

    rate: float
    preferred: Sequence[int]


class Hypercube(NamedTuple):
    """Larson's hypercube: how busy each unit is, and how many calls go to another unit's area."""

    workloads: tuple[float, ...]
    inter_area: float
    states: Numbers
    """The probability of each set of busy units (bit i: unit i), the queue counted with the last."""
    saturated: float
    """The probability that all are busy and at least one call waits."""


def hypercube(units: int, groups: Sequence[Group], *, queue: bool = True) -> Hypercube:
    """Return the exact solution for few units with service rate 1; `queue=False`: a call that finds nobody is lost."""
    states = 2**units
    total = sum(group.rate for group in groups)
    rates = np.zeros((states, states))
    for state in range(states):
        for group in groups:
            free = [unit for unit in group.preferred if not state >> unit & 1]
            if free:
                rates[state, state | 1 << free[0]] += group.rate
        for unit in range(units):
            if state >> unit & 1:
                rates[state, state & ~(1 << unit)] += 1.0
    chances = _stationary(rates)
    full = chances[states - 1]
    waiting = full * (total / units) / (1 - total / units) if queue else 0.0
    chances = chances / (1 + waiting)
    full, waiting = chances[states - 1], waiting / (1 + waiting)
    loads = tuple(
        float(sum(chances[state] for state in range(states) if state >> unit & 1) + waiting) for unit in range(units)
    )
    return Hypercube(
        loads, _inter_area(units, groups, chances, full + waiting, queue=queue), chances, float(full + waiting)
    )


def _stationary(rates: Numbers) -> Numbers:
    balance = rates.T - np.diag(rates.sum(axis=1))
    balance[-1, :] = 1.0
    right = np.zeros(len(rates))
    right[-1] = 1.0
    found: Numbers = np.linalg.solve(balance, right).astype(np.float64)
    return found


def _inter_area(units: int, groups: Sequence[Group], chances: Numbers, full: float, *, queue: bool) -> float:
    """Return the share of calls served by a unit that is not their first choice; from a queue every unit is as likely."""
    total = sum(group.rate for group in groups)
    away = 0.0
    for group in groups:
        for state in range(len(chances) - 1):
            free = next(unit for unit in group.preferred if not state >> unit & 1)
            away += group.rate * chances[state] * (free != group.preferred[0])
        if queue:
            away += group.rate * full * (1 - 1 / units)
    served = total if queue else total * (1 - full)
    return float(away / served)


LARSON: Sequence[Group] = (
    Group(0.50, (0, 1, 2)), Group(0.25, (0, 2, 1)), Group(0.35, (1, 0, 2)), Group(0.40, (2, 0, 1)),
)  # fmt: skip
"""The three units of Larson and Odoni, Urban Operations Research, section 5.4, rates solved from its published outputs."""


def batches(values: Sequence[float], count: int) -> tuple[float, float]:
    """Return the mean and its standard error from `count` batches of a run that depends on its own past."""
    edges = np.linspace(0, len(values), count + 1).astype(int)
    means = [float(np.mean(values[low:high])) for low, high in pairwise(edges)]
    return float(np.mean(means)), float(np.std(means, ddof=1) / np.sqrt(count))
