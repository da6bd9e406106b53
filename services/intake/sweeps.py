"""Timed loops: each only calls commands, and each may run on every replica at once."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.intake.commands import deadlines, delivery, heartbeat, plans
from services.intake.commands.desk import Desk
from services.intake.commands.presence import Presence
from services.intake.commands.shadow import Shadow
from services.intake.peers import Dispatch
from services.intake.tables import idempotency_key
from shared.db import Database
from shared.idempotency import forget_old_keys
from shared.loops import Loop
from shared.outbox import Relay

SWEEP_S = 1.0
BEAT_S = 5.0
TIDY_S = 10.0
HOUSEKEEPING_S = 3600.0


def wish_relay(db: Database, desk_of: Callable[[], Desk], dispatch: Dispatch, time_rate: float) -> Relay[UUID]:
    """Return the relay that brings dispatch to every call's wish."""
    return Relay(
        "wishes",
        claim=lambda: delivery.due(db, desk_of()),
        send=lambda call_id: delivery.deliver(db, desk_of(), dispatch, call_id),
        period_s=SWEEP_S / time_rate,
    )


def loops(db: Database, desk: Desk, dispatch: Dispatch, presence: Presence, shadow: Shadow) -> list[Loop]:
    """Return every timed loop of the service, not started."""
    rate = desk.settings.time_rate
    timed: list[tuple[str, Callable[[], Awaitable[bool | None]], float]] = [
        ("heartbeat", lambda: heartbeat.beat(db, desk, dispatch), BEAT_S),
        ("reviews", lambda: deadlines.end_overdue_reviews(db, desk), SWEEP_S),
        ("own_deadlines", lambda: deadlines.answer_for_calls(db, desk, dispatch), SWEEP_S),
        ("late_withdrawals", lambda: deadlines.warn_of_late_withdrawals(db, desk), SWEEP_S),
        ("untaken_returns", lambda: deadlines.alert_untaken_returns(db, desk), SWEEP_S),
        ("unread_notices", lambda: deadlines.alert_unread_notices(db, desk), SWEEP_S),
        ("alerts", lambda: deadlines.close_alerts(db, desk), TIDY_S),
        ("presence", presence.keep, SWEEP_S),
        ("clock", lambda: deadlines.watch_clock(db, desk), SWEEP_S),
        ("shadow", shadow.keep, SWEEP_S),
        ("protocols", lambda: desk.protocols.refresh(db), TIDY_S),
        ("plans_due", lambda: plans.flag_plans_due(db, desk), HOUSEKEEPING_S),
        ("idempotency", lambda: forget_old_keys(db, idempotency_key), HOUSEKEEPING_S),
    ]
    return [Loop(f"intake.{name}", work, period / rate) for name, work, period in timed]
