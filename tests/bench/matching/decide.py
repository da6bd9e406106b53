"""How long one decision takes with every explanation, beside its floor: the bare solver on the same prices.

    .venv/bin/python -m tests.bench.matching.decide

Times are of the processor, on one core, the best of five passes; a busy machine still shares its memory and its caches. Where the bare
solver itself takes over 1.5 times what it took in the study that set the limits, the machine is not the study's, and the limit is what it
was there as a multiple of the solver's time.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from scipy.optimize import linear_sum_assignment

from services.dispatch.domain import explanation, matching
from services.dispatch.domain.diversion import UnderWay
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting

NOW: Final = datetime(2026, 11, 24, 2, tzinfo=UTC)
POLICY: Final = Policy()
DISCIPLINES: Final = ("mediator", "interrupter", "restorative_justice")
AREAS: Final = tuple(f"area-{n}" for n in range(114))
LIMITS_MS: Final = {100: 10.0, 1000: 250.0}
STUDY_MS: Final = {100: 0.097, 1000: 53.0}
"""What the bare solver took in the study."""
SLOWER: Final = 1.5
"""How much slower than that the solver may be for the limit in milliseconds to count."""
ROUNDS: Final = {100: 300, 1000: 40}
PASSES: Final = 5


class Measured(NamedTuple):
    """One pass, in milliseconds."""

    p99: float
    median: float
    solver: float


class Verdict(NamedTuple):
    """Whether the limit holds, and how that was judged."""

    holds: bool
    words: str


def place(draw: random.Random) -> Place:
    return Place(33.7 + draw.random() * 0.6, -118.6 + draw.random() * 0.5)


def a_call(draw: random.Random) -> Waiting:
    return Waiting(
        UUID(int=draw.getrandbits(128)), draw.choice((1, 2, 2, 2)), NOW - timedelta(minutes=30 * draw.random()),
        (draw.choice(DISCIPLINES),), required_languages=("es",) if draw.random() < 0.3 else (),
        preferred_languages=("ko",) if draw.random() < 0.2 else (), place=place(draw), neighborhood=draw.choice(AREAS),
        assign_by=NOW + timedelta(hours=1),
    )  # fmt: skip


def a_team(draw: random.Random) -> Team:
    here = place(draw)
    busy = Busy(NOW + timedelta(minutes=40 * draw.random()), here) if draw.random() < 0.5 else None
    return Team(
        UUID(int=draw.getrandbits(128)), "Team", disciplines=frozenset(draw.sample(DISCIPLINES, 2)),
        languages=("en", "es") if draw.random() < 0.6 else ("en",), catchment=dict.fromkeys(draw.sample(AREAS, 60), "home"),
        position=Position(here, NOW), base=here, busy=busy, busy_here=busy is not None,
        shift_ends_at=NOW + timedelta(hours=5),
    )  # fmt: skip


def driving(draw: random.Random, teams: list[Team]) -> list[UnderWay]:
    """Half of the busy teams drive to calls that they may be taken off."""
    busy = [team for team in teams if team.busy is not None]
    return [
        UnderWay(
            replace(team, busy=None, busy_here=False),
            replace(a_call(draw), priority=2),
            NOW + timedelta(minutes=40 * draw.random()),
        )
        for team in busy[::2]
    ]


def whole(calls: list[Waiting], teams: list[Team], under_way: list[UnderWay]) -> matching.Plan:
    """Decide and explain every call."""
    plan = matching.decide(calls, teams, None, POLICY, NOW, under_way)
    columns = {team.id: column for column, team in enumerate(plan.board.teams)}
    got = {one.incident_id: columns[one.team.id] for part in (plan.choices, plan.holds) for one in part}
    chosen = [got.get(call.id) for call in plan.board.calls]
    explanation.explain_rows(plan.board, range(len(chosen)), chosen, POLICY.explained)
    return plan


def timed_ms(work: Callable[[], object], rounds: int) -> list[float]:
    """Return the sorted processor times of so many runs."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        times.append((time.process_time() - begun) * 1000)
    return sorted(times)


def measured(calls: list[Waiting], teams: list[Team], under_way: list[UnderWay]) -> Measured:
    """Return the best of each figure over several passes, each of the solver and of the whole in turn."""
    price = whole(calls, teams, under_way).board.price.astype(np.float64)
    rounds = ROUNDS[len(calls)]
    passes = []
    for _ in range(PASSES):
        solver = timed_ms(lambda: linear_sum_assignment(price), rounds)
        ours = timed_ms(lambda: whole(calls, teams, under_way), rounds)
        passes.append(Measured(ours[int(len(ours) * 0.99)], ours[len(ours) // 2], solver[len(solver) // 2]))
    return Measured(*(min(column) for column in zip(*passes, strict=True)))


def judged(size: int, found: Measured) -> Verdict:
    """Judge by milliseconds on a machine like the study's, else by the multiple of the solver's time."""
    limit, study = LIMITS_MS[size], STUDY_MS[size]
    if found.solver <= SLOWER * study:
        return Verdict(found.p99 <= limit, f"by the limit of {limit:.0f} ms")
    ratio, wanted = found.p99 / found.solver, limit / study
    return Verdict(
        ratio <= wanted, f"by the ratio, as the solver is {found.solver / study:.1f} times as slow as in the study"
    )


def main() -> int:
    """Print the table; 1 if a limit does not hold."""
    print(f"load average {os.getloadavg()[0]:.2f}; best of {PASSES} passes")
    worst = 0
    for size, limit in LIMITS_MS.items():
        draw = random.Random(size)
        calls, teams = [a_call(draw) for _ in range(size)], [a_team(draw) for _ in range(size)]
        under_way = driving(draw, teams)
        plan, found = whole(calls, teams, under_way), measured(calls, teams, under_way)
        verdict = judged(size, found)
        worst |= not verdict.holds
        print(
            f"{size} x {size}: median {found.median:.1f} ms, p99 {found.p99:.1f} ms (limit {limit:.0f}); "
            f"bare solver {found.solver:.3f} ms (study {STUDY_MS[size]:g}); "
            f"p99 over solver {found.p99 / found.solver:.1f} (wanted {limit / STUDY_MS[size]:.1f}); "
            f"{'holds' if verdict.holds else 'does not hold'} {verdict.words}; "
            f"{len(plan.choices)} sent, {len(plan.holds)} kept, {len(plan.unmatched)} left, "
            f"{len(under_way)} may be taken off, {'one' if plan.diversion else 'none'} is"
        )
    print(f"load average {os.getloadavg()[0]:.2f} at the end")
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
