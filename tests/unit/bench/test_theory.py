"""The oracle against published and recomputed values, and the simulated city against the oracle."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from services.bench.matching import city, theory
from services.bench.matching.city import City, SimCall, SimTeam
from services.bench.matching.rules import Rule, Scene, Sent
from services.bench.matching.world import World
from services.dispatch.domain import matching

POLICY = replace(city.POLICY, turn_out=timedelta(0))
STAY_MIN = 30.0
TOLERANCE = 3.5  # standard errors


@pytest.mark.parametrize(
    ("servers", "offered", "waits", "length", "wait", "lost", "quarter"),
    [
        (1, 0.8, 0.800000, 3.200000, 4.000000, 0.444444, 0.760984),
        (2, 1, 0.333333, 0.333333, 0.333333, 0.200000, 0.259600),
        (3, 1.5, 0.236842, 0.236842, 0.157895, 0.134328, 0.162779),
        (3, 2, 0.444444, 0.888889, 0.444444, 0.210526, 0.346134),
        (5, 4, 0.554113, 2.216450, 0.554113, 0.199067, 0.431543),
        (10, 8, 0.409180, 1.636721, 0.204590, 0.121661, 0.248180),
        (12, 9, 0.266035, 0.798104, 0.088678, 0.083087, 0.125666),
        (30, 18, 0.006530, 0.009795, 0.000544, 0.002622, 0.000325),
        (30, 24, 0.172862, 0.691448, 0.028810, 0.040121, 0.038571),
        (30, 27, 0.471408, 4.242675, 0.157136, 0.081880, 0.222678),
        (100, 90, 0.216940, 1.952464, 0.021694, 0.026957, 0.017808),
    ],
)
def test_erlang(
    servers: int, offered: float, waits: float, length: float, wait: float, lost: float, quarter: float
) -> None:
    found = theory.erlang(servers, offered)
    assert found == pytest.approx((waits, length, wait, lost), abs=1e-6)
    assert theory.waits_longer(servers, offered, 0.25) == pytest.approx(quarter, abs=1e-6)


def test_a_queue_that_would_grow_without_end_has_no_figures() -> None:
    with pytest.raises(ValueError, match="cannot serve"):
        theory.erlang(3, 3)


@pytest.mark.parametrize(
    ("servers", "offered", "urgent", "other"),
    [(3, 2, 0.177778, 0.533333), (10, 8, 0.051148, 0.255738), (30, 24, 0.007203, 0.036013)],
)
def test_priority_queue(servers: int, offered: float, urgent: float, other: float) -> None:
    assert theory.priority_waits(servers, offered, 0.25) == pytest.approx((urgent, other), abs=1e-6)


def test_larsons_three_units() -> None:
    found = theory.hypercube(3, theory.LARSON)
    assert found.workloads == pytest.approx((0.557364, 0.473372, 0.469264), abs=1e-6)
    assert found.inter_area == pytest.approx(0.43533, abs=1e-5)
    assert found.states[:7] == pytest.approx(
        [0.210526, 0.136690, 0.088633, 0.094887, 0.090466, 0.088945, 0.053011], abs=1e-6
    )
    assert found.saturated == pytest.approx(0.236842, abs=1e-6)
    lossy = theory.hypercube(3, theory.LARSON, queue=False)
    assert lossy.workloads == pytest.approx((0.497905, 0.402631, 0.397971), abs=1e-6)
    assert lossy.states[7] == pytest.approx(0.134328, abs=1e-6)


def one_place(servers: int) -> City:
    """A city where nobody has to drive."""
    teams = tuple(SimTeam(UUID(int=n + 1), frozenset({"mediator"}), ("en",), city.CENTER) for n in range(servers))
    return City((city.CENTER,), np.ones(1), teams)


def calls(rate: float, count: int, seed: int, *, areas: Sequence[float] = (1.0,)) -> list[SimCall]:
    """Poisson arrivals, `rate` of them in a mean service time, exponential services, a quarter urgent."""
    draw = np.random.default_rng(seed)
    times = np.cumsum(draw.exponential(STAY_MIN / rate, count))
    stays, urgent = draw.exponential(STAY_MIN, count), draw.random(count) < 0.25
    area = draw.choice(len(areas), size=count, p=np.array(areas) / sum(areas))
    return [
        SimCall(UUID(int=n + 1000), float(times[n]), int(area[n]), city.CENTER, 1 if urgent[n] else 2, "mediator", False,
                float(stays[n]), 1.0)
        for n in range(count)
    ]  # fmt: skip


def in_turn(scene: Scene) -> Sent:
    """Urgent first, then first come; any free team."""
    free = [team.id for team in scene.teams if team.busy is None]
    order = sorted(scene.waiting, key=lambda call: (call.priority, call.since))
    return Sent([(call.id, team) for call, team in zip(order, free, strict=False)])


def production(scene: Scene) -> Sent:
    plan = matching.decide(scene.waiting, scene.teams, None, POLICY, scene.now)
    return Sent([(choice.incident_id, choice.team.id) for choice in plan.choices])


def waits_of(rule: Rule, servers: int, made: list[SimCall]) -> list[tuple[int, float]]:
    run = World(one_place(servers), made, rule, policy=POLICY).play()
    return [
        (one.call.priority, (one.sent_min - one.call.at_min) / STAY_MIN)
        for one in run.served
        if one.sent_min is not None
    ]


def near(values: Sequence[float], exact: float) -> None:
    mean, error = theory.batches(values, 20)
    assert abs(mean - exact) < TOLERANCE * error, (mean, exact, error)
    assert error < 0.15 * exact, "too few calls to prove anything"


def test_the_simulated_city_waits_as_cobham_says() -> None:
    waits = waits_of(in_turn, 3, calls(2.0, 12_000, seed=1))
    urgent, other = theory.priority_waits(3, 2.0, 0.25)
    near([wait for priority, wait in waits if priority == 1], urgent)
    near([wait for priority, wait in waits if priority == 2], other)


def test_with_the_production_rule_the_mean_wait_is_erlangs() -> None:
    """Whatever the order, the mean over all calls is the same: nobody is left free while a call waits that could be sent."""
    waits = waits_of(production, 3, calls(2.0, 6_000, seed=2))
    near([wait for _, wait in waits], theory.erlang(3, 2.0).wait)


def test_the_simulated_city_sends_as_larsons_hypercube_says() -> None:
    made = calls(1.5, 12_000, seed=3, areas=[group.rate for group in theory.LARSON])
    area = {call.id: call.area for call in made}
    sent: dict[UUID, int] = {}

    def preferred(scene: Scene) -> Sent:
        free = {team.id.int - 1 for team in scene.teams if team.busy is None}
        pairs = []
        for call in sorted(scene.waiting, key=lambda call: call.since):
            unit = next((one for one in theory.LARSON[area[call.id]].preferred if one in free), None)
            if unit is not None:
                free.discard(unit)
                sent[call.id] = unit
                pairs.append((call.id, UUID(int=unit + 1)))
        return Sent(pairs)

    World(one_place(3), made, preferred, policy=POLICY).play()
    exact = theory.hypercube(3, theory.LARSON)
    near([float(sent[call.id] != theory.LARSON[call.area].preferred[0]) for call in made], exact.inter_area)
    stays = np.array([call.stay_min for call in made])
    for unit, load in enumerate(exact.workloads):
        theirs = np.array([sent[call.id] == unit for call in made])
        near((stays * theirs / STAY_MIN * 1.5).tolist(), load)
