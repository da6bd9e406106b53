"""Read-only views: the progress report, the tablet's list, one assignment, the queue."""

# ruff: noqa: S608 - the texts are put together from constants of this service

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import String, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.tables import LIVE_SQL
from shared.messages.incidents import Progress

MOST_EVENTS: Final = 200

_PROGRESS: Final = text(f"""
    SELECT i.version, dispatch.clock() AS at, i.status, i.return_reason, i.outcome, i.needs, i.position,
        least(i.act_by, (SELECT min(a.act_by) FROM dispatch.assignment a WHERE a.incident_id = i.id AND a.{LIVE_SQL})) AS act_by,
        (SELECT jsonb_build_object('id', a.id, 'team_id', a.team_id, 'team_name', a.team_name, 'status', a.status, 'eta', a.eta)
            FROM dispatch.assignment a WHERE a.incident_id = i.id ORDER BY a.created_at DESC, a.id DESC LIMIT 1) AS assignment,
        (SELECT jsonb_agg(jsonb_build_object('id', n.id, 'kind', n.kind, 'text', n.text, 'position', n.position, 'at', n.at)
            ORDER BY n.at, n.id) FROM dispatch.notice n WHERE n.incident_id = i.id) AS notices,
        (SELECT jsonb_agg(e.body ORDER BY e.seq) FROM (
            SELECT e.seq, jsonb_build_object('seq', e.seq, 'at', e.at, 'actor', e.actor, 'action', e.action,
                'from', e.before, 'to', e.after, 'reason', e.reason) AS body
            FROM dispatch.incident_event e WHERE e.incident_id = i.id AND e.seq > i.events_confirmed
            ORDER BY e.seq LIMIT {MOST_EVENTS}) e) AS events
    FROM dispatch.incident i WHERE i.id = :incident_id
""").bindparams(bindparam("incident_id", type_=Uuid))


async def progress(conn: AsyncConnection, incident_id: UUID) -> Progress | None:
    """Return dispatch's whole view of an incident, with the history that intake has not confirmed; None if unknown."""
    row = (await conn.execute(_PROGRESS, {"incident_id": incident_id})).mappings().first()
    if row is None:
        return None
    return Progress.model_validate({**row, "notices": row["notices"] or [], "events": row["events"] or []})


_WAITING: Final = text("""
    SELECT i.id, i.priority, i.created_at, i.version, i.facts, i.unmatched, dispatch.clock() AS now,
        ARRAY(SELECT a.team_id FROM dispatch.assignment a WHERE a.incident_id = i.id
              AND (a.status IN ('declined', 'expired') OR a.ends_as = 'expired')) AS refused_by
    FROM dispatch.incident i, (SELECT dispatch.clock() AS now) c
    WHERE i.jurisdiction = :jurisdiction AND i.status = 'waiting' AND i.wanted = 'civilian' AND i.may_offer AND i.verdict = 'safe'
        AND i.assign_by > c.now
    ORDER BY i.priority, i.created_at, i.id LIMIT 500
""").bindparams(bindparam("jurisdiction", type_=String))
_ENGAGED: Final = text(f"""
    SELECT team_id, true AS busy FROM dispatch.assignment WHERE jurisdiction = :jurisdiction AND {LIVE_SQL}
    UNION ALL
    SELECT CAST(subject AS uuid), false FROM dispatch.alert
    WHERE kind = 'team_emergency' AND resolved_at IS NULL AND acknowledged_at IS NULL
""").bindparams(bindparam("jurisdiction", type_=String))


async def waiting(conn: AsyncConnection, jurisdiction: str) -> list[Mapping[Any, Any]]:
    """Return the incidents that may be offered to somebody now, the most urgent first; at most 500."""
    return list((await conn.execute(_WAITING, {"jurisdiction": jurisdiction})).mappings().all())


async def engaged(conn: AsyncConnection, jurisdiction: str) -> tuple[frozenset[UUID], frozenset[UUID]]:
    """Return the teams with a live assignment here, and those with an emergency that nobody has acknowledged."""
    rows = (await conn.execute(_ENGAGED, {"jurisdiction": jurisdiction})).all()
    return frozenset(row[0] for row in rows if row[1]), frozenset(row[0] for row in rows if not row[1])


_TABLET: Final = text(f"""
    SELECT a.id, a.incident_id, a.status, a.version, a.respond_by, a.act_by, a.watch, a.stage, a.eta, a.depart_by, a.misfit,
        a.recall_reason, a.recall_words, a.recalled_at, a.acknowledge_by, a.acknowledged_at,
        i.wanted, i.may_offer, i.may_depart, i.verdict, i.wish_reason, i.priority, i.call_cancelled_at, i.facts,
        l.heard_as_of, dispatch.clock() AS now
    FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id
        LEFT JOIN dispatch.link l ON l.jurisdiction = a.jurisdiction
    WHERE a.team_id = :team_id AND a.{LIVE_SQL} AND a.status <> 'holding'
        AND (a.status <> 'offered' OR a.respond_by > dispatch.clock())
    ORDER BY a.status <> 'withdrawing', a.created_at
""").bindparams(bindparam("team_id", type_=Uuid))


async def tablet(conn: AsyncConnection, team_id: UUID) -> list[Mapping[Any, Any]]:
    """Return a team's live assignments with what their briefing is made of, a withdrawing one first.

    An offer whose time has passed is not shown, even if the sweep has not ended it yet.
    """
    return list((await conn.execute(_TABLET, {"team_id": team_id})).mappings().all())
