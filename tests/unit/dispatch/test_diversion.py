"""A team that drives to a call is taken off it for one of priority 1: when, once each, and never without a successor."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.dispatch.domain import matching
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.diversion import Diversion, UnderWay
from services.dispatch.domain.lookahead import Work, expected_free
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting
from tests.unit.dispatch.test_lookahead import at_work, minutes
from tests.unit.dispatch.test_matching import HERE, NOW, call, team

POLICY = Policy()
NORTH = Place(34.12, -118.2106)
"""About 8 km from HERE: 14 min at this hour."""


def urgent(n: int = 100, **changes: Any) -> Waiting:
    return call(n, priority=1, **changes)


def driving(n: int = 1, to: Waiting | None = None, left: float = 20, **changes: Any) -> UnderWay:
    """A team that is at HERE now, on its way to a call in the north."""
    able = replace(team(n), position=Position(HERE, NOW), **changes)
    return UnderWay(able, to or call(200, place=NORTH), NOW + minutes(left))


def seen(one: UnderWay) -> Team:
    """The same team as the round has it: at work until its call is done."""
    return at_work(one.team.id.int, free_in=60)


def diverted(
    calls: Sequence[Waiting], teams: Sequence[Team], under_way: Sequence[UnderWay], policy: Policy = POLICY
) -> Diversion | None:
    everybody = [*teams, *(seen(one) for one in under_way)]
    return matching.decide(calls, everybody, None, policy, NOW, under_way).diversion


def soon_free(n: int = 2, free_in: float = 30) -> Team:
    return at_work(n, free_in=free_in)


def test_the_team_that_drives_by_turns_around_and_somebody_else_goes_to_its_call() -> None:
    one = driving()
    found = diverted([urgent()], [soon_free()], [one])
    assert found is not None
    assert (found.incident_id.int, found.team.id.int, found.taken_from.int) == (100, 1, 200)
    assert found.successor.id.int == 2
    assert found.drive_s == 120, "the turn-out: it is there already"
    assert found.saves_s == 30 * 60
    assert found.words == (
        "Team 1 is taken off the call that it drives to: 2 min away, 30 min sooner than anybody else."
        " Team 2 should go there instead."
    )


def test_the_plan_itself_is_the_same_with_and_without_teams_that_may_turn() -> None:
    one = driving()
    calls, teams = [urgent(), call(101)], [soon_free(), seen(one)]
    with_it = matching.decide(calls, teams, None, POLICY, NOW, [one])
    assert with_it.diversion is not None
    assert replace(with_it, diversion=None) == matching.decide(calls, teams, None, POLICY, NOW)


@pytest.mark.parametrize(
    ("why", "calls", "teams", "one"),
    [
        ("a free team is sent", [urgent()], [team(2, base=NORTH), soon_free(3, free_in=45)], driving()),
        ("the call is not of priority 1", [call()], [soon_free()], driving()),
        ("its own call is as urgent", [urgent()], [soon_free()], driving(to=urgent(200, place=NORTH), left=60)),
        ("it is nearly there", [urgent()], [soon_free()], driving(left=4)),
        ("another is there nearly as soon", [urgent()], [soon_free(free_in=9)], driving()),
        ("nobody could go to its call", [urgent()], [], driving()),
        ("nobody who fits could go to its call", [urgent()], [soon_free()], driving(to=call(200, place=NORTH, required_languages=("ko",)))),
        ("the only other team refused its call", [urgent()], [soon_free()],
         driving(to=call(200, place=NORTH, refused_by=frozenset({team(2).id})))),
        ("its call is about to be returned", [urgent(disciplines=("interrupter",))], [team(2, base=NORTH)],
         driving(to=call(200, place=NORTH, assign_by=NOW + minutes(2)), disciplines=frozenset({"mediator", "interrupter"}))),
        ("the urgent call is about to be returned", [urgent(assign_by=NOW + minutes(2))], [soon_free()], driving()),
        ("it is not trained for it", [urgent(disciplines=("interrupter",))],
         [replace(soon_free(), disciplines=frozenset({"mediator", "interrupter"}))], driving()),
        ("it must not go there", [urgent(refused_by=frozenset({team(1).id}))], [soon_free()], driving()),
        ("nobody knows where it is", [urgent()], [soon_free()],
         driving()._replace(team=team(1))),
        ("nobody has known for long where it is", [urgent()], [soon_free()],
         driving()._replace(team=replace(team(1), position=Position(HERE, NOW - minutes(11))))),
        ("its crew has called an emergency", [urgent()], [soon_free()], driving(in_emergency=True)),
        ("its shift ends", [urgent()], [soon_free()], driving(shift_ends_at=NOW + minutes(20))),
        ("its tablet is silent", [urgent()], [soon_free()], driving(offerable=False, reasons=("tablet_silent",))),
    ],
)  # fmt: skip
def test_nobody_turns_around_when(why: str, calls: list[Waiting], teams: list[Team], one: UnderWay) -> None:
    assert diverted(calls, teams, [one]) is None, why


def test_in_each_of_those_scenes_somebody_would_but_for_that() -> None:
    both = frozenset({"mediator", "interrupter"})
    assert (
        diverted([urgent(disciplines=("interrupter",))], [team(2, base=NORTH)], [driving(disciplines=both)]) is not None
    )
    assert diverted([urgent()], [soon_free(3, free_in=45)], [driving()]) is not None
    assert diverted([urgent()], [soon_free()], [driving(left=60)]) is not None


def test_nobody_turns_around_where_that_is_switched_off() -> None:
    assert diverted([urgent()], [soon_free()], [driving()], replace(POLICY, divert_saves=None)) is None


def test_a_team_that_is_kept_for_another_call_is_nobodys_successor() -> None:
    one = driving(disciplines=frozenset({"mediator", "interrupter"}))
    fight, quarrel = urgent(disciplines=("interrupter",)), call(101)
    found = diverted([fight], [soon_free()], [one])
    assert found is not None
    assert found.successor.id.int == 2
    assert diverted([fight, quarrel], [soon_free()], [one]) is None, "team 2 is kept for the quarrel"


def test_a_team_that_is_kept_for_the_urgent_call_itself_is_given_back_to_the_other() -> None:
    plan = matching.decide([urgent()], [soon_free(), seen(driving())], None, POLICY, NOW, [driving()])
    assert [hold.team.id.int for hold in plan.holds] == [2]
    assert plan.diversion is not None
    assert plan.diversion.successor.id.int == 2


def test_of_two_teams_the_one_whose_call_loses_less_turns_around() -> None:
    near_its_end, at_its_begin = driving(1, left=6), driving(3, to=call(201, place=NORTH), left=40)
    found = diverted([urgent()], [soon_free(2), soon_free(4)], [near_its_end, at_its_begin])
    assert found is not None
    assert found.team.id.int == 3


@pytest.mark.parametrize(("free_in", "turns"), [(20, True), (150, False)])
def test_what_is_saved_must_be_worth_more_than_what_the_other_call_loses(free_in: float, turns: bool) -> None:
    """A minute at priority 1 counts three: somebody there 20 minutes sooner, and the other call half an hour later or hours."""
    fight = urgent(disciplines=("interrupter",))
    able = driving(left=15, disciplines=frozenset({"mediator", "interrupter"}))
    interrupter = replace(soon_free(3, free_in=20), disciplines=frozenset({"interrupter"}))
    assert (diverted([fight], [interrupter, soon_free(2, free_in=free_in)], [able]) is not None) is turns


def test_the_same_input_in_another_order_gives_the_same_diversion() -> None:
    under_way = [driving(1), driving(3, to=call(201, place=NORTH), left=30)]
    calls, teams = [urgent(100), urgent(101)], [soon_free(2), soon_free(4), soon_free(5)]
    found = diverted(calls, teams, under_way)
    assert found is not None
    assert diverted(calls[::-1], teams[::-1], under_way[::-1]) == found


def test_a_team_that_turns_around_is_expected_at_once_and_not_for_long() -> None:
    def turning(since: float) -> Work:
        return Work(Status.WITHDRAWING, "mediator", HERE, turns_since=NOW - minutes(since))

    assert expected_free(turning(0), POLICY, NOW) == Busy(NOW + timedelta(minutes=2), HERE)
    assert expected_free(turning(2.9), POLICY, NOW) is not None
    assert expected_free(turning(3), POLICY, NOW) is None
