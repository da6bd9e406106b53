"""The tables of dispatch, each with the sentences that it enforces as named constraints."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from shared.alerts import alert_table
from shared.clock import clock, clock_watch_table
from shared.idempotency import idempotency_table

SCHEMA: Final = "dispatch"
metadata: Final = MetaData(schema=SCHEMA)
NOW: Final = clock(SCHEMA)


def _words(values: Any) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _time(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


LIVE_SQL: Final = f"status IN ({_words(assignments.LIVE)})"
COMMITTED_SQL: Final = f"status IN ({_words(assignments.LIVE - {assignments.Status.WITHDRAWING})})"

incident: Final = Table(
    "incident", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("event_seq", Integer, nullable=False),
    _time("created_at", nullable=False),
    _time("ended_at"),
    # the newest wish
    Column("wish_seq", BigInteger, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("may_offer", Boolean, nullable=False),
    Column("may_depart", Boolean, nullable=False),
    Column("wish_reason", Text),
    Column("verdict", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("facts", JSONB),
    _time("assign_by"),
    _time("call_cancelled_at"),
    # what dispatch watches and found
    _time("act_by"),
    Column("stage", SmallInteger, nullable=False),
    Column("offers", SmallInteger, nullable=False),
    Column("unmatched", Text),
    Column("hold", JSONB),
    Column("return_reason", Text),
    Column("outcome", Text),
    Column("needs", Text),
    Column("position", JSONB),
    # the report to intake
    Column("confirmed_version", BigInteger, nullable=False),
    Column("events_confirmed", Integer, nullable=False),
    _time("report_at"),
    Column("report_tries", Integer, nullable=False),
    CheckConstraint(f"status IN ({_words(incidents.Status)})", name="incident_status_is_known"),
    CheckConstraint("wanted IN ('civilian', 'withdrawn')", name="incident_wanted_is_known"),
    CheckConstraint("status <> 'waiting' OR act_by IS NOT NULL", name="incident_waiting_has_a_deadline"),
    CheckConstraint("status <> 'ended' OR act_by IS NULL", name="incident_ended_has_no_deadline"),
    CheckConstraint("outcome IS NULL OR return_reason IS NULL", name="incident_is_closed_or_returned_not_both"),
    Index("incident_due", "jurisdiction", "act_by", postgresql_where=text("act_by IS NOT NULL")),
    Index("incident_waiting", "jurisdiction", "priority", "created_at", postgresql_where=text("status = 'waiting'")),
    Index("incident_to_report", "jurisdiction", "report_at", postgresql_where=text("report_at IS NOT NULL")),
    Index("incident_by_age", "jurisdiction", "created_at", "id"),
    Index("incident_by_address", "jurisdiction", text("(facts ->> 'address_key')")),
)  # fmt: skip

assignment: Final = Table(
    "assignment", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("incident_id", Uuid, ForeignKey(incident.c.id), nullable=False),
    Column("team_id", Uuid, nullable=False),
    Column("team_name", Text, nullable=False),
    Column("provider_id", Uuid),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    _time("created_at", nullable=False),
    _time("ended_at"),
    Column("choice", JSONB, nullable=False),
    Column("scheduled", Boolean, nullable=False),
    Column("drive_s", Integer),
    _time("respond_by"),
    _time("eta"),
    _time("depart_by"),
    _time("expected_clear_at"),
    _time("act_by"),
    Column("watch", Text),
    Column("stage", SmallInteger, nullable=False),
    Column("misfit", Text),
    Column("position", JSONB),
    Column("ends_as", Text),
    Column("recall_reason", Text),
    Column("recall_words", Text),
    _time("recalled_at"),
    _time("acknowledge_by"),
    _time("acknowledged_at"),
    # the hold at the teams service
    _time("release_at"),
    Column("hold_released", Boolean, nullable=False),
    CheckConstraint(f"status IN ({_words(assignments.Status)})", name="assignment_status_is_known"),
    CheckConstraint(f"({LIVE_SQL}) = (act_by IS NOT NULL)", name="assignment_live_has_a_deadline"),
    CheckConstraint(f"({LIVE_SQL}) = (ended_at IS NULL)", name="assignment_ended_says_when"),
    CheckConstraint("(act_by IS NULL) = (watch IS NULL)", name="assignment_deadline_says_what_for"),
    CheckConstraint(
        f"status <> 'withdrawing' OR ends_as IN ({_words(assignments.ENDS_AS.values())})",
        name="assignment_withdrawing_knows_how_it_ends",
    ),
    CheckConstraint(
        f"({LIVE_SQL}) OR hold_released OR release_at IS NOT NULL", name="assignment_ended_releases_its_hold"
    ),
    Index("assignment_one_live_per_team", "team_id", unique=True, postgresql_where=text(LIVE_SQL)),
    Index("assignment_one_live_per_incident", "incident_id", unique=True, postgresql_where=text(COMMITTED_SQL)),
    Index("assignment_due", "jurisdiction", "act_by", postgresql_where=text("act_by IS NOT NULL")),
    Index("assignment_to_release", "jurisdiction", "release_at", postgresql_where=text("release_at IS NOT NULL")),
    Index("assignment_of_incident", "incident_id", "created_at"),
)  # fmt: skip

incident_event: Final = Table(
    "incident_event", metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True),
    _time("at", nullable=False),
    Column("actor", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text),
    Column("assignment_id", Uuid),
    Column("data", JSONB),
    CheckConstraint("machine IN ('incident', 'assignment', 'wish', 'deadline', 'notice')", name="event_machine_is_known"),
    Index("incident_event_of_assignment", "assignment_id", "seq", postgresql_where=text("assignment_id IS NOT NULL")),
)  # fmt: skip
"""Append-only: what happened to an incident and its assignments, numbered without gaps."""

notice: Final = Table(
    "notice", metadata,
    Column("id", Uuid, primary_key=True),
    Column("incident_id", Uuid, ForeignKey(incident.c.id), nullable=False),
    Column("team_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("position", JSONB),
    _time("at", nullable=False),
    Index("notice_of_incident", "incident_id", "at"),
)  # fmt: skip
"""Append-only: what the call center was told about a call apart from its status."""

loose_notice: Final = Table(
    "loose_notice", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    _time("at", nullable=False),
    _time("send_at"),
    Column("tries", Integer, nullable=False),
    Index("loose_notice_to_send", "jurisdiction", "send_at", postgresql_where=text("send_at IS NOT NULL")),
)  # fmt: skip
"""Notices without a call, on their way to intake."""

link: Final = Table(
    "link", metadata,
    Column("jurisdiction", Text, primary_key=True),
    _time("heard_as_of"),
    Column("applied", BigInteger, nullable=False),
)  # fmt: skip
"""One row per jurisdiction: what is known of intake. Locked after the incident."""

tablet_seen: Final = Table(
    "tablet_seen", metadata,
    Column("team_id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    _time("seen_at", nullable=False),
)  # fmt: skip
"""When each team's tablet last polled; behind the truth by up to a minute."""

alert: Final = alert_table(metadata)
idempotency_key: Final = idempotency_table(metadata)
clock_watch: Final = clock_watch_table(metadata)
HISTORY: Final = (incident_event, notice)
STATE: Final = (incident, assignment, loose_notice, link, alert, idempotency_key, clock_watch, tablet_seen)
