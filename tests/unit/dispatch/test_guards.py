"""What an action needs beyond its status, refusal beside acceptance (rules D-1 to D-4)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.dispatch.domain import guards
from services.dispatch.domain.assignment import Action, Status, legal_actions
from services.dispatch.domain.guards import Guard, Wish
from services.dispatch.domain.silence import LONGEST_SILENCE, heard_recently

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
SAFE = Wish("civilian", may_offer=True, may_depart=True, verdict="safe")
UNSAFE = [
    SAFE._replace(wanted="withdrawn"),
    SAFE._replace(verdict="review"),
    SAFE._replace(verdict="unsafe"),
    SAFE._replace(verdict=None),
    SAFE._replace(verdict="SAFE"),
]


def test_a_safe_wish_may_be_offered_and_departed_for() -> None:
    assert guards.may_be_offered(SAFE)
    assert guards.may_be_departed_for(SAFE)
    assert guards.awaited(SAFE) == ()


@pytest.mark.parametrize("wish", UNSAFE)
def test_nothing_but_safe_is_offered_or_departed_for(wish: Wish) -> None:
    assert not guards.may_be_offered(wish)
    assert not guards.may_be_departed_for(wish)


def test_may_offer_and_may_depart_each_forbid_one_thing() -> None:
    assert not guards.may_be_offered(SAFE._replace(may_offer=False))
    assert guards.may_be_departed_for(SAFE._replace(may_offer=False))
    assert guards.may_be_offered(SAFE._replace(may_depart=False))
    assert not guards.may_be_departed_for(SAFE._replace(may_depart=False))


def test_what_is_awaited_is_police_or_else_a_review() -> None:
    assert guards.awaited(SAFE._replace(may_depart=False, reason="police_staged")) == ("police_staged",)
    assert guards.awaited(SAFE._replace(may_depart=False, reason="review")) == ("review",)
    assert guards.awaited(SAFE._replace(may_depart=False)) == ("review",)


@pytest.mark.parametrize(
    ("ago", "heard"),
    [
        (timedelta(0), True),
        (timedelta(seconds=29.999), True),
        (LONGEST_SILENCE, False),
        (timedelta(days=1), False),
        (timedelta(microseconds=-1), False),
    ],
)
def test_intake_is_heard_for_less_than_30_seconds_and_never_from_the_future(ago: timedelta, heard: bool) -> None:
    assert heard_recently(NOW - ago, NOW) is heard


def test_never_heard_is_silence() -> None:
    assert not heard_recently(None, NOW)


def test_an_offer_is_open_until_its_time_and_not_at_it() -> None:
    assert guards.is_open(NOW + timedelta(microseconds=1), NOW)
    assert not guards.is_open(NOW, NOW)
    assert not guards.is_open(None, NOW)


def test_whoever_is_sent_anywhere_is_guarded_and_whoever_needs_help_is_not() -> None:
    assert {action for action, needs in guards.NEEDS.items() if Guard.HEARD in needs} == {
        Action.OFFER, Action.ACCEPT, Action.DEPART, Action.ARRIVE,
    }  # fmt: skip
    for always in (
        Action.CHECK_IN,
        Action.ESCALATE,
        Action.CLEAR,
        Action.DECLINE,
        Action.ACKNOWLEDGE_RECALL,
        Action.RECALL,
    ):
        assert always not in guards.NEEDS


@pytest.mark.parametrize("status", Status)
def test_what_a_crew_is_shown_as_legal_shrinks_with_each_guard(status: Status) -> None:
    everything = guards.open_actions(status, SAFE, is_heard=True)
    assert everything == legal_actions(status)
    silent = set(guards.open_actions(status, SAFE, is_heard=False))
    assert silent == set(everything) - {Action.ACCEPT, Action.DEPART, Action.ARRIVE}
    staged = set(guards.open_actions(status, SAFE._replace(may_depart=False), is_heard=True))
    assert staged == set(everything) - {Action.DEPART, Action.ARRIVE}
