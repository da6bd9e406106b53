"""Shifts: planning them, ending one early, letting one run on, and handing over to the next crew."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.teams import queries, store
from services.teams.commands.deciding import check_in_service, check_version, move_team
from services.teams.domain import shifts
from services.teams.domain.duty import Duty, DutyStatus, change
from services.teams.domain.shift_changes import end_early, run_on
from services.teams.domain.shifts import Plan
from services.teams.records import TeamRecord, stored_plan
from services.teams.scope import Scope
from shared.db import Unit
from shared.errors import Invalid, Refusal

MOST_SPANS: Final = 400
"""A plan has so many dated shifts, and so many times off, at most."""


class CrewAtWork(Refusal):
    """The crew has live work; the next crew takes over when it is cleared."""

    title = "The crew is at work"


async def plan_shifts(unit: Unit, scope: Scope, team_id: UUID, plan: Plan, *, version: int | None) -> TeamRecord:
    """Replace a team's planned shifts. A hold stays whatever they say. Raises Invalid, TeamRetired, VersionStale."""
    await asyncio.to_thread(shifts.check, plan)  # the longest plan takes a second, and others are answered meanwhile
    return await _change(unit, scope, team_id, lambda _team: (plan, "shifts_planned", stored_plan(plan), None), version)


async def end_shift(
    unit: Unit, scope: Scope, team_id: UUID, *, reason: str, back_at: datetime | None, version: int | None
) -> TeamRecord:
    """End the team's present shift now. Raises NotOnShift, Invalid, TeamRetired, VersionStale."""

    def decide(team: TeamRecord) -> "_Change":
        detail = {"back_at": back_at.isoformat() if back_at else None, "planned_end": _written(team)}
        return end_early(team.state.plan, team.now, back_at=back_at), "shift_ended_early", detail, reason

    return await _change(unit, scope, team_id, decide, version)


async def extend_shift(
    unit: Unit, scope: Scope, team_id: UUID, *, reason: str, until: datetime, version: int | None
) -> TeamRecord:
    """Let the team's present shift run on: overtime. Raises NotOnShift, Invalid, TeamRetired, VersionStale."""

    def decide(team: TeamRecord) -> "_Change":
        detail = {"until": until.isoformat(), "planned_end": _written(team)}
        return run_on(team.state.plan, team.now, until=until), "shift_extended", detail, reason

    return await _change(unit, scope, team_id, decide, version)


async def hand_over(
    unit: Unit, scope: Scope, team_id: UUID, crew: tuple[str, ...], *, reason: str | None, version: int | None
) -> TeamRecord:
    """Put the next crew on duty in place of the present one, in one step: the team is never without a crew.

    Raises CrewAtWork while the team is held: the people whom a call was offered to are those who go. Also Invalid,
    IllegalDutyChange, TeamRetired, VersionStale.
    """

    async def attempt(team: TeamRecord) -> bool:
        check_version(version, team.duty_version)
        check_in_service(team)
        if team.hold is not None:
            raise CrewAtWork("The team has live work: the next crew takes over when it is cleared.")
        present = team.standing.duty
        wanted = Duty(DutyStatus.AVAILABLE, crew)
        new = change(present, wanted, roster=team.roster, held=False, at=team.now)
        detail = {"from": present.status.value, "crew_before": list(present.crew), "crew": list(new.crew)}
        event = store.Event(scope.caller.actor, "duty", "handed_over", detail, reason)
        values = {"status": new.status.value, "crew": list(new.crew), "until": None, "reason": None}
        return await store.change_duty(unit.conn, team, values, event)

    await move_team(unit, scope, team_id, attempt)
    return await queries.find_team(unit.conn, scope, team_id)


_Change = tuple[Plan, str, dict[str, Any], str | None]


async def _change(
    unit: Unit, scope: Scope, team_id: UUID, decide: Callable[[TeamRecord], _Change], version: int | None
) -> TeamRecord:
    async def attempt(team: TeamRecord) -> bool:
        check_version(version, team.shifts_version)
        check_in_service(team)
        plan, action, detail, reason = decide(team)
        if max(len(plan.dated), len(plan.off)) > MOST_SPANS:
            raise Invalid(f"The plan has {MOST_SPANS} dated shifts or times off already; plan it anew.", pointer="")
        event = store.Event(scope.caller.actor, "shift", action, detail, reason)
        return await store.change_shifts(unit.conn, team, stored_plan(plan), event)

    await move_team(unit, scope, team_id, attempt)
    return await queries.find_team(unit.conn, scope, team_id)


def _written(team: TeamRecord) -> str | None:
    ends_at = team.standing.shift_ends_at
    return ends_at.isoformat() if ends_at else None
