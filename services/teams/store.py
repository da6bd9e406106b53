"""Every statement of the teams service that writes. Each is one statement: the row, its fence and its history row, or nothing.

A move of a team is fenced on `duty.revision`: it applies only to the team as it was when the caller read it and decided.
Because a hold and a change of duty both move that row, neither can slip past the other (READ COMMITTED is enough).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.teams.domain.holds import HoldState
from services.teams.domain.positions import Fix
from services.teams.queries import as_hold
from services.teams.records import SETTLES_EVERY_S, TeamRecord
from services.teams.tables import (
    SCHEMA,
    duty,
    hold,
    position,
    position_trace,
    provider,
    shift_plan,
    team,
    team_event,
)
from shared.clock import clock

_NOW: Final = clock(SCHEMA)
_EVENT_COLUMNS: Final = ["jurisdiction", "team_id", "at", "actor", "kind", "action", "reason", "detail"]


class Event(NamedTuple):
    """What history says of a write: who did what. Names of persons do not belong into `detail`."""

    actor: str
    kind: str
    action: str
    detail: Mapping[str, Any] = {}
    reason: str | None = None


def violated(error: IntegrityError) -> str | None:
    """Return the name of the constraint that refused a statement."""
    name: str | None = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    return name


def _logged(of: CTE, event: Event) -> CTE:
    """Return the CTE that adds the history row, if `of` (with team_id and jurisdiction) has one."""
    row = select(
        of.c.jurisdiction, of.c.team_id, _NOW, literal(event.actor, Text), literal(event.kind, Text),
        literal(event.action, Text), literal(event.reason, Text), literal(dict(event.detail), JSONB),
    )  # fmt: skip
    return insert(team_event).from_select(_EVENT_COLUMNS, row).returning(team_event.c.seq).cte("logged")


def _moved(record: TeamRecord, **values: Any) -> CTE:
    """Return the CTE that moves the team's fence, if it is where `record` saw it, and sets `values` of its duty."""
    return (
        update(duty)
        .where(duty.c.team_id == record.id, duty.c.revision == record.revision)
        .values(revision=duty.c.revision + 1, **values)
        .returning(duty.c.team_id, duty.c.jurisdiction)
        .cte("moved")
    )


async def add_provider(conn: AsyncConnection, values: Mapping[str, Any], event: Event) -> None:
    """Add a provider and its history row. IntegrityError: the name is taken."""
    added = (
        insert(provider)
        .values(**values, version=1, created_at=_NOW)
        .returning(provider.c.jurisdiction, null().cast(Uuid).label("team_id"))
        .cte("added")
    )
    await conn.execute(select(added.c.jurisdiction).add_cte(_logged(added, event)))


async def lock_provider(conn: AsyncConnection, provider_id: UUID, *, alone: bool) -> bool:
    """Keep the provider as it is until the transaction ends, and say whether it is in service.

    `alone` is for who would retire it; whoever adds a team to it shares the lock with others who do, so neither misses the other.
    """
    statement = select(provider.c.retired_at).where(provider.c.id == provider_id).with_for_update(read=not alone)
    row = (await conn.execute(statement)).one_or_none()
    return row is not None and row.retired_at is None


async def change_provider(
    conn: AsyncConnection, provider_id: UUID, version: int, values: Mapping[str, Any], event: Event
) -> bool:
    """Change a provider that still has this version, and count it as a change of its teams, which are shown with its name.

    False: it has not, and nothing was written.
    """
    changed = (
        update(provider)
        .where(provider.c.id == provider_id, provider.c.version == version)
        .values(**values, version=version + 1)
        .returning(provider.c.jurisdiction, null().cast(Uuid).label("team_id"))
        .cte("changed")
    )
    of_provider = select(team.c.id).where(team.c.provider_id == provider_id, exists(select(changed.c.jurisdiction)))
    shown = update(duty).where(duty.c.team_id.in_(of_provider)).values(revision=duty.c.revision + 1).cte("shown")
    written = select(changed.c.jurisdiction).add_cte(_logged(changed, event), shown)
    return (await conn.execute(written)).first() is not None


async def add_team(conn: AsyncConnection, values: Mapping[str, Any], event: Event) -> None:
    """Add a team, off duty and without shifts. IntegrityError: the name is taken, or there is no such provider."""
    added = (
        insert(team)
        .values(**values, version=1, created_at=_NOW)
        .returning(team.c.id.label("team_id"), team.c.jurisdiction)
        .cte("added")
    )
    stand = insert(duty).from_select(
        ["team_id", "jurisdiction", "status", "crew", "since", "version", "revision"],
        select(
            added.c.team_id, added.c.jurisdiction, literal("off_duty", Text), literal_column("'{}'::text[]"), _NOW, 1, 1
        ),
    )
    plan = insert(shift_plan).from_select(
        ["team_id", "jurisdiction", "plan", "version"],
        select(added.c.team_id, added.c.jurisdiction, literal({}, JSONB), 1),
    )
    statement = select(added.c.team_id).add_cte(stand.cte("stand"), plan.cte("plan"), _logged(added, event))
    await conn.execute(statement)


async def change_team(
    conn: AsyncConnection, record: TeamRecord, values: Mapping[str, Any], event: Event, *, off_duty: bool
) -> bool:
    """Change a team's profile, and send it off duty where that is asked for. False: somebody moved the team first."""
    moved = _moved(record, **_off_duty() if off_duty else {})
    changed = (
        update(team)
        .where(team.c.id == moved.c.team_id)
        .values(**values, version=team.c.version + 1)
        .returning(team.c.id.label("team_id"), team.c.jurisdiction)
        .cte("changed")
    )
    return (await conn.execute(select(changed.c.team_id).add_cte(_logged(changed, event)))).first() is not None


def _off_duty() -> dict[str, Any]:
    return {
        "status": "off_duty", "crew": [], "until": None, "reason": None, "since": _NOW, "version": duty.c.version + 1
    }  # fmt: skip


async def change_duty(conn: AsyncConnection, record: TeamRecord, values: Mapping[str, Any], event: Event) -> bool:
    """Set a team's duty. False: somebody moved the team first (a hold came, say); nothing was written."""
    moved = _moved(record, **values, since=_NOW, version=duty.c.version + 1)
    return (await conn.execute(select(moved.c.team_id).add_cte(_logged(moved, event)))).first() is not None


async def change_shifts(conn: AsyncConnection, record: TeamRecord, plan: Mapping[str, Any], event: Event) -> bool:
    """Replace a team's shift plan. False: somebody moved the team first."""
    moved = _moved(record)
    changed = (
        update(shift_plan)
        .where(shift_plan.c.team_id == moved.c.team_id)
        .values(plan=dict(plan), version=shift_plan.c.version + 1)
        .returning(shift_plan.c.team_id, shift_plan.c.jurisdiction)
        .cte("changed")
    )
    return (await conn.execute(select(changed.c.team_id).add_cte(_logged(changed, event)))).first() is not None


def _event_of(source: CTE) -> CTE:
    # Parameters have names that no column has: SQLAlchemy would take one of a column for a value to set.
    row = select(
        source.c.jurisdiction, source.c.team_id, _NOW, bindparam("given_actor", type_=Text), literal("hold", Text),
        bindparam("given_action", type_=Text), null().cast(Text),
        func.jsonb_build_object(
            "assignment_id", cast(source.c.assignment_id, Text), "incident_id", cast(source.c.incident_id, Text)
        ),
    )  # fmt: skip
    return insert(team_event).from_select(_EVENT_COLUMNS, row).returning(team_event.c.seq).cte("logged")


def _put_hold() -> Any:
    moved = (
        update(duty)
        .where(duty.c.team_id == bindparam("given_team"), duty.c.revision == bindparam("given_revision"))
        .values(held_by=bindparam("given_assignment_id"), revision=duty.c.revision + 1)
        .returning(duty.c.team_id, duty.c.jurisdiction)
        .cte("moved")
    )
    held = (
        insert(hold)
        .from_select(
            ["assignment_id", "jurisdiction", "team_id", "incident_id", "held_at"],
            select(
                bindparam("given_assignment_id", type_=Uuid), moved.c.jurisdiction, moved.c.team_id,
                bindparam("given_incident_id", type_=Uuid), _NOW,
            ),
        )
        .returning(*hold.c)
        .cte("held")
    )  # fmt: skip
    return select(*held.c).add_cte(_event_of(held))


_PUT_HOLD: Final = _put_hold()


async def put_hold(
    conn: AsyncConnection, record: TeamRecord, assignment_id: UUID, incident_id: UUID, event: Event
) -> HoldState | None:
    """Hold the team as `record` saw it. None: somebody moved it first, or the id is known by now; nothing was written."""
    given = {
        "given_team": record.id, "given_revision": record.revision, "given_assignment_id": assignment_id, "given_incident_id": incident_id,
        "given_actor": event.actor, "given_action": event.action,
    }  # fmt: skip
    try:
        row = (await conn.execute(_PUT_HOLD, given)).one_or_none()
    except IntegrityError as error:
        if violated(error) in {"hold_pkey", "hold_one_live_per_team"}:
            return None
        raise
    return None if row is None else as_hold(row)


def _release_hold() -> Any:
    released = (
        upsert(hold)
        .values(
            assignment_id=bindparam("given_assignment_id"), jurisdiction=bindparam("given_jurisdiction"), released_at=_NOW
        )
        .on_conflict_do_update(
            index_elements=["assignment_id"], set_={"released_at": _NOW}, where=hold.c.released_at.is_(None)
        )
        .returning(*hold.c)
        .cte("released")
    )  # fmt: skip
    # Found by team alone: a hold that was being put when this statement began is seen only on the row's newest version,
    # to which PostgreSQL follows a row that it has found, and a condition on `held_by` would not have found it.
    freed = (
        update(duty)
        .where(duty.c.team_id == released.c.team_id)
        .values(
            held_by=case((duty.c.held_by == released.c.assignment_id, null()), else_=duty.c.held_by),
            revision=duty.c.revision + 1,
        )
        .returning(duty.c.team_id)
        .cte("freed")
    )
    return select(*released.c).add_cte(freed, _event_of(released))


_RELEASE_HOLD: Final = _release_hold()


async def release_hold(conn: AsyncConnection, jurisdiction: str, assignment_id: UUID, event: Event) -> HoldState | None:
    """Release a hold; an id never seen is stored as released. None: it was released before; nothing was written."""
    given = {
        "given_assignment_id": assignment_id, "given_jurisdiction": jurisdiction, "given_actor": event.actor, "given_action": event.action
    }  # fmt: skip
    row = (await conn.execute(_RELEASE_HOLD, given)).one_or_none()
    return None if row is None else as_hold(row)


async def record_position(
    conn: AsyncConnection, jurisdiction: str, team_id: UUID, newest: Fix, trace: Sequence[Fix]
) -> bool:
    """Make `newest` the team's position unless a newer one is known, and keep the trace. False: a newer one is known."""
    traced = (
        upsert(position_trace)
        .values([
            {"team_id": team_id, "jurisdiction": jurisdiction, "minute": fix.at, "lat_deg": fix.lat_deg, "lon_deg": fix.lon_deg}
            for fix in trace
        ])
        .on_conflict_do_nothing()
        .cte("traced")
    )  # fmt: skip
    arrived = upsert(position).values(
        team_id=team_id, jurisdiction=jurisdiction, lat_deg=newest.lat_deg, lon_deg=newest.lon_deg,
        accuracy_m=newest.accuracy_m, at=newest.at, received_at=_NOW,
    )  # fmt: skip
    new = arrived.excluded
    slice_over = _slice(new.received_at) != _slice(position.c.received_at)
    settled = {
        f"settled_{name}": case((slice_over, position.c[name]), else_=position.c[f"settled_{name}"])
        for name in ("lat_deg", "lon_deg", "at")
    }
    taken = (
        arrived.on_conflict_do_update(
            index_elements=["team_id"],
            set_={
                **{name: new[name] for name in ("lat_deg", "lon_deg", "accuracy_m", "at", "received_at")},
                **settled,
            },
            where=new.at > position.c.at,
        )
        .returning(position.c.team_id)
        .cte("taken")
    )
    return (await conn.execute(select(taken.c.team_id).add_cte(traced))).first() is not None


def _slice(moment: Any) -> Any:
    return func.floor(func.date_part("epoch", moment) / SETTLES_EVERY_S)


async def end_duties(conn: AsyncConnection, jurisdiction: str, ends: Mapping[str, str], actor: str) -> int:
    """Write down what has ended by itself (`ends`: status -> what it becomes) and return how many. Readers knew already."""
    becomes = case(*((duty.c.status == before, after) for before, after in ends.items()))
    due = (
        select(duty.c.team_id, duty.c.status.label("before"), becomes.label("after"))
        .where(
            duty.c.jurisdiction == jurisdiction,
            duty.c.until <= select(_NOW).scalar_subquery(),
            duty.c.status.in_(list(ends)),
            (duty.c.held_by.is_(None)) | (becomes == "available"),
        )
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    ended = (
        update(duty)
        .where(duty.c.team_id == due.c.team_id)
        .values(
            status=due.c.after,
            crew=case((due.c.after == "off_duty", literal_column("'{}'::text[]")), else_=duty.c.crew),
            until=None, reason=None, since=_NOW, version=duty.c.version + 1, revision=duty.c.revision + 1,
        )
        .returning(duty.c.team_id, duty.c.jurisdiction, due.c.before, due.c.after)
        .cte("ended")
    )  # fmt: skip
    row = select(
        ended.c.jurisdiction, ended.c.team_id, _NOW, literal(actor, Text), literal("duty", Text),
        literal("until_passed", Text), null().cast(Text), func.jsonb_build_object("from", ended.c.before, "to", ended.c.after),
    )  # fmt: skip
    logged = insert(team_event).from_select(_EVENT_COLUMNS, row).returning(team_event.c.seq).cte("logged")
    return len((await conn.execute(select(ended.c.team_id).add_cte(logged))).all())


async def fold_news(conn: AsyncConnection) -> None:
    """Count the rows of news and delete them: one statement, so no reader ever sees another sum."""
    await conn.execute(_FOLD_NEWS)


_FOLD_NEWS: Final = text(f"""
    WITH gone AS (DELETE FROM {SCHEMA}.news RETURNING jurisdiction, is_position)
    INSERT INTO {SCHEMA}.news_counted AS c (jurisdiction, is_position, n)
        SELECT jurisdiction, is_position, count(*) FROM gone GROUP BY jurisdiction, is_position
    ON CONFLICT (jurisdiction, is_position) DO UPDATE SET n = c.n + excluded.n
""")  # noqa: S608 - put together from a constant


async def forget_traces(conn: AsyncConnection, jurisdiction: str, kept_for: timedelta) -> None:
    """Delete the trace that is older than its retention."""
    # The time is sent as a value: from within the statement the planner would expect a third of all rows, and read them all.
    before = (await conn.execute(select(_NOW))).scalar_one() - kept_for
    await conn.execute(
        delete(position_trace).where(position_trace.c.jurisdiction == jurisdiction, position_trace.c.minute < before)
    )


async def pull_back_positions(conn: AsyncConnection, jurisdiction: str, back: timedelta, now: datetime) -> None:
    """After the clock stepped back: move what lies in the future by as much, else no newer fix would be believed for long."""
    await conn.execute(
        update(position)
        .where(position.c.jurisdiction == jurisdiction, position.c.at > now)
        .values(at=position.c.at - back, received_at=position.c.received_at - back)
    )
