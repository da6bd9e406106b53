"""Who may be sent, rule by rule with the refusal beside the acceptance, and who is sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.dispatch.domain import explanation, matching, travel
from services.dispatch.domain.incident import ReturnReason
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import DoNotSend, Place, Position, Team, Waiting
from services.dispatch.domain.travel import TravelTimes

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
POLICY = Policy()
HERE = Place(34.0443, -118.2106)
FAR = Place(34.25, -118.5)
NEAR = Place(34.0443, -118.2046)
NEXT_TOWN = Place(34.0443, -118.1836)


def uid(n: int) -> UUID:
    return UUID(int=n)


def team(n: int = 1, **changes: Any) -> Team:
    base = Team(
        id=uid(n), name=f"Team {n}", disciplines=frozenset({"mediator"}), languages=("en", "es"),
        catchment={"boyle-heights": "home"}, base=HERE,
    )  # fmt: skip
    return replace(base, **changes)


def call(n: int = 100, **changes: Any) -> Waiting:
    base = Waiting(
        id=uid(n), priority=2, since=NOW - timedelta(minutes=1), disciplines=("mediator",), place=HERE,
        neighborhood="boyle-heights", catchment=("boyle-heights",),
    )  # fmt: skip
    return replace(base, **changes)


def rule(the_call: Waiting, the_team: Team) -> str | None:
    found = matching.why_not(the_call, the_team, POLICY, NOW)
    return found.name if found else None


def test_a_team_that_fits_is_sent() -> None:
    assert rule(call(), team()) is None


@pytest.mark.parametrize(
    ("name", "the_call", "the_team", "fits"),
    [
        ("discipline", call(), team(disciplines=frozenset({"interrupter"})), team()),
        ("required_language", call(required_languages=("es", "ko")), team(), team(languages=("es", "ko"))),
        ("required_language", call(required_languages=("es-MX",)), team(languages=("en",)), team(languages=("es",))),
        ("catchment", call(), team(catchment={"sylmar": "home"}), team(catchment={"boyle-heights": "mutual_aid"})),
        ("catchment", call(catchment=()), team(catchment={}), team()),
        ("do_not_send", call(), team(do_not_send=(DoNotSend("boyle-heights", None, None),)),
         team(do_not_send=(DoNotSend("sylmar", None, None),))),
        ("do_not_send", call(address_key="k"), team(do_not_send=(DoNotSend(None, "k", NOW + timedelta(days=1)),)),
         team(do_not_send=(DoNotSend(None, "k", NOW),))),
        ("do_not_send", call(address_key="k"), team(do_not_send=(DoNotSend(None, "k", None),)),
         team(do_not_send=(DoNotSend(None, "other", None),))),
        ("refused_this_call", call(refused_by=frozenset({uid(1)})), team(), team(2)),
        ("in_emergency", call(), team(in_emergency=True), team()),
        ("minimum_crew", call(), team(crew=1), team(crew=2)),
        ("busy_here", call(), team(busy_here=True), team()),
        ("held", call(), team(held=True, offerable=False, reasons=("held",)), team()),
        ("not_offerable", call(), team(offerable=False, reasons=("break",)), team()),
        ("not_offerable", call(), team(held=True, offerable=False, reasons=("off_shift", "held")), team()),
        ("not_offerable", call(), team(offerable=False), team()),
        ("shift_ends", call(), team(shift_ends_at=NOW + timedelta(minutes=20)), team(shift_ends_at=NOW + timedelta(minutes=40))),
    ],
)  # fmt: skip
def test_each_rule_excludes_and_the_team_beside_it_is_sent(
    name: str, the_call: Waiting, the_team: Team, fits: Team
) -> None:
    assert rule(the_call, the_team) == name
    assert rule(the_call, fits) is None


def test_an_assigned_team_is_only_asked_whether_it_still_fits_the_facts() -> None:
    busy = team(busy_here=True, held=True, offerable=False, shift_ends_at=NOW)
    assert matching.why_not(call(), busy, POLICY, NOW, assigned=True) is None
    misfit = matching.why_not(call(required_languages=("ko",)), busy, POLICY, NOW, assigned=True)
    assert misfit is not None


@pytest.mark.parametrize(
    ("changes", "excluded"),
    [
        ({"catchment": {}}, None),
        ({"languages": ("en",)}, None),
        ({"shift_ends_at": NOW}, None),
        ({"disciplines": frozenset[str]()}, "discipline"),
        ({"crew": 1}, "minimum_crew"),
        ({"in_emergency": True}, "in_emergency"),
        ({"catchment": {}, "do_not_send": (DoNotSend("boyle-heights", None, None),)}, "do_not_send"),
        ({"busy_here": True}, "busy_here"),
    ],
)
def test_by_hand_some_rules_may_be_set_aside_and_those_of_safety_may_not(
    changes: dict[str, Any], excluded: str | None
) -> None:
    found = matching.why_not_by_hand(call(required_languages=("es",)), team(**changes), POLICY, NOW)
    assert (found.name if found else None) == excluded


def chosen(plan: matching.Plan) -> dict[int, int]:
    return {choice.incident_id.int: choice.team.id.int for choice in plan.choices}


def test_the_nearest_is_sent() -> None:
    plan = matching.decide([call()], [team(1, base=FAR), team(2)], None, POLICY, NOW)
    assert chosen(plan) == {100: 2}


def test_the_plans_first_discipline_is_sent_unless_it_is_much_farther() -> None:
    wanted = call(disciplines=("interrupter", "mediator"))
    teams = [team(1), team(2, base=NEXT_TOWN, disciplines=frozenset({"interrupter"}))]
    assert chosen(matching.decide([wanted], teams, None, POLICY, NOW)) == {100: 2}
    assert chosen(matching.decide([wanted], teams[:1], None, POLICY, NOW)) == {100: 1}


def test_a_preferred_language_wins_over_a_little_distance_and_excludes_nobody() -> None:
    wanted = call(preferred_languages=("ko",))
    teams = [team(1), team(2, base=NEAR, languages=("ko",))]
    assert chosen(matching.decide([wanted], teams, None, POLICY, NOW)) == {100: 2}
    assert chosen(matching.decide([wanted], teams[:1], None, POLICY, NOW)) == {100: 1}


@pytest.mark.parametrize("word", ["Cedar Street Peace Works", "CEDAR street peace works", str(UUID(int=7))])
def test_a_provider_that_the_plan_asks_first_wins_over_a_little_distance_and_excludes_nobody(word: str) -> None:
    asks = call(preferred_providers=("Somebody Else", word))
    theirs = team(2, base=NEAR, provider_id=uid(7), provider_name="Cedar Street Peace Works")
    assert chosen(matching.decide([call()], [team(1), theirs], None, POLICY, NOW)) == {100: 1}
    assert chosen(matching.decide([asks], [team(1), theirs], None, POLICY, NOW)) == {100: 2}
    assert chosen(matching.decide([asks], [team(1), replace(theirs, base=FAR)], None, POLICY, NOW)) == {100: 1}
    other, first = explanation.consider(asks, [team(1), replace(theirs, base=FAR)], None, POLICY, NOW)
    assert [(one.parts or {})["provider"] for one in (other, first)] == [300, 0]
    assert other.words.endswith("not of a provider that the neighborhood asks first.")


@pytest.mark.parametrize(
    ("more", "asks", "price_min"),
    [
        ({"disciplines": frozenset({"mediator", "interrupter"})}, {}, 5),
        ({"disciplines": frozenset({"mediator", "interrupter"})}, {"disciplines": ("mediator", "interrupter")}, 0),
        ({"languages": ("en", "es", "ko", "tl")}, {}, 5),
        ({"languages": ("en", "es", "ko")}, {"required_languages": ("ko",)}, 0),
        ({"languages": ("en", "es", "ko")}, {"preferred_languages": ("ko-KR",)}, 0),
        ({"disciplines": frozenset({"mediator", "interrupter"}), "languages": ("en", "es", "ko")}, {}, 10),
    ],
)
def test_what_a_team_can_do_and_the_call_does_not_need_is_kept_for_others_while_it_costs_little(
    more: dict[str, Any], asks: dict[str, Any], price_min: int
) -> None:
    able, plain = team(1, **more), team(2, base=NEAR)
    found = explanation.consider(call(**asks), [able, plain], None, POLICY, NOW)
    assert {one.team_id.int: (one.parts or {})["spare"] for one in found if one.parts}[1] == price_min * 60
    sent = chosen(matching.decide([call(**asks)], [able, plain], None, POLICY, NOW))
    assert sent == {100: 2 if price_min else 1}
    assert chosen(matching.decide([call(**asks)], [able, team(2, base=FAR)], None, POLICY, NOW)) == {100: 1}


def test_the_more_urgent_call_is_served_first_then_the_older_one() -> None:
    old, urgent = call(100, since=NOW - timedelta(minutes=20)), call(101, priority=1)
    plan = matching.decide([old, urgent], [team()], None, POLICY, NOW)
    assert chosen(plan) == {101: 1}
    assert plan.unmatched == ((uid(100), ReturnReason.ALL_TEAMS_BUSY),)
    younger = call(102)
    assert chosen(matching.decide([younger, old], [team()], None, POLICY, NOW)) == {100: 1}


def test_one_team_is_never_given_to_two_calls() -> None:
    plan = matching.decide([call(n) for n in range(100, 110)], [team(n) for n in range(1, 4)], None, POLICY, NOW)
    assert len(set(chosen(plan).values())) == len(plan.choices) == 3
    assert len(plan.unmatched) == 7


def test_the_same_input_in_another_order_gives_the_same_output() -> None:
    calls = [call(n, priority=1 + n % 2) for n in range(100, 108)]
    teams = [team(n, base=Place(34 + n / 100, -118.2)) for n in range(1, 6)]
    first = matching.decide(calls, teams, None, POLICY, NOW)
    assert matching.decide(calls[::-1], teams[::-1], None, POLICY, NOW) == first


def test_a_fresh_position_is_used_and_a_stale_or_future_one_is_not() -> None:
    for at, source in (
        (NOW - timedelta(minutes=1), "position"),
        (NOW - timedelta(minutes=11), "base"),
        (NOW + timedelta(seconds=61), "base"),
        (None, "base"),
    ):  # fmt: skip
        moved = team(position=Position(FAR, at))
        [one] = explanation.consider(call(), [moved], None, POLICY, NOW)
        assert one.drive_from == source


def test_a_team_or_a_call_without_a_place_is_ranked_last_and_not_excluded() -> None:
    ranked = explanation.consider(call(), [team(1, base=None), team(2, base=FAR)], None, POLICY, NOW)
    assert [(one.team_id.int, one.drive_s is None) for one in ranked] == [(2, False), (1, True)]
    [one] = explanation.consider(call(place=None), [team()], None, POLICY, NOW)
    assert (one.rank, one.drive_s) == (1, None)


def test_a_known_travel_time_wins_over_the_estimate() -> None:
    known = TravelTimes("osrm", {uid(100): 0}, {uid(1): 0}, np.array([[180.0]]))
    near, unknown = explanation.consider(call(), [team(base=FAR), team(2, base=FAR)], known, POLICY, NOW)
    assert (near.drive_s, near.drive_from) == (180, "osrm")
    assert (unknown.drive_from, unknown.drive_s is not None) == ("base", True)


@pytest.mark.parametrize(
    ("teams", "reason"),
    [
        ([], ReturnReason.NO_TEAM_ON_DUTY),
        ([team(offerable=False, reasons=("off_duty",))], ReturnReason.NO_TEAM_ON_DUTY),
        ([team(disciplines=frozenset[str](), busy_here=True)], ReturnReason.NO_TEAM_ON_DUTY),
        ([team(busy_here=True)], ReturnReason.ALL_TEAMS_BUSY),
        (
            [team(offerable=False, reasons=("held",), held=True), team(2, disciplines=frozenset[str]())],
            ReturnReason.ALL_TEAMS_BUSY,
        ),
    ],
)
def test_why_nobody_goes(teams: list[Team], reason: ReturnReason) -> None:
    assert matching.decide([call()], teams, None, POLICY, NOW).unmatched == ((uid(100), reason),)


def test_a_known_distance() -> None:
    city_hall, santa_monica = Place(34.0537, -118.2428), Place(34.0100, -118.4962)
    assert travel.distance_m(city_hall, santa_monica) == pytest.approx(23_850, rel=0.01)
