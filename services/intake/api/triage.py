"""Triage without a call, and the protocol that it follows."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from services.intake.api.refs import TheDesk
from services.intake.api.schemas.calls import CALL_EXAMPLE, Decision
from services.intake.api.schemas.reports import Report
from services.intake.commands.dry_runs import triage
from services.intake.queries import protocols
from services.intake.queries.protocols import ProtocolRow
from shared.auth import Caller, Role, allow
from shared.db import Database
from shared.edge import Answer, Time
from shared.errors import NotAllowed, NotFound
from shared.problems import answers

router = APIRouter(prefix="/v1", tags=["triage"])
Anybody = Annotated[Caller, allow(*Role)]


class TriageAnswer(Answer):
    """What triage would decide."""

    model_config = Answer.model_config | {"json_schema_extra": {"examples": [{"decision": CALL_EXAMPLE["decision"]}]}}

    decision: Decision


class ProtocolAnswer(Answer):
    """One version of the protocol: rules, code map, phrases and questions, as its approver saw them."""

    version: str
    effective_from: Time
    approved_by: str
    in_force: bool
    protocol: dict[str, Any]


@router.post("/triage", summary="What triage would say about a report", responses=answers())
async def dry_run(
    request: Request, body: Report, desk: TheDesk, caller: Annotated[Caller, allow(Role.CAD, Role.SUPERVISOR)]
) -> TriageAnswer:
    """The same decision as for a real report. Nothing is stored, and nobody is sent."""
    if not caller.speaks_for(body.cad_system):
        raise NotAllowed("This token may not speak for that cad_system.")
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        decided = await triage(unit.conn, desk, caller.actor, body.command(caller.actor))
    return TriageAnswer(decision=Decision.model_validate(decided.wire))


@router.get("/protocol", summary="The protocol in force", responses=answers(404))
async def get_protocol_in_force(request: Request, _caller: Anybody) -> ProtocolAnswer:
    """The newest approved version whose time has come."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        version = await protocols.version_in_force(unit.conn)
        found = await protocols.read_protocol(unit.conn, version) if version else None
    if found is None:
        raise NotFound("No protocol is in force.")
    return _answer(found, version)


@router.get("/protocol/{version}", summary="One version of the protocol", responses=answers(404))
async def get_protocol(
    request: Request, version: Annotated[str, Path(max_length=100, examples=["2026-11-01"])], _caller: Anybody
) -> ProtocolAnswer:
    """Also versions that no decision uses any more, and those whose time has not come."""
    db: Database = request.app.state.db
    async with db.autocommit() as unit:
        current = await protocols.version_in_force(unit.conn)
        found = None if "\x00" in version else await protocols.read_protocol(unit.conn, version)
    if found is None:
        raise NotFound("There is no such version.")
    return _answer(found, current)


def _answer(row: ProtocolRow, current: str | None) -> ProtocolAnswer:
    return ProtocolAnswer(
        version=row.version, effective_from=row.effective_from, approved_by=row.approved_by,
        in_force=row.version == current, protocol=row.document,
    )  # fmt: skip
