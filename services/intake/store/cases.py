"""What a deciding transaction reads: what is in force, the calls that belong together, and all that was said in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection


class PlanRow(NamedTuple):
    """One version of one neighborhood's plan, as it was entered."""

    slug: str
    version: int
    body: Mapping[str, Any]


class Setting(NamedTuple):
    """What is in force at the moment of a decision, and which calls belong together."""

    now: datetime
    protocol_version: str | None
    layer_version: int | None
    area_layers: Mapping[str, int]
    """The versions in force of the other layers, by kind."""
    reviewer_seen_at: datetime | None
    plans: Mapping[str, PlanRow | None]
    """Of the neighborhoods asked about; None: it has entered no plan."""
    group: tuple[UUID, ...]
    """Every call of the events asked about, of those linked to them and of those linked to these, by id."""


class StatementRow(NamedTuple):
    """One thing said about a call, as it was kept."""

    seq: int
    source: str
    body: Mapping[str, Any]
    extra_text: str
    truncated: bool
    digest: str


class ClearanceRow(NamedTuple):
    """What one reviewer cleared: a list of [rule, reason, phrase]."""

    by: str
    cleared: Sequence[Sequence[str | None]]


class CaseRow(NamedTuple):
    """All that was said and cleared about one call, and its decision as it stands."""

    statements: tuple[StatementRow, ...]
    clearances: tuple[ClearanceRow, ...]
    decision: Mapping[str, Any]
    decision_count: int
    versions: tuple[str, ...] = ()
    """Of the protocol: every one that has decided the call; one that only failed on it has not."""


_HOLD: Final = {
    exclusive: text(
        f"SELECT pg_advisory_xact_lock{'' if exclusive else '_shared'}(hashtextextended(:jurisdiction || '/' || :cad_system, 1)), "
        "pg_advisory_xact_lock_shared(hashtextextended('intake.plans in force', 1))"
    ).bindparams(bindparam("jurisdiction", type_=Text), bindparam("cad_system", type_=Text))
    for exclusive in (True, False)
}


async def hold_links(conn: AsyncConnection, *, jurisdiction: str, cad_system: str, exclusive: bool) -> None:
    """Keep the links of a CAD's calls as they are until the transaction ends; `exclusive` to add to them.

    Every decision takes this first: so two reports that name each other cannot both miss the other's danger, and no plan takes
    effect between what a decision reads and what it writes.
    """
    await conn.execute(_HOLD[exclusive], {"jurisdiction": jurisdiction, "cad_system": cad_system})


_SETTING: Final = text(
    """
    WITH RECURSIVE n AS MATERIALIZED (SELECT intake.clock() AS now),
    linked (event) AS (
        SELECT unnest(:events)
        UNION
        SELECT CASE WHEN l.cad_event_id = linked.event THEN l.linked_to ELSE l.cad_event_id END
        FROM linked JOIN intake.call_link l ON l.jurisdiction = :jurisdiction AND l.cad_system = :cad_system
            AND (l.cad_event_id = linked.event OR l.linked_to = linked.event)
    )
    SELECT n.now,
        (SELECT p.version FROM intake.protocol_version p WHERE p.effective_from <= n.now
            ORDER BY p.effective_from DESC, p.version COLLATE "C" DESC LIMIT 1) AS protocol_version,
        (SELECT max(version) FROM intake.neighborhood_layer) AS layer_version,
        (SELECT jsonb_object_agg(l.kind, l.version) FROM (
            SELECT kind, max(version) AS version FROM intake.area_layer GROUP BY kind) l) AS area_layers,
        (SELECT seen_at FROM intake.reviewer_presence WHERE id = 1) AS reviewer_seen_at,
        (SELECT jsonb_agg(jsonb_build_array(p.slug, p.version, p.body)) FROM (
            SELECT DISTINCT ON (slug) slug, version, body FROM intake.plan
            WHERE slug = ANY(:slugs) AND effective_from <= n.now ORDER BY slug, effective_from DESC, version DESC
        ) p) AS plans,
        (SELECT array_agg(c.id ORDER BY c.id) FROM intake.call c WHERE c.jurisdiction = :jurisdiction
            AND c.cad_system = :cad_system AND c.cad_event_id IN (SELECT event FROM linked)) AS calls
    FROM n
    """
).bindparams(
    bindparam("events", type_=ARRAY(Text)), bindparam("slugs", type_=ARRAY(Text)),
    bindparam("jurisdiction", type_=Text), bindparam("cad_system", type_=Text),
)  # fmt: skip


async def read_setting(
    conn: AsyncConnection, *, jurisdiction: str, cad_system: str, events: Sequence[str], slugs: Sequence[str]
) -> Setting:
    """Return what is in force now, the plans of `slugs`, and every call that belongs with `events` of the CAD."""
    values = {"jurisdiction": jurisdiction, "cad_system": cad_system, "events": list(events), "slugs": list(slugs)}
    row = (await conn.execute(_SETTING, values)).one()
    plans = dict.fromkeys(slugs) | {plan[0]: PlanRow(*plan) for plan in row.plans or ()}
    return Setting(
        row.now,
        row.protocol_version,
        row.layer_version,
        row.area_layers or {},
        row.reviewer_seen_at,
        plans,
        tuple(row.calls or ()),
    )


_PLANS: Final = text(
    """
    SELECT DISTINCT ON (slug) slug, version, body FROM intake.plan
    WHERE slug = ANY(:slugs) AND effective_from <= :at
    ORDER BY slug, effective_from DESC, version DESC
    """
).bindparams(bindparam("slugs", type_=ARRAY(Text)), bindparam("at", type_=DateTime(timezone=True)))


async def read_plans(conn: AsyncConnection, slugs: Sequence[str], *, at: datetime) -> dict[str, PlanRow]:
    """Return the plan that was in force at that time of each of `slugs` that had one."""
    rows = await conn.execute(_PLANS, {"slugs": list(slugs), "at": at})
    return {row.slug: PlanRow(row.slug, row.version, row.body) for row in rows}


_CASES: Final = text(
    """
    SELECT c.id,
        (SELECT jsonb_agg(jsonb_build_array(s.seq, s.source, s.body, s.extra_text, s.truncated, encode(s.digest, 'hex'))
            ORDER BY s.seq) FROM intake.statement s WHERE s.call_id = c.id) AS statements,
        (SELECT jsonb_agg(jsonb_build_array(r.by, r.cleared) ORDER BY r.seq)
            FROM intake.review r WHERE r.call_id = c.id AND r.cleared IS NOT NULL) AS clearances,
        (SELECT max(d.seq) FROM intake.decision d WHERE d.call_id = c.id) AS decision_count,
        (SELECT d.decision FROM intake.decision d WHERE d.id = c.decision_id) AS decision,
        (SELECT array_agg(DISTINCT d.protocol_version) FROM intake.decision d WHERE d.call_id = c.id
            AND NOT d.decision @> '{"reasons": [{"rule": "system_fault"}]}') AS versions
    FROM intake.call c WHERE c.id = ANY(:ids)
    """
).bindparams(bindparam("ids", type_=ARRAY(Uuid)))


async def read_cases(conn: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, CaseRow]:
    """Return what was said and cleared in each call; lock the calls first, or it may be out of date."""
    rows = await conn.execute(_CASES, {"ids": list(ids)})
    return {
        row.id: CaseRow(
            tuple(StatementRow(*said) for said in row.statements or ()),
            tuple(ClearanceRow(*clearance) for clearance in row.clearances or ()),
            row.decision,
            row.decision_count or 0,
            tuple(row.versions or ()),
        )
        for row in rows
    }


_FIND: Final = text(
    """
    SELECT c.id, c.cad_system, c.cad_event_id FROM intake.call c
    WHERE c.jurisdiction = :jurisdiction AND (c.id = :id OR (c.cad_system = :cad_system
        AND c.cad_event_id = :cad_event_id AND (:attempt = 0 OR c.attempt = :attempt)))
    ORDER BY c.attempt DESC LIMIT 1
    """
).bindparams(
    bindparam("jurisdiction", type_=Text), bindparam("id", type_=Uuid), bindparam("cad_system", type_=Text),
    bindparam("cad_event_id", type_=Text), bindparam("attempt", type_=BigInteger),
)  # fmt: skip


class Found(NamedTuple):
    """Which call a path names."""

    id: UUID
    cad_system: str
    cad_event_id: str


async def find_call(conn: AsyncConnection, jurisdiction: str, ref: UUID | tuple[str, str, int]) -> Found | None:
    """Return the call of that id, or of that CAD, event and attempt (0: the newest); None if there is none."""
    if isinstance(ref, UUID):
        values: dict[str, Any] = {"id": ref, "cad_system": None, "cad_event_id": None, "attempt": 0}
    else:
        values = dict(zip(("id", "cad_system", "cad_event_id", "attempt"), (None, *ref), strict=True))
    row = (await conn.execute(_FIND, {"jurisdiction": jurisdiction, **values})).one_or_none()
    return Found(row.id, row.cad_system, row.cad_event_id) if row else None
