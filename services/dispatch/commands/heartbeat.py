"""Intake's heartbeat: proof that it lives and that dispatch hears it, and the withdrawals that must not wait."""

from sqlalchemy import BigInteger, DateTime, String, bindparam, text

from services.dispatch.commands import wishes
from services.dispatch.desk import Desk
from services.dispatch.domain.refusals import WishesMissing
from shared.db import Database
from shared.messages.incidents import Heartbeat, HeartbeatAnswer

# An echo from the future proves nothing (the clock was set back); an old one proves what it proves.
_HEAR = text("""
    INSERT INTO dispatch.link AS l (jurisdiction, heard_as_of, applied)
    SELECT :jurisdiction, CASE WHEN :applied = 0 AND :echo <= dispatch.clock() THEN :echo END, 0
    ON CONFLICT (jurisdiction) DO UPDATE SET heard_as_of = CASE
        WHEN :applied <= l.applied AND :echo <= dispatch.clock() THEN greatest(l.heard_as_of, :echo) ELSE l.heard_as_of END
    RETURNING dispatch.clock() AS as_of, applied
""").bindparams(
    bindparam("jurisdiction", type_=String),
    bindparam("echo", type_=DateTime(timezone=True)),
    bindparam("applied", type_=BigInteger),
)


async def hear(db: Database, desk: Desk, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """Stop what the heartbeat names as withdrawn, then count it as heard.

    Raises WishesMissing when intake has seen more applied wishes than there are here: nothing counts as heard.
    """
    for call_id in heartbeat.withdrawn:
        async with db.transaction() as unit:
            await wishes.stop(unit, desk, call_id)
    async with db.autocommit() as unit:
        found = await unit.conn.execute(
            _HEAR, {"jurisdiction": desk.jurisdiction, "echo": heartbeat.echo, "applied": heartbeat.applied}
        )
        as_of, applied = found.one()
    if heartbeat.applied > applied:
        raise WishesMissing(as_of, applied)
    return HeartbeatAnswer(as_of=as_of, applied=applied)
