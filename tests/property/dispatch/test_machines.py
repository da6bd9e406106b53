"""What no sequence of actions may break."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import deadlines, guards
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.assignment import LIVE, TERMINAL, Action, IllegalTransition, Status, decide
from services.dispatch.domain.deadlines import Act, Durations, Trip
from services.dispatch.domain.guards import Wish
from services.dispatch.domain.silence import LONGEST_SILENCE, heard_recently

NOW = datetime(2026, 11, 24, tzinfo=UTC)
statuses = st.sampled_from(Status)
moments = st.integers(0, 10**9).map(lambda s: NOW + timedelta(seconds=s - 5 * 10**8))
wishes = st.builds(
    Wish,
    wanted=st.sampled_from(["civilian", "withdrawn"]),
    may_offer=st.booleans(),
    may_depart=st.booleans(),
    verdict=st.sampled_from(["safe", "review", "unsafe", None]),
    reason=st.sampled_from([None, "police_staged", "review", "risk_rose"]),
)


@given(st.lists(st.sampled_from(Action)))
def test_no_sequence_of_actions_leaves_a_terminal_status_or_visits_one_twice(actions: list[Action]) -> None:
    status, ends_as = Status.HOLDING, None
    visited = [status]
    for action in actions:
        with suppress(IllegalTransition):
            move = decide(status, action, ends_as)
            assert move.before not in TERMINAL
            if not move.is_mark:
                assert move.after not in visited
                visited.append(move.after)
            status, ends_as = move.after, move.ends_as or ends_as


@given(st.lists(st.sampled_from(Action)))
def test_a_team_that_accepted_is_free_only_after_its_crew_said_so(actions: list[Action]) -> None:
    status, ends_as, accepted = Status.HOLDING, None, False
    for action in actions:
        with suppress(IllegalTransition):
            move = decide(status, action, ends_as)
            status, ends_as = move.after, move.ends_as or ends_as
            if accepted and status in TERMINAL:
                assert action is Action.CLEAR
            accepted = accepted or status is Status.ACCEPTED


@given(st.lists(st.sampled_from(incidents.Action)))
def test_an_incident_that_has_ended_stays_ended(actions: list[incidents.Action]) -> None:
    status = incidents.Status.WAITING
    for action in actions:
        with suppress(incidents.IncidentOver):
            move = incidents.decide(status, action)
            assert move.before is not incidents.Status.ENDED
            status = move.after


@given(wishes, statuses, moments, st.one_of(st.none(), st.integers(-60, 60)))
def test_whatever_is_known_nobody_goes_unless_all_is_safe_and_heard(
    wish: Wish, status: Status, now: datetime, ago_s: int | None
) -> None:
    heard = None if ago_s is None else now - timedelta(seconds=ago_s)
    is_heard = heard_recently(heard, now)
    for action in guards.open_actions(status, wish, is_heard=is_heard):
        if action in {Action.ACCEPT, Action.DEPART, Action.ARRIVE}:
            assert heard is not None
            assert timedelta(0) <= now - heard < LONGEST_SILENCE
            assert wish.wanted == "civilian"
            assert wish.verdict == "safe"
            assert wish.may_offer if action is Action.ACCEPT else wish.may_depart


@given(wishes, st.sampled_from(["may_offer", "may_depart", "wanted", "verdict"]), statuses)
def test_a_worse_wish_never_allows_more(wish: Wish, worse: str, status: Status) -> None:
    value: Any = {"may_offer": False, "may_depart": False, "wanted": "withdrawn", "verdict": "unsafe"}[worse]
    before = set(guards.open_actions(status, wish, is_heard=True))
    after = set(guards.open_actions(status, wish._replace(**{worse: value}), is_heard=True))
    assert after <= before


@given(st.sampled_from(sorted(LIVE)), wishes, moments, st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_every_live_assignment_comes_to_an_act_that_is_not_an_alert(
    status: Status, wish: Wish, now: datetime, drive: timedelta
) -> None:
    trip = Trip(scheduled=False, drive=drive, assign_by=now + timedelta(minutes=20))
    deadline = deadlines.first(status, wish, trip, now, Durations())
    assert deadline is not None
    for _ in range(3):
        assert deadline.act_by > now
        what = deadlines.act(deadline.watch, deadline.stage)
        if what is not Act.ALERT:
            return
        now = deadline.act_by
        deadline = deadlines.after(deadline.watch, deadline.stage, now, Durations())
    raise AssertionError("three alerts in a row")


def test_the_statuses_of_the_wire_are_all_there() -> None:
    assert {status.value for status in assignments.LIVE} == {
        "holding", "offered", "accepted", "en_route", "on_scene", "withdrawing",
    }  # fmt: skip
    assert {status.value for status in TERMINAL} == {
        "cleared",
        "declined",
        "expired",
        "cancelled",
        "recalled",
        "escalated",
    }
