"""`/v1/changes`: the one connection that a CAD needs."""

import asyncio
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from services.intake.api.refs import TheDesk
from services.intake.api.schemas.calls import answer_of
from services.intake.api.schemas.feed import ChangeItem, ChangesAnswer, FeedNotice
from services.intake.commands.desk import FEED, Desk
from services.intake.queries.feed import BEGINNING, Changes, Position, read_changes
from shared.auth import ANY_CAD, Caller, Role, allow
from shared.db import Database
from shared.edge import Limit, Prefer, cursor, read_cursor, wait_s
from shared.errors import Invalid
from shared.problems import answers
from shared.wake import RECHECK_S

router = APIRouter(tags=["calls"])
_SOON_S: Final = 0.03
"""How soon to look again for a row that waits for another transaction to end."""
_LARGEST: Final = 2**62


def cads_of(caller: Caller) -> frozenset[str] | None:
    """Return the CADs whose calls the caller may see; None: all."""
    return None if caller.role is not Role.CAD or ANY_CAD in caller.cad_systems else caller.cad_systems


@router.get("/v1/changes", summary="Every change of the caller's calls since a cursor", responses=answers())
async def get_changes(
    request: Request,
    desk: TheDesk,
    caller: Annotated[Caller, allow(Role.CAD, Role.SUPERVISOR, Role.AUDITOR)],
    after: Annotated[
        str | None,
        Query(
            max_length=200,
            description="`next` of the answer before; absent: from the beginning; `latest`: from now on.",
        ),
    ] = None,
    limit: Limit = 100,
    prefer: Prefer = None,
) -> ChangesAnswer:
    """Long-poll with `Prefer: wait=30`. With nothing new in time it answers 200 without items.

    A change shows only when every transaction that could sort before it has ended, so that none is ever skipped. A change
    may show twice after the service's database was restored; `call` is always the call as it is now.
    """
    db: Database = request.app.state.db
    from_now = after == "latest"
    position = BEGINNING if after is None or from_now else _position(after)
    cads = cads_of(caller)
    keys = (FEED,) if cads is None else tuple(f"{FEED}:{cad}" for cad in sorted(cads))
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (0 if from_now else wait_s(prefer))
    while True:
        async with desk.hub.listening(*keys, f"{FEED}:loose") as news:
            async with db.autocommit() as unit:
                page = await read_changes(
                    unit.conn, desk.jurisdiction, position, cads=cads, limit=0 if from_now else limit
                )
            left = deadline - loop.time()
            if page.items or left <= 0 or desk.hub.leaving:
                return _answer(desk, page)
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), min(left, _SOON_S if page.pending else RECHECK_S))


def _position(text: str) -> Position:
    parts = read_cursor(text, length=3)
    if not all(isinstance(part, int) and not isinstance(part, bool) and 0 <= part <= _LARGEST for part in parts):
        raise Invalid("The cursor is not one that this service gave.", pointer="after")
    if parts[0] >= 2**31:
        raise Invalid("The cursor is not one that this service gave.", pointer="after")
    return Position(*parts)


def _answer(desk: Desk, page: Changes) -> ChangesAnswer:
    items = [
        ChangeItem(
            cursor=cursor(*change.position),
            at=change.at,
            what=change.what,
            call=answer_of(desk, change.view) if change.view else None,
            notice=FeedNotice.model_validate(change.notice) if change.notice else None,
        )
        for change in page.items
    ]
    return ChangesAnswer(
        items=items,
        next=cursor(*page.reached),
        hand_back_by=page.now + desk.settings.hand_back_within,
    )
