"""How long one decision takes with every explanation, beside its floor: the bare solver on the same prices.

    .venv/bin/python -m tests.bench.matching.decide

Times are of the processor, on one core, so that a busy machine is not measured. The ratio says what everything but the solver costs.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from scipy.optimize import linear_sum_assignment

from services.dispatch.domain import explanation, matching
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting

NOW: Final = datetime(2026, 11, 24, 2, tzinfo=UTC)
POLICY: Final = Policy()
DISCIPLINES: Final = ("mediator", "interrupter", "restorative_justice")
AREAS: Final = tuple(f"area-{n}" for n in range(114))
LIMITS_MS: Final = {100: 10.0, 1000: 250.0}
ROUNDS: Final = {100: 300, 1000: 40}


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


def whole(calls: list[Waiting], teams: list[Team]) -> matching.Plan:
    """Decide and explain every call."""
    plan = matching.decide(calls, teams, None, POLICY, NOW)
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


def main() -> int:
    """Print the table; 1 if a limit does not hold."""
    worst = 0
    for size, limit in LIMITS_MS.items():
        draw = random.Random(size)
        calls, teams = [a_call(draw) for _ in range(size)], [a_team(draw) for _ in range(size)]
        plan = whole(calls, teams)
        price = plan.board.price.astype(np.float64)
        floor = timed_ms(lambda price=price: linear_sum_assignment(price), ROUNDS[size])  # type: ignore[misc]
        ours = timed_ms(lambda calls=calls, teams=teams: whole(calls, teams), ROUNDS[size])  # type: ignore[misc]
        middle, p99 = ours[len(ours) // 2], ours[int(len(ours) * 0.99)]
        bare = floor[len(floor) // 2]
        worst |= p99 > limit
        print(
            f"{size} x {size}: median {middle:.1f} ms, p99 {p99:.1f} ms (limit {limit:.0f}); "
            f"bare solver {bare:.1f} ms, ratio {middle / bare:.1f}; "
            f"{len(plan.choices)} sent, {len(plan.holds)} kept, {len(plan.unmatched)} left"
        )
    return worst


if __name__ == "__main__":
    raise SystemExit(main())
