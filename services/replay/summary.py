"""The summary of a replay, from what the system itself tells of each call: plain data, computed without any I/O."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from services.replay.clock import parse_time
from services.replay.ledger import Case
from services.replay.proof import Proved

RETURN_REASONS: Final = (
    "unsafe", "review_refused", "review_timeout", "no_reviewer", "no_team_on_duty", "all_teams_busy", "no_team_accepted",
    "outside_service_area", "outside_hours", "plan_excludes", "caller_wants_police", "risk_rose", "team_escalated",
    "team_silent", "no_co_response", "supervisor_recalled", "system_fault",
)  # fmt: skip
"""Every reason of api.md; `system_fault` can occur only when something is broken."""
_MOVES: Final[Mapping[str, str]] = {
    "accept": "accepted",
    "decline": "declined",
    "expire": "expired",
    "depart": "departed",
    "arrive": "arrived",
    "check_in": "checked in",
    "clear": "cleared",
    "escalate": "escalated",
    "cancel": "cancelled",
    "recall": "recalled",
    "acknowledge_recall": "recall read",
}
"""Actions of dispatch's history and how the summary names them."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """p50, p90 and p99 of some durations; None of none."""

    count: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> "Percentiles":
        """Return the percentiles by nearest rank."""
        ordered = sorted(values)
        if not ordered:
            return cls(0)

        def rank(share: float) -> float:
            return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3)

        return cls(len(ordered), rank(0.5), rank(0.9), rank(0.99))

    def wire(self) -> dict[str, float | int | None]:
        """Return it as plain data."""
        return {"count": self.count, "p50": self.p50, "p90": self.p90, "p99": self.p99}


@dataclass(frozen=True, slots=True)
class TeamShare:
    """How busy one team was."""

    team: str
    held: timedelta
    present: timedelta
    did: Mapping[str, int] = field(default_factory=dict)

    @property
    def busy(self) -> float | None:
        """Return held time as a share of the time on duty."""
        return None if self.present <= timedelta(0) else round(self.held / self.present, 3)


def summarize(
    about: Mapping[str, Any],
    simulated: Sequence[str],
    proved: Sequence[Proved],
    teams: Sequence[TeamShare],
    people: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """Return the whole summary as plain data."""
    cases = [entry.case for entry in proved]
    histories = [_History(entry.timeline) for entry in proved]
    return {
        "replay": dict(about),
        "simulated": list(simulated),
        "calls": _calls(cases),
        "reached_a_team": {
            "offered": sum(history.first("offered") is not None for history in histories),
            "accepted": sum(history.first("accepted") is not None for history in histories),
            "on_scene": sum(history.first("on_scene") is not None for history in histories),
        },
        "events": dict(sorted(sum((history.counts() for history in histories), Counter[str]()).items())),
        "times": {
            "decision_ms": Percentiles.of(case.decision_ms for case in cases if case.decision_ms is not None).wire(),
            "offer_s": Percentiles.of(_waits(histories, "offered")).wire(),
            "accept_s": Percentiles.of(_waits(histories, "accepted")).wire(),
            "on_scene_s": Percentiles.of(_waits(histories, "on_scene")).wire(),
        },
        "teams": [
            {"team": team.team, "busy_share": team.busy, "held_min": _minutes(team.held),
             "on_duty_min": _minutes(team.present), "did": dict(team.did)}
            for team in teams
        ],
        "teams_busy_share": _busy(teams),
        "people": {who: dict(sorted(did.items())) for who, did in people.items()},
        "proof": _proof(proved),
    }  # fmt: skip


class _History:
    """One call's timeline."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._rows = rows
        times = [at for at in (parse_time(row.get("at")) for row in rows) if at is not None]
        self.reported_at = min(times, default=None)

    def first(self, status: str) -> datetime | None:
        """Return when the assignment first came to `status`, by dispatch's own history."""
        times = (
            parse_time(row["at"]) for row in self._rows if row.get("service") == "dispatch" and row.get("to") == status
        )
        return min((at for at in times if at is not None), default=None)

    def counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for row in self._rows:
            action = str(row.get("action"))
            if row.get("service") == "dispatch" and action in _MOVES:
                found[_MOVES[action]] += 1
                if action == "recall" and row.get("reason"):
                    found[f"recalled: {row['reason']}"] += 1
            elif row.get("service") == "intake" and action == "reviewed":
                found[f"reviewed: {(row.get('detail') or {}).get('decision')}"] += 1
        return found


def _calls(cases: Sequence[Case]) -> dict[str, Any]:
    known = [case for case in cases if case.id is not None]
    returned = Counter(str(case.view.get("return_reason")) for case in known if case.status == "returned")
    return {
        "reported": len(cases),
        "attempts_2": sum(case.attempt > 1 for case in cases),
        "kept_by_call_center": sum(case.kept is not None for case in cases),
        "kept_because": dict(Counter(case.kept for case in cases if case.kept is not None)),
        "taken_back_at_hand_back_by": sum(case.taken_back for case in cases),
        "by_first_verdict": dict(Counter(case.first_verdict for case in known if case.first_verdict).most_common()),
        "by_last_verdict": dict(
            Counter(str(case.view["decision"]["verdict"]) for case in known if case.view.get("decision")).most_common()
        ),
        "by_final_status": dict(Counter(str(case.status) for case in known).most_common()),
        "by_return_reason": dict(returned.most_common()),
        "return_reasons_that_did_not_occur": [reason for reason in RETURN_REASONS if reason not in returned],
        "by_outcome": dict(
            Counter(str(case.view["outcome"]) for case in known if case.view.get("outcome")).most_common()
        ),
    }


def _waits(histories: Iterable[_History], status: str) -> Iterable[float]:
    for history in histories:
        at = history.first(status)
        if at is not None and history.reported_at is not None:
            yield (at - history.reported_at).total_seconds()


def _proof(proved: Sequence[Proved]) -> dict[str, Any]:
    missing = [entry for entry in proved if entry.standing == "unproved"]
    held = [entry for entry in proved if entry.standing == "held"]
    return {
        "ok": not missing,
        "final": sum(entry.standing == "final" for entry in proved),
        "with_the_call_center_and_never_stored": sum(entry.standing == "call_center" for entry in proved),
        "held_with_a_deadline_ahead": [
            {"call": entry.case.id, "event": entry.case.event_id, "status": entry.case.status, "holder": entry.holder,
             "deadline": entry.deadline.isoformat() if entry.deadline else None}
            for entry in held
        ],
        "neither": [
            {"call": entry.case.id, "event": entry.case.event_id, "status": entry.case.status, "seen": entry.why}
            for entry in missing
        ],
    }  # fmt: skip


def _busy(teams: Sequence[TeamShare]) -> float | None:
    present = sum((team.present for team in teams), timedelta(0))
    held = sum((team.held for team in teams), timedelta(0))
    return round(held / present, 3) if present > timedelta(0) else None


def _minutes(duration: timedelta) -> float:
    return round(duration.total_seconds() / 60, 1)
