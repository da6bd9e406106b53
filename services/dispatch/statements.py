"""The SQL of `store`: built once at import from the tables and from the guards' conditions.

A step's changed columns travel as one JSON object, so each statement has one text and one prepared plan whatever it changes.
"""

# ruff: noqa: S608 - every part of every text is a constant of this file or a column of tables.py

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Float, String, Table, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects import postgresql

from services.dispatch.domain.silence import LONGEST_SILENCE
from services.dispatch.tables import LIVE_SQL, assignment, incident

_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this untyped
_INCIDENT_CHANGES: Final = (
    "wish_seq", "wanted", "may_offer", "may_depart", "wish_reason", "verdict", "priority", "facts", "assign_by",
    "call_cancelled_at", "act_by", "stage", "offers", "unmatched", "return_reason", "outcome", "needs", "position", "ended_at",
    "hold",
)  # fmt: skip
_ASSIGNMENT_CHANGES: Final = (
    "respond_by", "eta", "depart_by", "expected_clear_at", "act_by", "watch", "stage", "misfit", "position", "ends_as",
    "recall_reason", "recall_words", "recalled_at", "acknowledge_by", "acknowledged_at", "ended_at", "release_at",
)  # fmt: skip


def _record(table: Table, columns: Sequence[str], alias: str, parameter: str) -> str:
    typed = ", ".join(f"{name} {table.c[name].type.compile(_DIALECT)}" for name in columns)
    return f"jsonb_to_record(CAST(:{parameter} AS jsonb)) AS {alias}({typed})"


def _set(columns: Sequence[str], target: str, alias: str, parameter: str) -> str:
    return ", ".join(
        f"{n} = CASE WHEN jsonb_exists(CAST(:{parameter} AS jsonb), '{n}') THEN {alias}.{n} ELSE {target}.{n} END"
        for n in columns
    )


HEARD: Final = f"""EXISTS (
    SELECT 1 FROM dispatch.link l WHERE l.jurisdiction = locked.jurisdiction AND l.heard_as_of <= dispatch.clock()
    AND l.heard_as_of > dispatch.clock() - interval '{LONGEST_SILENCE.total_seconds()} s')"""
OFFERABLE: Final = "(locked.wanted = 'civilian' AND locked.may_offer AND locked.verdict = 'safe')"
DEPARTABLE: Final = "(locked.wanted = 'civilian' AND locked.may_depart AND locked.verdict = 'safe')"
_LOCKED: Final = """
    SELECT id, jurisdiction, status, version, wanted, may_offer, may_depart, verdict
    FROM dispatch.incident WHERE id = :incident_id FOR UPDATE"""
_MOVED: Final = f"""
    UPDATE dispatch.assignment a
    SET status = :after, version = a.version + CASE WHEN :is_move THEN 1 ELSE 0 END,
        {_set(_ASSIGNMENT_CHANGES, "a", "ac", "changes")}
    FROM locked, {_record(assignment, _ASSIGNMENT_CHANGES, "ac", "changes")}
    WHERE a.id = :assignment_id AND a.incident_id = locked.id AND a.status = :before AND a.version = :version
        AND locked.status = :incident_before AND locked.version = :incident_version
        AND (NOT :needs_offerable OR {OFFERABLE})
        AND (NOT :needs_departable OR {DEPARTABLE})
        AND (NOT :needs_heard OR {HEARD})
        AND (NOT :needs_open OR a.respond_by > dispatch.clock())
    RETURNING a.id"""
_MADE: Final = f"""
    INSERT INTO dispatch.assignment (id, jurisdiction, incident_id, team_id, team_name, provider_id, status, version,
        created_at, choice, scheduled, drive_s, act_by, watch, stage, position, hold_released)
    SELECT :assignment_id, locked.jurisdiction, locked.id, :team_id, :team_name, :provider_id, 'holding', 1,
        dispatch.clock(), CAST(:choice AS jsonb), :scheduled, CAST(:drive_s AS int), CAST(:act_by AS timestamptz), 'hold', 0,
        CAST(:position AS jsonb), false
    FROM locked
    WHERE locked.status = :incident_before AND locked.version = :incident_version AND {OFFERABLE} AND {HEARD}
    ON CONFLICT DO NOTHING
    RETURNING id"""
_WRITTEN: Final = f"""
    UPDATE dispatch.incident i
    SET status = :incident_after, version = i.version + 1, event_seq = i.event_seq + CAST(:event_count AS int),
        report_at = dispatch.clock(), report_tries = 0,
        {_set(_INCIDENT_CHANGES, "i", "ic", "incident_changes")}
    FROM {{source}}, {_record(incident, _INCIDENT_CHANGES, "ic", "incident_changes")}
    WHERE i.id = locked.id AND locked.status = :incident_before AND locked.version = :incident_version
    RETURNING i.id, i.version, i.event_seq"""
_HISTORY: Final = """
    INSERT INTO dispatch.incident_event
        (incident_id, seq, at, actor, machine, action, before, after, reason, assignment_id, data)
    SELECT w.id, w.event_seq - CAST(:event_count AS int) + e.n, dispatch.clock(), :actor,
           e.machine, e.action, e.before, e.after, e.reason, e.assignment_id, e.data
    FROM written w, jsonb_to_recordset(CAST(:events AS jsonb))
        AS e(n int, machine text, action text, before text, after text, reason text, assignment_id uuid, data jsonb)"""
_RESOLVED: Final = """
    UPDATE dispatch.alert SET resolved_at = dispatch.clock()
    WHERE subject = ANY (string_to_array(:resolves, ',')) AND resolved_at IS NULL AND EXISTS (SELECT 1 FROM written)"""
_TYPES: Final[Mapping[str, Any]] = {
    "incident_id": Uuid, "assignment_id": Uuid, "team_id": Uuid, "provider_id": Uuid, "is_move": Boolean, "scheduled": Boolean,
    "needs_offerable": Boolean, "needs_departable": Boolean, "needs_heard": Boolean, "needs_open": Boolean,
    "version": BigInteger, "incident_version": BigInteger, "event_count": BigInteger, "drive_s": BigInteger, "seq": BigInteger,
    "applied": BigInteger,
    "priority": BigInteger, "alert_after_s": Float, "may_offer": Boolean, "may_depart": Boolean,
}  # fmt: skip


def _statement(sql: str) -> TextClause:
    statement = text(sql)
    names = list(statement._bindparams)  # noqa: SLF001 - the only place where text() keeps the names that it found
    return statement.bindparams(*(bindparam(name, type_=_TYPES.get(name, String)) for name in names))


MOVE: Final = _statement(
    f"WITH locked AS ({_LOCKED}), moved AS ({_MOVED}), written AS ({_WRITTEN.format(source='locked JOIN moved ON true')}), "
    f"history AS ({_HISTORY}), resolved AS ({_RESOLVED}) SELECT version FROM written"
)
NOTE: Final = _statement(
    f"WITH locked AS ({_LOCKED}), written AS ({_WRITTEN.format(source='locked')}), "
    f"history AS ({_HISTORY}), resolved AS ({_RESOLVED}) SELECT version FROM written"
)
COMMIT: Final = _statement(
    f"WITH locked AS ({_LOCKED}), made AS ({_MADE}), written AS ({_WRITTEN.format(source='locked JOIN made ON true')}), "
    f"history AS ({_HISTORY}) SELECT version FROM written"
)
RECEIVE: Final = _statement("""
    WITH written AS (
        INSERT INTO dispatch.incident (id, jurisdiction, status, version, event_seq, created_at, ended_at, call_cancelled_at,
            wish_seq, wanted, may_offer, may_depart, wish_reason, verdict, priority, facts, assign_by, act_by, stage, offers,
            return_reason, confirmed_version, events_confirmed, report_at, report_tries)
        SELECT :incident_id, :jurisdiction, :status, 1, 1, dispatch.clock(),
            CASE WHEN :status = 'ended' THEN dispatch.clock() END,
            CASE WHEN :status = 'ended' AND :reason = 'cancelled' THEN dispatch.clock() END,
            :seq, :wanted, :may_offer, :may_depart, :reason, :verdict, :priority, CAST(:facts AS jsonb), until.assign_by,
            CASE WHEN until.alert_at < until.assign_by THEN until.alert_at ELSE until.assign_by END,
            CASE WHEN until.alert_at < until.assign_by THEN 0 ELSE 1 END,
            0, :return_reason, 0, 0, dispatch.clock(), 0
        FROM (SELECT CAST(:assign_by AS timestamptz) AS assign_by,
                     dispatch.clock() + make_interval(secs => :alert_after_s) AS alert_at) until
        WHERE :applied <= coalesce((SELECT applied FROM dispatch.link WHERE jurisdiction = :jurisdiction), 0)
        ON CONFLICT (id) DO NOTHING
        RETURNING id, jurisdiction
    ), history AS (
        INSERT INTO dispatch.incident_event (incident_id, seq, at, actor, machine, action, after, reason, data)
        SELECT id, 1, dispatch.clock(), :actor, 'incident', 'receive', :status, :reason, CAST(:data AS jsonb) FROM written
    ), counted AS (
        INSERT INTO dispatch.link (jurisdiction, applied) SELECT jurisdiction, 1 FROM written WHERE :seq > 0
        ON CONFLICT (jurisdiction) DO UPDATE SET applied = dispatch.link.applied + 1
    ) SELECT id FROM written
""")
APPLIED: Final = _statement("""
    SELECT dispatch.clock(), coalesce((SELECT applied FROM dispatch.link WHERE jurisdiction = :jurisdiction), 0)
""")
COUNT_APPLIED: Final = _statement("""
    INSERT INTO dispatch.link (jurisdiction, applied) VALUES (:jurisdiction, 1)
    ON CONFLICT (jurisdiction) DO UPDATE SET applied = dispatch.link.applied + 1
""")
_INCIDENT_COLUMNS: Final = """i.id, i.jurisdiction, i.status, i.version, i.created_at, i.wish_seq, i.wanted, i.may_offer, i.may_depart,
    i.verdict, i.wish_reason, i.priority, i.assign_by, i.act_by, i.stage, i.offers, i.unmatched, i.return_reason, i.outcome,
    i.call_cancelled_at"""
_ASSIGNMENT_COLUMNS: Final = """a.id AS a_id, a.incident_id, a.team_id, a.team_name, a.provider_id, a.status AS a_status,
    a.version AS a_version, a.scheduled, a.drive_s, a.respond_by, a.depart_by, a.act_by AS a_act_by, a.watch, a.stage AS a_stage,
    a.ends_as, a.recall_reason, a.acknowledged_at, a.position, a.choice -> 'team' AS team"""
_CASE: Final = f"""
    SELECT dispatch.clock() AS now, (SELECT heard_as_of FROM dispatch.link l WHERE l.jurisdiction = i.jurisdiction) AS heard_as_of,
        {_INCIDENT_COLUMNS}, {_ASSIGNMENT_COLUMNS}
    FROM dispatch.incident i LEFT JOIN dispatch.assignment a ON a.incident_id = i.id AND (a.{LIVE_SQL} {{also}})
    WHERE i.id = {{which}} ORDER BY a.created_at"""
READ: Final = _statement(_CASE.format(also="", which=":incident_id"))
READ_OF: Final = _statement(
    _CASE.format(
        also="OR a.id = :assignment_id", which="(SELECT incident_id FROM dispatch.assignment WHERE id = :assignment_id)"
    )
)
LOCK: Final = _statement("SELECT id FROM dispatch.incident WHERE id = :incident_id FOR UPDATE")
LOCK_IF_FREE: Final = _statement("SELECT id FROM dispatch.incident WHERE id = :incident_id FOR UPDATE SKIP LOCKED")
