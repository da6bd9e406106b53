"""The life of an assignment: every status with every action."""

import pytest

from services.dispatch.domain.assignment import (
    BEFORE_ACCEPTANCE,
    CREW_ACTIONS,
    ENDS_AS,
    LIVE,
    MARKS,
    TERMINAL,
    TRANSITIONS,
    Action,
    IllegalTransition,
    Status,
    decide,
    edges,
    legal_actions,
)

EXPECTED = {
    Status.HOLDING: {Action.OFFER: "offered", Action.ABANDON: "cancelled", Action.CANCEL: "cancelled", Action.RECALL: "recalled"},
    Status.OFFERED: {
        Action.ACCEPT: "accepted", Action.DECLINE: "declined", Action.EXPIRE: "expired", Action.CANCEL: "cancelled",
        Action.RECALL: "recalled",
    },
    Status.ACCEPTED: {
        Action.DEPART: "en_route", Action.ARRIVE: "on_scene", Action.EXPIRE: "withdrawing", Action.CANCEL: "withdrawing",
        Action.RECALL: "withdrawing", Action.ESCALATE: "withdrawing",
    },
    Status.EN_ROUTE: {
        Action.ARRIVE: "on_scene", Action.CANCEL: "withdrawing", Action.RECALL: "withdrawing", Action.ESCALATE: "withdrawing",
        Action.CHECK_IN: "en_route",
    },
    Status.ON_SCENE: {
        Action.CLEAR: "cleared", Action.RECALL: "withdrawing", Action.ESCALATE: "withdrawing", Action.CHECK_IN: "on_scene",
    },
    Status.WITHDRAWING: {
        Action.ACKNOWLEDGE_RECALL: "withdrawing", Action.RECALL: "withdrawing", Action.ESCALATE: "withdrawing",
    },
}  # fmt: skip
"""Written a second time on purpose: a change of the table is a change of the contract."""


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", Status)
def test_every_status_with_every_action(status: Status, action: Action) -> None:
    expected = EXPECTED.get(status, {}).get(action)
    if expected is None:
        with pytest.raises(IllegalTransition) as refused:
            decide(status, action)
        assert refused.value.facts["assignment_status"] == status
        assert refused.value.facts["actions"] == list(legal_actions(status))
    else:
        move = decide(status, action)
        assert move.after == expected
        assert (move.ends_as is not None) == (
            move.after is Status.WITHDRAWING and move.before is not Status.WITHDRAWING
        )


@pytest.mark.parametrize("end", ENDS_AS.values())
def test_a_withdrawing_assignment_ends_as_it_was_called_off(end: Status) -> None:
    assert decide(Status.WITHDRAWING, Action.CLEAR, end).after is end


def test_a_withdrawing_assignment_that_does_not_know_how_it_ends_cannot_be_cleared() -> None:
    with pytest.raises(IllegalTransition):
        decide(Status.WITHDRAWING, Action.CLEAR)


@pytest.mark.parametrize("status", sorted(LIVE))
def test_a_recall_is_legal_from_every_live_status(status: Status) -> None:
    after = decide(status, Action.RECALL).after
    assert after is (Status.RECALLED if status in BEFORE_ACCEPTANCE else Status.WITHDRAWING)


def test_cancel_does_not_touch_an_assignment_on_scene() -> None:
    with pytest.raises(IllegalTransition):
        decide(Status.ON_SCENE, Action.CANCEL)


def test_only_the_crew_ends_work_that_it_has_accepted() -> None:
    for (before, action), after in TRANSITIONS.items():
        if before not in BEFORE_ACCEPTANCE and after in TERMINAL:
            assert action in CREW_ACTIONS


def test_no_assignment_can_visit_a_status_twice() -> None:
    order = {status: place for place, status in enumerate(Status)}
    for before, _, after in edges():
        assert order[after] > order[before], "every move goes forward in the order of the enumeration"


def test_what_a_crew_may_send_is_legal_and_nothing_else_is() -> None:
    for status in Status:
        for action in CREW_ACTIONS:
            ends_as = Status.RECALLED if status is Status.WITHDRAWING else None
            try:
                decide(status, action, ends_as)
            except IllegalTransition:
                assert action not in legal_actions(status)
            else:
                assert action in legal_actions(status)


def test_marks_are_not_moves() -> None:
    for status, action in MARKS:
        assert decide(status, action).is_mark
    assert not any(decide(status, action).is_mark for status, action in TRANSITIONS)
