"""Life of one assignment: the commitment of one team to one incident. Diagram: docs/states.md.

An assignment never visits a status twice, so the status is the fence of the crew's actions. Work that is taken away from a crew that
has accepted ends through `withdrawing`: still live, still holding its team, until the crew says that it is away.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from shared.errors import Refusal


class Status(StrEnum):
    """Where an assignment is."""

    HOLDING = "holding"  # chosen; the team is being held at the teams service and knows nothing yet
    OFFERED = "offered"  # on the team's tablet, waiting for its answer
    ACCEPTED = "accepted"  # the crew said yes; nobody is moving yet
    EN_ROUTE = "en_route"  # the crew reports that it has left
    ON_SCENE = "on_scene"  # the crew is with the people
    WITHDRAWING = "withdrawing"  # called off; the crew has not yet said that it is away
    CLEARED = "cleared"  # the crew is done; the outcome is recorded
    DECLINED = "declined"  # the crew said no
    EXPIRED = "expired"  # no answer, or no departure, in time
    CANCELLED = "cancelled"  # the call was cancelled, or the team could not be held or no longer fits
    RECALLED = "recalled"  # called off because of danger, silence or a supervisor
    ESCALATED = "escalated"  # the crew asked for police, EMS or fire


class Action(StrEnum):
    """What can happen to an assignment; `CREW_ACTIONS` are what a crew may send."""

    OFFER = "offer"
    ABANDON = "abandon"
    EXPIRE = "expire"
    CANCEL = "cancel"
    RECALL = "recall"
    ACCEPT = "accept"
    DECLINE = "decline"
    DEPART = "depart"
    ARRIVE = "arrive"
    CHECK_IN = "check_in"
    CLEAR = "clear"
    ESCALATE = "escalate"
    ACKNOWLEDGE_RECALL = "acknowledge_recall"


CREW_ACTIONS: Final = (
    Action.ACCEPT, Action.DECLINE, Action.DEPART, Action.ARRIVE, Action.CHECK_IN, Action.CLEAR, Action.ESCALATE,
    Action.ACKNOWLEDGE_RECALL,
)  # fmt: skip

TRANSITIONS: Final[Mapping[tuple[Status, Action], Status]] = MappingProxyType({
    (Status.HOLDING, Action.OFFER): Status.OFFERED,
    (Status.HOLDING, Action.ABANDON): Status.CANCELLED,
    (Status.HOLDING, Action.CANCEL): Status.CANCELLED,
    (Status.HOLDING, Action.RECALL): Status.RECALLED,
    (Status.OFFERED, Action.ACCEPT): Status.ACCEPTED,
    (Status.OFFERED, Action.DECLINE): Status.DECLINED,
    (Status.OFFERED, Action.EXPIRE): Status.EXPIRED,
    (Status.OFFERED, Action.CANCEL): Status.CANCELLED,
    (Status.OFFERED, Action.RECALL): Status.RECALLED,
    (Status.ACCEPTED, Action.DEPART): Status.EN_ROUTE,
    (Status.ACCEPTED, Action.ARRIVE): Status.ON_SCENE,  # implies the departure
    (Status.ACCEPTED, Action.EXPIRE): Status.WITHDRAWING,
    (Status.ACCEPTED, Action.CANCEL): Status.WITHDRAWING,
    (Status.ACCEPTED, Action.RECALL): Status.WITHDRAWING,
    (Status.ACCEPTED, Action.ESCALATE): Status.WITHDRAWING,
    (Status.EN_ROUTE, Action.ARRIVE): Status.ON_SCENE,
    (Status.EN_ROUTE, Action.CANCEL): Status.WITHDRAWING,
    (Status.EN_ROUTE, Action.RECALL): Status.WITHDRAWING,
    (Status.EN_ROUTE, Action.ESCALATE): Status.WITHDRAWING,
    (Status.ON_SCENE, Action.CLEAR): Status.CLEARED,  # no cancel here: a crew with people clears, escalates or is recalled
    (Status.ON_SCENE, Action.RECALL): Status.WITHDRAWING,
    (Status.ON_SCENE, Action.ESCALATE): Status.WITHDRAWING,
})  # fmt: skip
ENDS_AS: Final[Mapping[Action, Status]] = MappingProxyType({
    Action.EXPIRE: Status.EXPIRED,
    Action.CANCEL: Status.CANCELLED,
    Action.RECALL: Status.RECALLED,
    Action.ESCALATE: Status.ESCALATED,
})  # fmt: skip
"""What a `withdrawing` assignment becomes when its crew clears: it depends on why it was called off."""
MARKS: Final = frozenset({
    (Status.EN_ROUTE, Action.CHECK_IN),
    (Status.ON_SCENE, Action.CHECK_IN),
    (Status.WITHDRAWING, Action.ACKNOWLEDGE_RECALL),
    (Status.WITHDRAWING, Action.RECALL),  # it is being called off already; the second reason is recorded
    (Status.WITHDRAWING, Action.ESCALATE),  # the call is gone from them; a crew that needs help gets it all the same
})  # fmt: skip
"""Legal, recorded, and no move: status and version stay."""
LIVE: Final = frozenset({
    Status.HOLDING, Status.OFFERED, Status.ACCEPTED, Status.EN_ROUTE, Status.ON_SCENE, Status.WITHDRAWING,
})  # fmt: skip
TERMINAL: Final = frozenset(Status) - LIVE
BEFORE_ACCEPTANCE: Final = frozenset({Status.HOLDING, Status.OFFERED})
UNDER_WAY: Final = frozenset({Status.ACCEPTED, Status.EN_ROUTE, Status.ON_SCENE})


class IllegalTransition(Refusal):
    """The truth has overtaken this action, or it never was possible here."""

    title = "Illegal transition"


class Move(NamedTuple):
    """One step of an assignment; `ends_as` is set when it begins to withdraw. A mark has `before == after`."""

    action: Action
    before: Status
    after: Status
    ends_as: Status | None = None

    @property
    def is_mark(self) -> bool:
        """Whether status and version stay as they are."""
        return self.before is self.after


def decide(status: Status, action: Action, ends_as: Status | None = None) -> Move:
    """Return the move that `action` makes from `status`. Raises IllegalTransition if there is none.

    `ends_as` is the row's own, and only of a withdrawing assignment.
    """
    if (status, action) in MARKS:
        return Move(action, status, status)
    if status is Status.WITHDRAWING and action is Action.CLEAR and ends_as is not None:
        return Move(action, status, ends_as)
    if (after := TRANSITIONS.get((status, action))) is None:
        raise IllegalTransition(
            f"An assignment that is {status} cannot {action.value}.",
            assignment_status=status.value,
            actions=[legal.value for legal in legal_actions(status)],
        )
    return Move(action, status, after, ENDS_AS[action] if after is Status.WITHDRAWING else None)


def legal_actions(status: Status) -> tuple[Action, ...]:
    """Return what a crew may send in this status, guards apart."""
    if status is Status.WITHDRAWING:
        return (Action.ACKNOWLEDGE_RECALL, Action.CLEAR, Action.ESCALATE)
    return tuple(a for a in CREW_ACTIONS if (status, a) in TRANSITIONS or (status, a) in MARKS)


def edges() -> tuple[tuple[Status, Action, Status], ...]:
    """Return every move there is, for the diagram: the table and the ways out of `withdrawing`."""
    ways_out = ((Status.WITHDRAWING, Action.CLEAR, end) for end in ENDS_AS.values())
    return (*((before, action, after) for (before, action), after in TRANSITIONS.items()), *ways_out)
