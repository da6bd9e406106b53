"""What intake sends: the wish for a call, and its heartbeat."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body

from services.dispatch import queries
from services.dispatch.api.state import Db, TheDesk
from services.dispatch.commands import heartbeat, wishes
from shared.auth import Caller, Role, allow
from shared.messages.incidents import Heartbeat, HeartbeatAnswer, Wish, WishAnswer
from shared.problems import answers

router = APIRouter(tags=["intake"])
WISH_EXAMPLES = {
    "civilian": {
        "summary": "A team is wanted",
        "value": {
            "seq": 1, "wanted": "civilian", "may_offer": True, "may_depart": True, "reason": None,
            "facts": {
                "decision": {"verdict": "safe", "disposition": "civilian", "discipline": "mediator", "priority": 2},
                "neighborhood": "boyle-heights", "plan_version": 3, "disciplines": ["mediator"],
                "languages": {"required": ["es"], "preferred": []}, "location": {"lat_deg": 34.0443, "lon_deg": -118.2106},
                "assign_by": "2026-11-24T03:04:11Z", "catchment": ["boyle-heights"],
                "briefing": {"cautions": [], "words": [], "unknown": ["minors_at_risk"], "notes": []},
            },
        },
    },
    "withdrawn": {
        "summary": "Nobody is wanted any more",
        "value": {"seq": 2, "wanted": "withdrawn", "may_offer": False, "may_depart": False, "reason": "risk_rose"},
    },
}  # fmt: skip
TheWish = Annotated[Wish, Body(openapi_examples=WISH_EXAMPLES)]


@router.put("/v1/incidents/{incident_id}", summary="What intake wants for a call now", responses=answers(409))
async def put_wish(
    incident_id: UUID, wish: TheWish, db: Db, desk: TheDesk, _caller: Annotated[Caller, allow(Role.SERVICE)]
) -> WishAnswer:
    """Apply the wish if its `seq` is higher than any seen, and answer with the incident as it is then.

    An older or equal `seq` changes nothing and is answered 200 all the same. An ended incident stays ended.
    409 `wishes-missing`, as for the heartbeat, when intake has seen more applied wishes (`applied`) than there are here.
    """
    async with db.autocommit() as unit:
        is_new = await wishes.receive(unit, desk, incident_id, wish)
    if not is_new:
        async with db.transaction() as unit:
            await wishes.apply(unit, desk, incident_id, wish)
    async with db.autocommit() as unit:
        answer = await queries.answer_to_wish(unit.conn, incident_id)
    assert answer is not None, "incidents are never deleted"
    return answer


@router.put("/v1/heartbeat", summary="Intake lives", responses=answers(409))
async def put_heartbeat(
    body: Heartbeat, db: Db, desk: TheDesk, _caller: Annotated[Caller, allow(Role.SERVICE)]
) -> HeartbeatAnswer:
    """Stop the calls named in `withdrawn`, and count intake as heard as of `echo`.

    409 `wishes-missing` (with our `applied`) when intake has seen more applied wishes than there are here.
    """
    return await heartbeat.hear(db, desk, body)
