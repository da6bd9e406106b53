"""The life of an incident, why one is returned, and the words that both sides of the wire know."""

import pytest

from services.dispatch.domain.incident import (
    TERMINAL,
    TRANSITIONS,
    Action,
    IncidentOver,
    ReturnReason,
    Status,
    decide,
    why_unassigned,
)

EXPECTED = {
    Status.WAITING: {Action.COMMIT: "committed", Action.RETURN: "ended", Action.CANCEL: "ended"},
    Status.COMMITTED: {
        Action.REQUEUE: "waiting",
        Action.CLOSE: "ended",
        Action.RETURN: "ended",
        Action.CANCEL: "ended",
    },
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", Status)
def test_every_status_with_every_action(status: Status, action: Action) -> None:
    expected = EXPECTED.get(status, {}).get(action)
    if expected is None:
        with pytest.raises(IncidentOver) as refused:
            decide(status, action)
        assert refused.value.facts["incident_status"] == status
    else:
        assert decide(status, action).after == expected


def test_what_has_ended_stays_ended() -> None:
    assert not any(before in TERMINAL for before, _ in TRANSITIONS)


@pytest.mark.parametrize(
    ("offers", "seen", "awaits_review", "reason"),
    [
        (0, "no_team_on_duty", False, ReturnReason.NO_TEAM_ON_DUTY),
        (0, "all_teams_busy", False, ReturnReason.ALL_TEAMS_BUSY),
        (1, "all_teams_busy", False, ReturnReason.NO_TEAM_ACCEPTED),
        (0, None, False, ReturnReason.SYSTEM_FAULT),
        (1, None, True, ReturnReason.REVIEW_TIMEOUT),
    ],
)
def test_why_no_team_took_a_call(offers: int, seen: str | None, awaits_review: bool, reason: ReturnReason) -> None:
    assert why_unassigned(offers=offers, seen=seen, awaits_review=awaits_review) is reason
