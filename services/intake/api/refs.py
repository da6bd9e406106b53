"""The `{id}` of a call in every path: our UUID, or the CAD's own name for it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.commands.desk import Desk
from services.intake.peers import Teams
from services.intake.store.cases import Found, find_call
from shared.auth import Caller
from shared.errors import NotFound


def desk_of(request: Request) -> Desk:
    """Return the process's collaborators."""
    desk: Desk = request.app.state.desk
    return desk


TheDesk = Annotated[Desk, Depends(desk_of)]


def teams_of(request: Request) -> Teams:
    """Return the client of the teams service."""
    teams: Teams = request.app.state.teams
    return teams


def parse_ref(text: str) -> UUID | tuple[str, str, int] | None:
    """Return the id, or (cad_system, cad_event_id, attempt) with 0 for the newest attempt; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        pass
    parts = text.split(":")
    if len(parts) == 2 and all(parts):
        return parts[0], parts[1], 0
    if len(parts) == 3 and all(parts) and parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 7:
        return (parts[0], parts[1], int(parts[2])) if int(parts[2]) else None
    return None


def _ref(
    id: Annotated[  # noqa: A002 - the name in the path
        str,
        Path(
            max_length=200,
            description="Our id, or `{cad_system}:{cad_event_id}` (the newest attempt) or `…:{attempt}`, percent-encoded.",
            examples=["lapd-cad:LPD261123000871"],
        ),
    ],
) -> str:
    return id


CallRef = Annotated[str, Depends(_ref)]


async def find(conn: AsyncConnection, desk: Desk, caller: Caller, ref: str) -> Found:
    """Return the call that the path names. Raises NotFound if there is none, or none that this caller may see."""
    parsed = parse_ref(ref)
    found = await find_call(conn, desk.jurisdiction, parsed) if parsed is not None and "\x00" not in ref else None
    if found is None or not caller.speaks_for(found.cad_system):
        raise NotFound("There is no such call.")
    return found
