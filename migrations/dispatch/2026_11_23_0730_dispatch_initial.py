"""The first tables of dispatch"""

from collections.abc import Sequence

from alembic import op

from migrations.clock import create_clock, drop_clock
from migrations.grants import grant_history, grant_state

revision: str = "dispatch_0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

STATEMENTS = (
    """
    CREATE TABLE dispatch.alert (
        id UUID NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        severity INTEGER NOT NULL,
        title TEXT NOT NULL,
        act_by timestamptz,
        "then" TEXT,
        raised_at timestamptz NOT NULL,
        acknowledged_at timestamptz,
        acknowledged_by TEXT,
        resolved_at timestamptz,
        PRIMARY KEY (id),
        CONSTRAINT alert_severity_is_known CHECK (severity BETWEEN 1 AND 3)
    )
    """,
    """
    CREATE UNIQUE INDEX alert_one_open_per_kind_and_subject ON dispatch.alert (kind, subject) WHERE resolved_at IS NULL
    """,
    """
    CREATE TABLE dispatch.clock_watch (
        id SERIAL NOT NULL,
        latest_at timestamptz NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE dispatch.idempotency_key (
        caller TEXT NOT NULL,
        path TEXT NOT NULL,
        key TEXT NOT NULL,
        body_digest BYTEA NOT NULL,
        status INTEGER,
        answer JSONB,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (caller, path, key)
    )
    """,
    """
    CREATE INDEX ix_dispatch_idempotency_key_created_at ON dispatch.idempotency_key (created_at)
    """,
    """
    CREATE TABLE dispatch.incident (
        id UUID NOT NULL,
        jurisdiction TEXT NOT NULL,
        status TEXT NOT NULL,
        version BIGINT NOT NULL,
        event_seq INTEGER NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        wish_seq BIGINT NOT NULL,
        wanted TEXT NOT NULL,
        may_offer BOOLEAN NOT NULL,
        may_depart BOOLEAN NOT NULL,
        wish_reason TEXT,
        verdict TEXT,
        priority SMALLINT NOT NULL,
        facts JSONB,
        assign_by timestamptz,
        call_cancelled_at timestamptz,
        act_by timestamptz,
        stage SMALLINT NOT NULL,
        offers SMALLINT NOT NULL,
        unmatched TEXT,
        return_reason TEXT,
        outcome TEXT,
        needs TEXT,
        position JSONB,
        confirmed_version BIGINT NOT NULL,
        events_confirmed INTEGER NOT NULL,
        report_at timestamptz,
        report_tries INTEGER NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT incident_status_is_known CHECK (status IN ('committed', 'ended', 'waiting')),
        CONSTRAINT incident_wanted_is_known CHECK (wanted IN ('civilian', 'withdrawn')),
        CONSTRAINT incident_waiting_has_a_deadline CHECK (status <> 'waiting' OR act_by IS NOT NULL),
        CONSTRAINT incident_ended_has_no_deadline CHECK (status <> 'ended' OR act_by IS NULL),
        CONSTRAINT incident_is_closed_or_returned_not_both CHECK (outcome IS NULL OR return_reason IS NULL)
    )
    """,
    """
    CREATE INDEX incident_by_age ON dispatch.incident (jurisdiction, created_at, id)
    """,
    """
    CREATE INDEX incident_due ON dispatch.incident (jurisdiction, act_by) WHERE act_by IS NOT NULL
    """,
    """
    CREATE INDEX incident_to_report ON dispatch.incident (jurisdiction, report_at) WHERE report_at IS NOT NULL
    """,
    """
    CREATE INDEX incident_waiting ON dispatch.incident (jurisdiction, priority, created_at) WHERE status = 'waiting'
    """,
    """
    CREATE TABLE dispatch.incident_event (
        incident_id UUID NOT NULL,
        seq INTEGER NOT NULL,
        at timestamptz NOT NULL,
        actor TEXT NOT NULL,
        machine TEXT NOT NULL,
        action TEXT NOT NULL,
        before TEXT,
        after TEXT,
        reason TEXT,
        assignment_id UUID,
        data JSONB,
        PRIMARY KEY (incident_id, seq),
        CONSTRAINT event_machine_is_known CHECK (machine IN ('incident', 'assignment', 'wish', 'deadline', 'notice'))
    )
    """,
    """
    CREATE INDEX incident_event_of_assignment ON dispatch.incident_event (assignment_id, seq) WHERE assignment_id IS NOT NULL
    """,
    """
    CREATE TABLE dispatch.link (
        jurisdiction TEXT NOT NULL,
        heard_as_of timestamptz,
        applied BIGINT NOT NULL,
        PRIMARY KEY (jurisdiction)
    )
    """,
    """
    CREATE TABLE dispatch.loose_notice (
        id UUID NOT NULL,
        jurisdiction TEXT NOT NULL,
        body JSONB NOT NULL,
        at timestamptz NOT NULL,
        send_at timestamptz,
        tries INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX loose_notice_to_send ON dispatch.loose_notice (jurisdiction, send_at) WHERE send_at IS NOT NULL
    """,
    """
    CREATE TABLE dispatch.assignment (
        id UUID NOT NULL,
        jurisdiction TEXT NOT NULL,
        incident_id UUID NOT NULL,
        team_id UUID NOT NULL,
        team_name TEXT NOT NULL,
        provider_id UUID,
        status TEXT NOT NULL,
        version INTEGER NOT NULL,
        created_at timestamptz NOT NULL,
        ended_at timestamptz,
        choice JSONB NOT NULL,
        scheduled BOOLEAN NOT NULL,
        drive_s INTEGER,
        respond_by timestamptz,
        eta timestamptz,
        depart_by timestamptz,
        expected_clear_at timestamptz,
        act_by timestamptz,
        watch TEXT,
        stage SMALLINT NOT NULL,
        misfit TEXT,
        position JSONB,
        ends_as TEXT,
        recall_reason TEXT,
        recall_words TEXT,
        recalled_at timestamptz,
        acknowledge_by timestamptz,
        acknowledged_at timestamptz,
        release_at timestamptz,
        hold_released BOOLEAN NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT assignment_status_is_known CHECK (status IN ('accepted', 'cancelled', 'cleared', 'declined', 'en_route', 'escalated', 'expired', 'holding', 'offered', 'on_scene', 'recalled', 'withdrawing')),
        CONSTRAINT assignment_live_has_a_deadline CHECK ((status IN ('accepted', 'en_route', 'holding', 'offered', 'on_scene', 'withdrawing')) = (act_by IS NOT NULL)),
        CONSTRAINT assignment_ended_says_when CHECK ((status IN ('accepted', 'en_route', 'holding', 'offered', 'on_scene', 'withdrawing')) = (ended_at IS NULL)),
        CONSTRAINT assignment_deadline_says_what_for CHECK ((act_by IS NULL) = (watch IS NULL)),
        CONSTRAINT assignment_withdrawing_knows_how_it_ends CHECK (status <> 'withdrawing' OR ends_as IN ('cancelled', 'escalated', 'expired', 'recalled')),
        CONSTRAINT assignment_ended_releases_its_hold CHECK ((status IN ('accepted', 'en_route', 'holding', 'offered', 'on_scene', 'withdrawing')) OR hold_released OR release_at IS NOT NULL),
        FOREIGN KEY(incident_id) REFERENCES dispatch.incident (id)
    )
    """,
    """
    CREATE INDEX assignment_due ON dispatch.assignment (jurisdiction, act_by) WHERE act_by IS NOT NULL
    """,
    """
    CREATE INDEX assignment_of_incident ON dispatch.assignment (incident_id, created_at)
    """,
    """
    CREATE UNIQUE INDEX assignment_one_live_per_incident ON dispatch.assignment (incident_id) WHERE status IN ('accepted', 'en_route', 'holding', 'offered', 'on_scene')
    """,
    """
    CREATE UNIQUE INDEX assignment_one_live_per_team ON dispatch.assignment (team_id) WHERE status IN ('accepted', 'en_route', 'holding', 'offered', 'on_scene', 'withdrawing')
    """,
    """
    CREATE INDEX assignment_to_release ON dispatch.assignment (jurisdiction, release_at) WHERE release_at IS NOT NULL
    """,
    """
    CREATE TABLE dispatch.notice (
        id UUID NOT NULL,
        incident_id UUID NOT NULL,
        team_id UUID,
        kind TEXT NOT NULL,
        text TEXT NOT NULL,
        position JSONB,
        at timestamptz NOT NULL,
        PRIMARY KEY (id),
        FOREIGN KEY(incident_id) REFERENCES dispatch.incident (id)
    )
    """,
    """
    CREATE INDEX notice_of_incident ON dispatch.notice (incident_id, at)
    """,
)


def upgrade() -> None:
    create_clock("dispatch")
    for statement in STATEMENTS:
        op.execute(statement)
    grant_history("dispatch.incident_event", "dispatch.notice")
    grant_state(
        "dispatch.incident",
        "dispatch.assignment",
        "dispatch.loose_notice",
        "dispatch.link",
        "dispatch.alert",
        "dispatch.idempotency_key",
        "dispatch.clock_watch",
    )


def downgrade() -> None:
    for table in (
        "notice",
        "assignment",
        "loose_notice",
        "link",
        "incident_event",
        "incident",
        "idempotency_key",
        "clock_watch",
        "alert",
    ):
        op.execute(f"DROP TABLE dispatch.{table}")
    drop_clock("dispatch")
