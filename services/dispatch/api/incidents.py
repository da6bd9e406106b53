"""The queue of incidents: for supervisors, who may also act on it, and for intake."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from services.dispatch import facts, gathering, queries
from services.dispatch.api import views
from services.dispatch.api.schemas import AssignRequest, Candidates, HoldingState, QueueItem, RecallRequest
from services.dispatch.api.state import Db, TheDesk, TheMatchmaker, TheTeams
from services.dispatch.commands import supervisor
from services.dispatch.desk import Desk
from services.dispatch.domain import explanation
from services.dispatch.domain.pool import Team, Waiting
from services.dispatch.domain.refusals import TeamNotEligible, TeamsSilent
from shared.auth import Caller, Role, allow
from shared.db import Unit
from shared.edge import CursorText, Limit, Page
from shared.errors import NotFound, VersionStale
from shared.idempotency import OnceOnly
from shared.messages.availability import Availability
from shared.messages.incidents import Progress
from shared.peer import PeerSilentError
from shared.problems import answers

router = APIRouter(prefix="/v1/incidents", tags=["incidents"])
Reader = Annotated[Caller, allow(Role.SUPERVISOR, Role.AUDITOR, Role.SERVICE)]
Supervisor = Annotated[Caller, allow(Role.SUPERVISOR)]


class Weighed(NamedTuple):
    """An incident and every team as it is now, ready to be ranked."""

    row: Mapping[Any, Any]
    call: Waiting | None
    """None when what the call needs was never said."""
    teams: tuple[Team, ...]
    seen: Availability


async def _weigh(incident_id: UUID, db: Db, desk: TheDesk, teams: TheTeams) -> Weighed:
    async with db.autocommit() as unit:
        row = await queries.needs(unit.conn, incident_id)
        engaged = await queries.engaged(unit.conn, desk.jurisdiction)
    if row is None:
        raise NotFound("There is no such incident.")
    try:
        seen = await gathering.snapshot(desk, teams)
    except PeerSilentError as error:
        raise TeamsSilent("The teams service does not answer, so nobody can be considered.", retry_after_s=2) from error
    everybody = gathering.everybody(seen, engaged, desk.policy, row["now"], has_it=row["team_id"])
    return Weighed(row, gathering.call_of(row) if row["facts"] else None, everybody, seen)


def _scales(incident_id: UUID, db: Db, desk: TheDesk, teams: TheTeams) -> Callable[[], Awaitable[Weighed]]:
    return partial(_weigh, incident_id, db, desk, teams)


Weighing = Annotated[Weighed, Depends(_weigh)]
Scales = Annotated[Callable[[], Awaitable[Weighed]], Depends(_scales)]


@router.get("", summary="The queue and its deadlines", responses=answers())
async def list_incidents(
    db: Db,
    _caller: Reader,
    status: Annotated[
        list[queries.StatusFilter] | None,
        Query(description="Only these; without it, those that have not ended or still have a team out."),
    ] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Page[QueueItem]:
    """Return incidents, the oldest first."""
    async with db.autocommit() as unit:
        rows, following = await queries.queue(unit.conn, [*(status or ())], limit=limit, cursor_text=cursor)
    return Page(items=[views.queue_item(row) for row in rows], next=following)


@router.get("/{incident_id}", summary="Dispatch's whole view of an incident", responses=answers(404))
async def get_incident(incident_id: UUID, db: Db, _caller: Reader) -> Progress:
    """Return what a progress report would say now: status, deadline, newest assignment, notices, unconfirmed history."""
    async with db.autocommit() as unit:
        return await _progress(unit, incident_id)


@router.get("/{incident_id}/candidates", summary="Every team considered, and why not", responses=answers(404))
async def candidates(
    incident_id: UUID,
    _caller: Supervisor,
    weighed: Weighing,
    db: Db,
    desk: TheDesk,
) -> Candidates:
    """Say what a round of matching would decide for this incident now, and why: cost parts, or the rule against each team.

    The teams are ranked for this call alone; a round serves all calls together. What was considered when a team was chosen is kept with
    its assignment.
    """
    row, call, everybody, seen = weighed
    gathered = await gathering.gather(db, desk, seen)
    if gathered is not None and incident_id in gathered.rows:
        return views.candidates(gathered.decide(desk.policy), incident_id, gathered.now)
    if call is None:
        return views.ranked((), row["now"])
    times = await gathering.drives(desk, [call], everybody, row["now"])
    return views.ranked(explanation.consider(call, everybody, times, desk.policy, row["now"]), row["now"])


@router.post("/{incident_id}/recall", summary="Call the team off and return the call", responses=answers(404, 409, 412))
async def recall(incident_id: UUID, body: RecallRequest, desk: TheDesk, caller: Supervisor, once: OnceOnly) -> Progress:
    """End the incident with `supervisor_recalled`. A crew that has accepted withdraws; an open offer is gone at once."""

    async def work(unit: Unit) -> Progress:
        await supervisor.recall(unit, desk, incident_id, reason=body.reason, version=body.version, caller=caller)
        return await _progress(unit, incident_id)

    answer: Any = await once(work)
    return answer  # type: ignore[no-any-return]  # a replayed answer is a response, which FastAPI passes through


@router.post(
    "/{incident_id}/assign", summary="Pick a team by hand", status_code=202, response_model=HoldingState, responses=answers(404, 409, 412)
)  # fmt: skip
async def assign(
    incident_id: UUID, caller: Supervisor, body: AssignRequest, weigh: Scales, desk: TheDesk, matchmaker: TheMatchmaker,
    once: OnceOnly,
) -> Any:  # fmt: skip
    """Hold this team and offer it the call, taking the call back from a team that has not answered yet.

    Safety rules still hold: the newest decision must say `safe`, intake must be heard, and no rule but catchment, language, shift end and
    an earlier refusal may be set aside. 202: the offer is on its way to the tablet; look at the incident for what became of it.
    """

    async def tried() -> Any:
        chosen = await _by_hand(await weigh(), body, desk)

        async def work(unit: Unit) -> JSONResponse:
            assignment_id = await supervisor.assign(unit, desk, chosen, caller)
            unit.then(lambda: matchmaker.pursue(assignment_id, body.team_id, incident_id))
            made = HoldingState(
                id=assignment_id, incident_id=incident_id, team_id=body.team_id, status="holding", version=1
            )
            return JSONResponse(made.model_dump(mode="json"), status_code=202)

        return await once(work, status=202)

    try:
        return await tried()
    except VersionStale:
        if body.version is not None:
            raise
        return await tried()  # who named no version wants the incident as it is now: it is weighed once more


async def _by_hand(weighed: Weighed, body: AssignRequest, desk: Desk) -> supervisor.ByHand:
    row, call, everybody, _ = weighed
    team = next((team for team in everybody if team.id == body.team_id), None)
    if team is None:
        raise NotFound("There is no such team.")
    if call is None:
        raise TeamNotEligible("Nothing is known of what this call needs.", rule="no_facts")
    times = await gathering.drives(desk, [call], [team], row["now"])
    considered = explanation.consider(call, [team], times, desk.policy, row["now"])
    is_scheduled = facts.is_scheduled(row["facts"])
    return supervisor.ByHand(call, row["version"], team, considered, is_scheduled, body.reason, body.version)


async def _progress(unit: Unit, incident_id: UUID) -> Progress:
    progress = await queries.progress(unit.conn, incident_id)
    if progress is None:
        raise NotFound("There is no such incident.")
    return progress
