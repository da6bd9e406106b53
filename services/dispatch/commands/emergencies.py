"""The panic button: works in every state, with or without work, as often as it is pressed."""

from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import String, Uuid, bindparam, text

from services.dispatch import store, tables
from services.dispatch.desk import Desk
from services.dispatch.tables import LIVE_SQL
from shared.alerts import Alarm, Severity, raise_again
from shared.db import Unit
from shared.ids import uuid7
from shared.messages.base import LooseNotice, Position

KIND: Final = "team_emergency"
_LIVE: Final = text(f"""
    SELECT incident_id, team_name FROM dispatch.assignment WHERE team_id = :team_id AND {LIVE_SQL}
""").bindparams(bindparam("team_id", type_=Uuid))  # noqa: S608 - constants of this service
_ADD_WORDS: Final = text("""
    UPDATE dispatch.alert SET title = left(title || ' ' || :note, 2000)
    WHERE kind = :kind AND subject = :subject AND resolved_at IS NULL AND strpos(title, :note) = 0
""").bindparams(*(bindparam(name, type_=String) for name in ("note", "kind", "subject")))
_NOW: Final = text("SELECT dispatch.clock()")


class Panic(NamedTuple):
    """What was raised: the notice, the incident that it is on (if the team has work), and when."""

    notice_id: UUID
    incident_id: UUID | None
    at: datetime


async def alarm(
    unit: Unit, desk: Desk, team_id: UUID, *, position: dict[str, Any] | None, note: str | None, actor: str
) -> Panic:
    """Tell the call center and the supervisors that a team is in danger.

    The assignment stays as it is: what the crew does next is theirs to say. A press after an acknowledgement is a new alert; before
    one, its words are added to the alert that is open.
    """
    now = (await unit.conn.execute(_NOW)).scalar_one()
    where = position or desk.roster.position(team_id)
    if where is not None and where.get("at") is None:
        where = {**where, "at": now.isoformat()}
    work = (await unit.conn.execute(_LIVE, {"team_id": team_id})).first()
    seen = desk.roster.get(team_id)
    name = work.team_name if work else seen.team_name if seen else "A team"
    words = f"{name} calls an emergency. Send help." + (f" {note}" if note else "")
    if work is None:
        notice_id = await _loose(unit, desk, team_id, words, where)
    else:
        notice_id = await _on_incident(unit, desk, work.incident_id, team_id, words, where, actor)
    alert = Alarm(KIND, team_id, Severity.LIFE, words, "The call center has been told.")
    await raise_again(unit.conn, tables.alert, alert)
    if note:  # the alert of an earlier press, which nobody has seen yet, says what this one said
        await unit.conn.execute(_ADD_WORDS, {"note": note, "kind": KIND, "subject": str(team_id)})
    desk.effects.alerted(unit)
    return Panic(notice_id, work.incident_id if work else None, now)


async def _on_incident(
    unit: Unit, desk: Desk, incident_id: UUID, team_id: UUID, words: str, where: Any, actor: str
) -> UUID:
    case = await store.lock_case(unit.conn, incident_id)
    assert case is not None, "incidents are never deleted"
    step = desk.step(case, actor).note("notice", KIND, position=where)
    await store.write(unit.conn, step)
    desk.effects.follow(unit, step)
    return await store.add_notice(unit.conn, step, kind=KIND, words=words, team_id=team_id, position=where)


async def _loose(unit: Unit, desk: Desk, team_id: UUID, words: str, where: dict[str, Any] | None) -> UUID:
    notice_id = uuid7()
    now = (await unit.conn.execute(_NOW)).scalar_one()
    place = Position.model_validate(where) if where else None
    body = LooseNotice(kind=KIND, team_id=team_id, text=words, position=place, at=now)
    await unit.conn.execute(
        tables.loose_notice.insert().values(
            id=notice_id,
            jurisdiction=desk.jurisdiction,
            body=body.model_dump(mode="json"),
            at=now,
            send_at=now,
            tries=0,
        )
    )
    unit.then(lambda: desk.effects.loose_notices.soon(notice_id))
    return notice_id
