"""Read-only views: the progress report, the tablet's list, one assignment, the queue."""

# ruff: noqa: S608 - the texts are put together from constants of this service

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Integer, String, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.dispatch.domain.diversion import DIVERTED
from services.dispatch.domain.silence import LONGEST_SILENCE
from services.dispatch.tables import LIVE_SQL
from shared.edge import cursor, read_cursor
from shared.errors import Invalid
from shared.messages.incidents import Progress, WishAnswer

MOST_EVENTS: Final = 100
P = TypeVar("P", bound=Progress)

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
            ORDER BY e.seq LIMIT {MOST_EVENTS}) e) AS events,
        coalesce((SELECT l.applied FROM dispatch.link l WHERE l.jurisdiction = i.jurisdiction), 0) AS applied
    FROM dispatch.incident i WHERE i.id = :incident_id
""").bindparams(bindparam("incident_id", type_=Uuid))


async def progress(conn: AsyncConnection, incident_id: UUID) -> Progress | None:
    """Return dispatch's whole view of an incident, with the history that intake has not confirmed; None if unknown."""
    return await _view(conn, incident_id, Progress)


async def answer_to_wish(conn: AsyncConnection, incident_id: UUID) -> WishAnswer | None:
    """Return the same view with the running count of applied wishes; None if unknown."""
    return await _view(conn, incident_id, WishAnswer)


async def _view(conn: AsyncConnection, incident_id: UUID, model: type[P]) -> P | None:
    row = (await conn.execute(_PROGRESS, {"incident_id": incident_id})).mappings().first()
    if row is None:
        return None
    return model.model_validate({**row, "notices": row["notices"] or [], "events": row["events"] or []})


MOST_WAITING: Final = 500
_HISTORY_OF: Final = """
    ARRAY(SELECT a.team_id FROM dispatch.assignment a WHERE a.incident_id = i.id
          AND (a.status IN ('declined', 'expired') OR a.ends_as = 'expired')) AS refused_by,
    ARRAY(SELECT a.team_id FROM dispatch.incident e JOIN dispatch.assignment a ON a.incident_id = e.id
          WHERE e.jurisdiction = i.jurisdiction AND e.facts ->> 'address_key' = i.facts ->> 'address_key'
          AND e.id <> i.id AND a.status = 'cleared') AS known_to"""
_OFFERABLE: Final = f"""
    i.jurisdiction = :jurisdiction AND i.status = 'waiting' AND i.wanted = 'civilian' AND i.may_offer AND i.verdict = 'safe'
    AND i.assign_by > c.now
    AND EXISTS (SELECT 1 FROM dispatch.link l WHERE l.jurisdiction = i.jurisdiction AND l.heard_as_of <= c.now
        AND l.heard_as_of > c.now - interval '{LONGEST_SILENCE.total_seconds()} s')"""
_WAITING: Final = text(f"""
    SELECT i.id, i.priority, i.created_at, i.version, i.facts, i.unmatched, i.hold, c.now, {_HISTORY_OF}
    FROM dispatch.incident i, (SELECT dispatch.clock() AS now) c
    WHERE {_OFFERABLE}
    ORDER BY i.priority, i.created_at, i.id LIMIT {MOST_WAITING}
""").bindparams(bindparam("jurisdiction", type_=String))
_ANYBODY: Final = text(f"""
    SELECT EXISTS (SELECT 1 FROM dispatch.incident i, (SELECT dispatch.clock() AS now) c WHERE {_OFFERABLE})
""").bindparams(bindparam("jurisdiction", type_=String))
_NEEDS: Final = text(f"""
    SELECT i.id, i.priority, i.created_at, i.version, i.facts, dispatch.clock() AS now, {_HISTORY_OF},
        (SELECT a.team_id FROM dispatch.assignment a WHERE a.incident_id = i.id
            AND a.status IN ('holding', 'offered', 'accepted', 'en_route', 'on_scene')) AS team_id
    FROM dispatch.incident i WHERE i.id = :incident_id
""").bindparams(bindparam("incident_id", type_=Uuid))
_WORK: Final = text(f"""
    SELECT a.team_id, a.status, a.eta, a.drive_s, a.expected_clear_at, i.facts -> 'disciplines' ->> 0 AS discipline,
        i.facts -> 'location' AS location, CASE WHEN a.recall_reason = '{DIVERTED}' THEN a.recalled_at END AS turns_since,
        (SELECT max(e.at) FROM dispatch.incident_event e WHERE e.assignment_id = a.id AND e.after = 'on_scene') AS arrived_at
    FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id
    WHERE a.jurisdiction = :jurisdiction AND a.{LIVE_SQL}
""").bindparams(bindparam("jurisdiction", type_=String))
_UNDER_WAY: Final = text(f"""
    SELECT i.id, i.priority, i.created_at, i.version, i.facts, {_HISTORY_OF}, a.id AS assignment_id, a.team_id,
        coalesce(a.eta, c.now + a.drive_s * interval '1 s') AS eta
    FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id, (SELECT dispatch.clock() AS now) c
    WHERE a.jurisdiction = :jurisdiction AND a.status IN ('accepted', 'en_route') AND NOT a.scheduled
        AND coalesce(a.eta, c.now + a.drive_s * interval '1 s') IS NOT NULL
        AND i.wanted = 'civilian' AND i.may_offer AND i.verdict = 'safe'
        AND NOT EXISTS (SELECT 1 FROM dispatch.assignment x WHERE x.incident_id = i.id AND x.recall_reason = '{DIVERTED}')
""").bindparams(bindparam("jurisdiction", type_=String))
_EMERGENCIES: Final = text("""
    SELECT CAST(subject AS uuid) FROM dispatch.alert
    WHERE kind = 'team_emergency' AND resolved_at IS NULL AND acknowledged_at IS NULL
""")


class Engaged(NamedTuple):
    """Teams with a live assignment here, each with what says when it will be free, and teams in an open emergency."""

    work: Mapping[UUID, Mapping[Any, Any]]
    emergencies: frozenset[UUID]


async def anybody_waits(conn: AsyncConnection, jurisdiction: str) -> bool:
    """Say whether `waiting` would return anything, without reading what it would."""
    return bool(await conn.scalar(_ANYBODY, {"jurisdiction": jurisdiction}))


async def waiting(conn: AsyncConnection, jurisdiction: str) -> list[Mapping[Any, Any]]:
    """Return the incidents that may be offered to somebody now, the most urgent first; at most 500."""
    return list((await conn.execute(_WAITING, {"jurisdiction": jurisdiction})).mappings().all())


async def needs(conn: AsyncConnection, incident_id: UUID) -> Mapping[Any, Any] | None:
    """Return what one incident needs, whatever its status, and the team that has it; None if unknown."""
    return (await conn.execute(_NEEDS, {"incident_id": incident_id})).mappings().first()


async def engaged(conn: AsyncConnection, jurisdiction: str) -> Engaged:
    """Return the teams that have work here, and those with an emergency that nobody has acknowledged."""
    work = (await conn.execute(_WORK, {"jurisdiction": jurisdiction})).mappings().all()
    return Engaged({row["team_id"]: row for row in work}, await emergencies(conn))


async def emergencies(conn: AsyncConnection) -> frozenset[UUID]:
    """Return the teams with an emergency that nobody has acknowledged: they are offered nothing."""
    return frozenset((await conn.execute(_EMERGENCIES)).scalars())


async def under_way(conn: AsyncConnection, jurisdiction: str) -> list[Mapping[Any, Any]]:
    """Return the incidents to which a team drives that may be taken off: each with its team, never one that lost a team so before."""
    return list((await conn.execute(_UNDER_WAY, {"jurisdiction": jurisdiction})).mappings().all())


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


StatusFilter = Literal["waiting", "committed", "ended"]
_QUEUE: Final = text(f"""
    SELECT i.id, i.status, i.version, i.priority, i.facts ->> 'neighborhood' AS neighborhood, i.facts -> 'disciplines' AS disciplines,
        i.created_at, i.act_by AS assign_act_by, i.may_offer, i.may_depart, i.wish_reason, i.wanted, i.offers, i.unmatched, i.hold,
        i.return_reason, i.outcome, a.id AS assignment_id, a.team_id, a.team_name, a.status AS assignment_status, a.eta,
        a.act_by AS assignment_act_by, a.watch, a.misfit
    FROM dispatch.incident i LEFT JOIN LATERAL (
        SELECT * FROM dispatch.assignment x WHERE x.incident_id = i.id ORDER BY x.created_at DESC, x.id DESC LIMIT 1) a ON true
    WHERE (i.created_at, i.id) > (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid))
        AND (i.status = ANY (string_to_array(:statuses, ',')) OR :statuses = ''
             AND (i.status <> 'ended' OR EXISTS (
                SELECT 1 FROM dispatch.assignment y WHERE y.incident_id = i.id AND y.{LIVE_SQL})))
    ORDER BY i.created_at, i.id LIMIT :most
""").bindparams(
    bindparam("after_at", type_=String), bindparam("after_id", type_=String), bindparam("statuses", type_=String),
    bindparam("most", type_=Integer),
)  # fmt: skip
_FIRST: Final = ("-infinity", "00000000-0000-0000-0000-000000000000")


async def queue(
    conn: AsyncConnection, statuses: list[StatusFilter], *, limit: int, cursor_text: str | None
) -> tuple[list[Mapping[Any, Any]], str | None]:
    """Return a page of incidents, the oldest first, and the cursor of the next page."""
    after_at, after_id = _after(cursor_text)
    parameters = {"after_at": after_at, "after_id": after_id, "statuses": ",".join(statuses), "most": limit + 1}
    rows: list[Mapping[Any, Any]] = list((await conn.execute(_QUEUE, parameters)).mappings().all())
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], cursor(last["created_at"].isoformat(), last["id"])


def _after(cursor_text: str | None) -> tuple[str, str]:
    if cursor_text is None:
        return _FIRST
    at, last_id = read_cursor(cursor_text, length=2)
    try:
        return datetime.fromisoformat(str(at)).isoformat(), str(UUID(str(last_id)))
    except ValueError as error:
        raise Invalid("The cursor is not one that this service gave.", pointer="cursor") from error


_ONE: Final = text("SELECT a.* FROM dispatch.assignment a WHERE a.id = :assignment_id").bindparams(
    bindparam("assignment_id", type_=Uuid)
)
_HISTORY: Final = text("""
    SELECT seq, at, actor, action, before AS "from", after AS "to", reason, data FROM dispatch.incident_event
    WHERE assignment_id = :assignment_id ORDER BY seq
""").bindparams(bindparam("assignment_id", type_=Uuid))


async def assignment(
    conn: AsyncConnection, assignment_id: UUID
) -> tuple[Mapping[Any, Any], list[Mapping[Any, Any]]] | None:
    """Return one assignment and its history; None if unknown."""
    row = (await conn.execute(_ONE, {"assignment_id": assignment_id})).mappings().first()
    if row is None:
        return None
    return row, list((await conn.execute(_HISTORY, {"assignment_id": assignment_id})).mappings().all())
