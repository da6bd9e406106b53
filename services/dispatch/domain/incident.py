"""Life of one incident: a call as dispatch sees it, something that needs a team. Diagram: docs/states.md."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from shared.errors import Refusal


class Status(StrEnum):
    """Where an incident is."""

    WAITING = "waiting"  # no team is committed; matching works on it while it may be offered
    COMMITTED = "committed"  # one team is being asked, or has said yes
    ENDED = "ended"  # with an outcome, a return reason, or cancelled; stays so whatever comes later


class Action(StrEnum):
    """What can happen to an incident."""

    COMMIT = "commit"  # a team was chosen
    REQUEUE = "requeue"  # the team was lost before it arrived: somebody else must be found
    CLOSE = "close"  # the crew cleared
    RETURN = "return"  # the call center gets the call again, with a reason
    CANCEL = "cancel"  # the call center needs nobody any more


TRANSITIONS: Final[Mapping[tuple[Status, Action], Status]] = MappingProxyType({
    (Status.WAITING, Action.COMMIT): Status.COMMITTED,
    (Status.WAITING, Action.RETURN): Status.ENDED,
    (Status.WAITING, Action.CANCEL): Status.ENDED,
    (Status.COMMITTED, Action.REQUEUE): Status.WAITING,
    (Status.COMMITTED, Action.CLOSE): Status.ENDED,
    (Status.COMMITTED, Action.RETURN): Status.ENDED,
    (Status.COMMITTED, Action.CANCEL): Status.ENDED,
})  # fmt: skip
TERMINAL: Final = frozenset({Status.ENDED})


class ReturnReason(StrEnum):
    """Why dispatch itself returns a call. Intake has more reasons; they come with its wish."""

    NO_TEAM_ON_DUTY = "no_team_on_duty"
    ALL_TEAMS_BUSY = "all_teams_busy"
    NO_TEAM_ACCEPTED = "no_team_accepted"
    REVIEW_TIMEOUT = "review_timeout"
    RISK_ROSE = "risk_rose"
    TEAM_ESCALATED = "team_escalated"
    TEAM_SILENT = "team_silent"
    NO_CO_RESPONSE = "no_co_response"
    SUPERVISOR_RECALLED = "supervisor_recalled"
    SYSTEM_FAULT = "system_fault"


class IncidentOver(Refusal):
    """The incident's status does not allow this."""

    title = "Illegal transition"


class Move(NamedTuple):
    """One step of an incident."""

    action: Action
    before: Status
    after: Status


def decide(status: Status, action: Action) -> Move:
    """Return the move that `action` makes from `status`. Raises IncidentOver if the table has none."""
    if (after := TRANSITIONS.get((status, action))) is None:
        raise IncidentOver(
            f"An incident that is {status} cannot {action.value}.", incident_status=status.value, actions=[]
        )
    return Move(action, status, after)


def why_unassigned(*, offers: int, seen: str | None, awaits_review: bool) -> ReturnReason:
    """Return why no team took a call by its deadline.

    `offers` were refused or not answered; `seen` is what the last round found; without any round nothing could be matched
    at all, which is our fault and said so.
    """
    if awaits_review:
        return ReturnReason.REVIEW_TIMEOUT
    if offers:
        return ReturnReason.NO_TEAM_ACCEPTED
    return ReturnReason(seen) if seen else ReturnReason.SYSTEM_FAULT
