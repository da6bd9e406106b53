"""The tables of the teams service. `team` is who a team is, `duty` how it stands; the one row of `duty` is what moves are fenced on.

A hold is written in `hold` (whose index allows one live hold per team) and, in the same statement, on the team's row of `duty`:
so a hold and a change of duty meet on one row, and whichever comes second sees the first.
"""

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.alerts import alert_table
from shared.clock import clock_watch_table
from shared.idempotency import idempotency_table

SCHEMA: Final = "teams"
metadata = MetaData(schema=SCHEMA)
_Time: Final = DateTime(timezone=True)


def _of_team(name: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["jurisdiction", "team_id"], [f"{SCHEMA}.team.jurisdiction", f"{SCHEMA}.team.id"], name=name
    )


provider = Table(
    "provider", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("contact", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("retired_at", _Time),
    UniqueConstraint("jurisdiction", "id", name="provider_id_per_jurisdiction"),
    CheckConstraint("kind IN ('city', 'county', 'nonprofit')", name="provider_kind_is_known"),
    Index("provider_one_per_name", "jurisdiction", "name", unique=True, postgresql_where=text("retired_at IS NULL")),
)  # fmt: skip

team = Table(
    "team", metadata,
    Column("id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("provider_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("disciplines", ARRAY(Text), nullable=False),
    Column("languages", ARRAY(Text), nullable=False),
    Column("catchment", JSONB, nullable=False),
    Column("minimum_crew", Integer, nullable=False),
    Column("base_lat_deg", Float, nullable=False),
    Column("base_lon_deg", Float, nullable=False),
    Column("members", JSONB, nullable=False),
    Column("do_not_send", JSONB, nullable=False),
    Column("contact", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", _Time, nullable=False),
    Column("retired_at", _Time),
    Column("vehicle", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    UniqueConstraint("jurisdiction", "id", name="team_id_per_jurisdiction"),
    ForeignKeyConstraint(
        ["jurisdiction", "provider_id"], [f"{SCHEMA}.provider.jurisdiction", f"{SCHEMA}.provider.id"], name="team_has_a_provider"
    ),
    CheckConstraint("cardinality(disciplines) BETWEEN 1 AND 2", name="team_has_one_or_two_disciplines"),
    CheckConstraint("disciplines <@ ARRAY['mediator', 'interrupter', 'restorative_justice']", name="team_disciplines_are_known"),
    CheckConstraint("minimum_crew BETWEEN 1 AND 20", name="team_minimum_crew_makes_sense"),
    Index(
        "team_one_per_provider_and_name", "jurisdiction", "provider_id", "name", unique=True,
        postgresql_where=text("retired_at IS NULL"),
    ),
)  # fmt: skip

duty = Table(
    "duty", metadata,
    Column("team_id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("crew", ARRAY(Text), nullable=False),
    Column("until", _Time),
    Column("reason", Text),
    Column("since", _Time, nullable=False),
    Column("version", Integer, nullable=False),
    Column("held_by", Uuid),
    # Raised by every change of the team, its duty, shifts or hold: whoever decided on an older one decides again.
    Column("revision", BigInteger, nullable=False),
    _of_team("duty_is_of_a_team"),
    CheckConstraint("status IN ('available', 'break', 'out_of_service', 'off_duty')", name="duty_status_is_known"),
    Index("duty_that_ends", "jurisdiction", "until", postgresql_where=text("until IS NOT NULL")),
)  # fmt: skip

shift_plan = Table(
    "shift_plan", metadata,
    Column("team_id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("plan", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    _of_team("shift_plan_is_of_a_team"),
)  # fmt: skip

hold = Table(
    "hold", metadata,
    Column("assignment_id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("team_id", Uuid),
    Column("incident_id", Uuid),
    Column("held_at", _Time),
    Column("released_at", _Time),
    _of_team("hold_is_of_a_team"),
    CheckConstraint(
        "released_at IS NOT NULL OR (team_id IS NOT NULL AND incident_id IS NOT NULL AND held_at IS NOT NULL)",
        name="hold_live_names_team_and_incident",
    ),
    Index("hold_one_live_per_team", "jurisdiction", "team_id", unique=True, postgresql_where=text("released_at IS NULL")),
)  # fmt: skip

team_event = Table(
    "team_event", metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("team_id", Uuid),
    Column("at", _Time, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("reason", Text),
    Column("detail", JSONB, nullable=False),
    _of_team("team_event_is_of_a_team"),
    CheckConstraint("kind IN ('profile', 'duty', 'shift', 'hold')", name="team_event_kind_is_known"),
    Index("team_event_by_team", "jurisdiction", "team_id", "seq"),
)  # fmt: skip

position = Table(
    "position", metadata,
    Column("team_id", Uuid, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("lat_deg", Float, nullable=False),
    Column("lon_deg", Float, nullable=False),
    Column("accuracy_m", Float),
    Column("at", _Time, nullable=False),
    Column("received_at", _Time, nullable=False),
    # The newest fix of an earlier ten seconds: what the ETag of availability counts until these ten seconds are over.
    Column("settled_lat_deg", Float),
    Column("settled_lon_deg", Float),
    Column("settled_at", _Time),
    _of_team("position_is_of_a_team"),
)  # fmt: skip

position_trace = Table(
    "position_trace", metadata,
    Column("team_id", Uuid, primary_key=True),
    Column("minute", _Time, primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("lat_deg", Float, nullable=False),
    Column("lon_deg", Float, nullable=False),
    _of_team("position_trace_is_of_a_team"),
    Index("position_trace_by_age", "jurisdiction", "minute"),
)  # fmt: skip

# What `/v1/availability` shows has changed: a row is added by the transaction that changed it (nobody waits for anybody), and
# a reader counts the rows that it can see. So a transaction that began earlier and commits later still changes the count.
news = Table(
    "news", metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("jurisdiction", Text, nullable=False),
    Column("is_position", Boolean, nullable=False),
    Index("news_by_jurisdiction", "jurisdiction", "is_position"),
)  # fmt: skip

# How many rows of `news` were counted and deleted.
news_counted = Table(
    "news_counted", metadata,
    Column("jurisdiction", Text, primary_key=True),
    Column("is_position", Boolean, primary_key=True),
    Column("n", BigInteger, nullable=False),
)  # fmt: skip

alert = alert_table(metadata)
idempotency_key = idempotency_table(metadata)
clock_watch = clock_watch_table(metadata)
