"""Busy teams: when they should be free, when a call is kept for one, and how that is said."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatch.domain import explanation, matching
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.lookahead import SOON, Work, expected_free, remaining
from services.dispatch.domain.masks import hold_until
from services.dispatch.domain.policy import OnScene, Policy, equity_weight
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting
from tests.unit.dispatch.test_matching import FAR, HERE, NOW, call, chosen, team

POLICY = Policy()
LAW = OnScene(timedelta(minutes=60), 0.5)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def at_work(n: int = 1, free_in: float = 9, **changes: Any) -> Team:
    return replace(
        team(n, **changes),
        busy_here=True,
        held=True,
        offerable=False,
        reasons=("held",),
        busy=Busy(NOW + minutes(free_in), HERE),
    )


def kept(plan: matching.Plan) -> dict[int, int]:
    return {hold.incident_id.int: hold.team.id.int for hold in plan.holds}


def decided(calls: list[Waiting], teams: list[Team], policy: Policy = POLICY, now: datetime = NOW) -> matching.Plan:
    return matching.decide(calls, teams, None, policy, now)


def test_what_is_left_of_work_is_its_mean_at_first_and_then_less_but_never_nothing() -> None:
    left = [remaining(LAW, minutes(elapsed)) for elapsed in (0, 20, 40, 60, 120, 600, 6000)]
    assert left[0] == LAW.mean
    assert left[0] > left[1] > left[2] > left[3] > timedelta(0)
    assert all(one > timedelta(0) for one in left)
    assert left[-1] == left[-2], "what lasts absurdly long says nothing more"


def test_what_is_left_agrees_with_the_law_that_it_is_drawn_from() -> None:
    import numpy as np

    variance = np.log(1.25)
    drawn = 60 * np.exp(np.random.default_rng(1).normal(-variance / 2, np.sqrt(variance), 200_000))
    for elapsed in (30, 60, 90):
        seen = (drawn[drawn > elapsed] - elapsed).mean()
        assert remaining(LAW, minutes(elapsed)) / minutes(1) == pytest.approx(seen, rel=0.02)


@pytest.mark.parametrize(
    ("work", "free_in", "said_by"),
    [
        (Work(Status.ON_SCENE, "mediator", HERE, expected_clear_at=NOW + minutes(7)), 7, "crew"),
        (Work(Status.ON_SCENE, "mediator", HERE, expected_clear_at=NOW - minutes(7)), 2, "crew"),
        (Work(Status.ON_SCENE, "mediator", HERE, arrived_at=NOW), 30, "estimate"),
        (Work(Status.ON_SCENE, "restorative_justice", HERE, arrived_at=NOW), 60, "estimate"),
        (Work(Status.EN_ROUTE, "mediator", HERE, eta=NOW + minutes(5)), 35, "estimate"),
        (Work(Status.EN_ROUTE, "mediator", HERE, eta=NOW - minutes(5)), 30, "estimate"),
        (Work(Status.OFFERED, "mediator", HERE, drive=minutes(10)), 40, "estimate"),
        (Work(Status.HOLDING, None, HERE), 150, "estimate"),
    ],
)
def test_when_a_team_is_expected_to_be_free(work: Work, free_in: float, said_by: str) -> None:
    assert expected_free(work, POLICY, NOW) == Busy(NOW + minutes(free_in), HERE, said_by)


def test_a_team_that_is_called_off_is_nobodys_next_team() -> None:
    assert expected_free(Work(Status.WITHDRAWING, "mediator", HERE), POLICY, NOW) is None
    assert minutes(2) == SOON


def test_a_call_is_kept_for_a_busy_team_that_will_be_there_sooner_than_the_free_one() -> None:
    plan = decided([call()], [at_work(1), team(2, base=FAR)])
    assert (kept(plan), chosen(plan)) == ({100: 1}, {})
    assert chosen(decided([call()], [at_work(1, free_in=500), team(2, base=FAR)])) == {100: 2}


def test_a_hold_is_said_in_the_words_of_a_dispatcher() -> None:
    plan = decided([call()], [replace(at_work(1), name="Team 12"), team(2, base=FAR)])
    said = explanation.hold_words(plan.board, *plan.place_of(UUID(int=100), UUID(int=1)))
    assert said == "Team 12 should be clear in 9 min, 2 min away; best free team is 93 min away."
    alone = decided([call()], [replace(at_work(1), busy=Busy(NOW + minutes(5), HERE, "crew"))])
    said = explanation.hold_words(alone.board, 0, 0)
    assert said == "Team 1 says it will be clear in 5 min, 2 min away; no free team can go."


@pytest.mark.parametrize(
    ("priority", "waited", "assign_in", "ends_after"),
    [
        (1, 0, None, 60), (2, 0, None, 180), (3, 0, None, 180),
        (1, 0, 20, 16), (2, 0, 60, 48), (3, 0, 24 * 60, 180), (2, 30, 30, 48),
    ],
)  # fmt: skip
def test_a_hold_ends_at_four_fifths_of_the_deadline_or_sooner(
    priority: int, waited: float, assign_in: float | None, ends_after: float
) -> None:
    since = NOW - minutes(waited)
    one = call(priority=priority, since=since, assign_by=None if assign_in is None else NOW + minutes(assign_in))
    assert hold_until(one, POLICY) == since + minutes(ends_after)


def test_when_its_hold_has_ended_a_call_goes_to_the_free_team_however_far() -> None:
    late = call(since=NOW - minutes(49), assign_by=NOW + minutes(11))
    plan = decided([late], [at_work(1), team(2, base=FAR)])
    assert (kept(plan), chosen(plan)) == ({}, {100: 2})
    only_busy = decided([late], [at_work(1)])
    assert [one.reason for one in only_busy.unmatched] == ["all_teams_busy"]


def test_nobody_waits_for_a_team_that_will_not_be_free_before_the_hold_ends() -> None:
    soon = call(since=NOW - minutes(40), assign_by=NOW + minutes(20))
    assert chosen(decided([soon], [at_work(1, free_in=9), team(2, base=FAR)])) == {100: 2}


def test_a_call_that_is_about_to_be_returned_is_served_before_one_that_is_not() -> None:
    """One team, two calls of the same age: the one whose time runs out goes first, whatever the order of their ids."""
    since = NOW - minutes(30)
    early = call(100, since=since, assign_by=NOW + minutes(90))
    late = call(101, since=since, assign_by=NOW + minutes(5))
    assert chosen(decided([early, late], [team(1)])) == {101: 1}
    assert chosen(
        decided([replace(early, assign_by=late.assign_by), replace(late, assign_by=early.assign_by)], [team(1)])
    ) == {100: 1}


def an_urgent_call(n: int, waited: float, within: float | None = 20) -> Waiting:
    since = NOW - minutes(waited)
    return call(n, priority=1, since=since, assign_by=None if within is None else since + minutes(within))


def about_to_be_returned(n: int = 101) -> Waiting:
    return call(n, since=NOW - minutes(58), assign_by=NOW + minutes(2))


@pytest.mark.parametrize(("waited", "first"), [(4.9, 101), (5, 100), (19, 100)])
def test_an_urgent_call_that_has_used_up_a_quarter_of_its_time_goes_before_every_other(
    waited: float, first: int
) -> None:
    assert chosen(decided([an_urgent_call(100, waited), about_to_be_returned()], [team(1)])) == {first: 1}


def test_whoever_goes_first_is_still_sent_the_team_that_costs_least_for_all() -> None:
    """Being first decides who is left over, not which team goes: the far call gets the far team."""
    far = replace(an_urgent_call(100, 6), place=FAR)
    assert chosen(decided([far, about_to_be_returned()], [team(1), team(2, base=FAR)])) == {100: 2, 101: 1}


def test_of_two_calls_that_go_first_the_one_with_less_time_left_goes() -> None:
    assert chosen(decided([an_urgent_call(100, 12), an_urgent_call(101, 15)], [team(1)])) == {101: 1}


def test_without_a_deadline_no_call_goes_first() -> None:
    rounds = [an_urgent_call(100, 50, within=None), call(101, since=NOW - minutes(230))]
    plan = decided(rounds, [team(1)])
    assert chosen(plan) == {101: 1}, "its age alone outweighs the urgency of the other"
    assert plan.board.left_s == (None, None)
    never = replace(POLICY, first_share={})
    assert (decided(rounds, [team(1)], never).board.cost == plan.board.cost).all()


def test_who_goes_first_and_who_waits_for_it_are_told_why() -> None:
    plan = decided([an_urgent_call(100, 6), about_to_be_returned()], [team(1)])
    assert explanation.first_words(plan.board, 0) == "This call goes first: 14 min are left to find it a team."
    assert explanation.first_words(plan.board, 1) == ""
    yields = "Team 1 goes first to another call: 14 min are left to find that one a team."
    assert explanation.nobody_words(plan.board, 1, plan.sent) == yields
    [one] = explanation.explain(plan.board, 0, 0, 4).ranked
    assert one.parts is not None
    assert one.parts["deadline"] == -POLICY.first_bonus.total_seconds()
    assert one.cost == sum(one.parts.values())
    alone = decided([about_to_be_returned()], [])
    assert explanation.nobody_words(alone.board, 0, alone.sent).startswith("No team can be sent")


def test_a_hold_says_that_the_free_team_goes_first_to_another_call() -> None:
    waits = call(101, since=NOW - minutes(20), assign_by=NOW + minutes(40))
    plan = decided([an_urgent_call(100, 6), waits], [team(1), at_work(2)])
    assert (chosen(plan), kept(plan)) == ({100: 1}, {101: 2})
    said = explanation.hold_words(plan.board, *plan.place_of(UUID(int=101), UUID(int=2)), plan.sent)
    assert said.endswith("Team 1 goes first to another call: 14 min are left to find that one a team.")


def test_an_urgent_call_is_kept_only_if_that_saves_five_minutes() -> None:
    free_now = team(2, base=Place(34.0443, -118.1706))  # about 12 min away at this hour
    assert kept(decided([call(priority=1)], [at_work(1, free_in=1), free_now])) == {100: 1}
    assert chosen(decided([call(priority=1)], [at_work(1, free_in=6), free_now])) == {100: 2}
    [one, _] = explanation.consider(call(priority=1), [at_work(1, free_in=6), free_now], None, POLICY, NOW)[::-1]
    assert one.excluded_by == "hold_saves_little"


def test_a_busy_team_is_never_sent_and_never_assigned_by_hand() -> None:
    plan = decided([call()], [at_work(1, free_in=0.001)])
    assert (kept(plan), chosen(plan)) == ({100: 1}, {})
    refused = matching.why_not_by_hand(call(), at_work(1), POLICY, NOW)
    assert refused is not None
    assert refused.name == "busy_here"


def test_the_price_on_driving_spares_a_far_team_that_a_nearer_one_would_replace() -> None:
    busy, free = at_work(1, free_in=14), team(2, base=Place(34.0443, -118.1706))
    dear = replace(POLICY, drive_price=1.0)
    cheap = replace(POLICY, drive_price=0.0)
    assert kept(decided([call()], [busy, free], dear)) == {100: 1}
    assert chosen(decided([call()], [busy, free], cheap)) == {100: 2}


def test_a_team_that_knows_the_address_and_one_at_home_are_preferred() -> None:
    known = call(known_to=frozenset({UUID(int=2)}))
    assert chosen(decided([known], [team(1), team(2)])) == {100: 2}
    assert chosen(decided([call()], [team(1, catchment={"boyle-heights": "also_serves"}), team(2)])) == {100: 2}


def test_a_published_weight_serves_a_neighborhood_that_waits_longer_first() -> None:
    one, other = call(100), call(101, neighborhood="sylmar", catchment=("sylmar",))
    everywhere = team(1, catchment={"boyle-heights": "home", "sylmar": "home"})
    aged = [replace(each, since=NOW - minutes(30)) for each in (one, other)]
    assert chosen(decided(aged, [everywhere])) == {100: 1}
    assert chosen(decided(aged, [everywhere], replace(POLICY, equity={"sylmar": 1.3}))) == {101: 1}


def test_the_equity_weight_rises_with_the_wait_and_is_capped() -> None:
    assert equity_weight(minutes(30), minutes(40)) == 1
    assert equity_weight(minutes(50), minutes(40)) == pytest.approx(1.125)
    assert equity_weight(minutes(500), minutes(40)) == 1.5


@pytest.mark.parametrize(
    ("place", "at", "why"),
    [
        (HERE, NOW - minutes(25), "its position is 25 min old"),
        (HERE, NOW + minutes(5), "its position is of the future"),
        (Place(0, 0), NOW, "its position is 0, 0"),
        (Place(40.7, -74.0), NOW, "its position is too far from its base"),
        (HERE, None, "its position is of unknown age"),
    ],
)
def test_a_position_that_is_not_believed_is_said_with_its_reason(place: Place, at: datetime | None, why: str) -> None:
    [one] = explanation.consider(call(), [team(position=Position(place, at), base=HERE)], None, POLICY, NOW)
    assert (one.drive_from, one.words) == ("base", f"2 min away from its base ({why}).")


def test_the_chosen_team_comes_first_and_the_next_three_follow_with_their_costs() -> None:
    teams = [team(n, base=Place(34.0443, -118.2106 + n / 100)) for n in range(1, 8)]
    plan = decided([call()], [*teams, team(9, crew=1)])
    row, column = plan.place_of(UUID(int=100), plan.choices[0].team.id)
    found = explanation.explain(plan.board, row, column, POLICY.explained)
    ranked = found.ranked
    assert [one.team_id.int for one in ranked] == [1, 2, 3, 4]
    assert all(one.cost == sum((one.parts or {}).values()) for one in ranked)
    assert [one.cost for one in ranked] == sorted(one.cost or 0 for one in ranked)
    assert [*found.excluded] == [("minimum_crew", 7)]


def test_a_team_that_serves_another_call_still_explains_why_it_was_not_chosen() -> None:
    """The cheapest team of one call may be worth more to another: it is ranked below the chosen one, with its lower cost."""
    old = call(100, since=NOW - minutes(5))
    urgent = call(101, priority=1, since=NOW - minutes(5))
    plan = decided([old, urgent], [team(1), team(2, base=Place(34.08, -118.3))])
    assert chosen(plan) == {100: 2, 101: 1}
    row, column = plan.place_of(UUID(int=100), UUID(int=2))
    ranked = explanation.explain(plan.board, row, column, POLICY.explained).ranked
    assert [one.team_id.int for one in ranked] == [2, 1]
    assert (ranked[0].cost or 0) > (ranked[1].cost or 0)
