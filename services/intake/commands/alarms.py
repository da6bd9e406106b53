"""Alerts of intake: what needs a person."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import alert
from shared.alerts import Alarm, raise_alert, resolve

NOT_TAKEN = "return_not_acknowledged"
NOT_READ = "notice_not_acknowledged"
UNREADABLE = "update_refused"
"""It ends with its call (`due.close_alerts_of_ended_calls`), and by no later update: what that one says, or an older one that
comes again, need not be what could not be read."""
LATE_WITHDRAWAL = "withdrawal_unconfirmed"
STOP_REFUSED = "stop_refused"
WISH_REFUSED = "wish_refused"


async def alarm(conn: AsyncConnection, what: Alarm) -> bool:
    """Raise an alert unless it is open; True when it is new."""
    return await raise_alert(conn, alert, what)


async def alarm_again(conn: AsyncConnection, what: Alarm) -> None:
    """Raise an alert anew, even if it is open and somebody has seen it: nobody has acted."""
    await resolve(conn, alert, what.subject, what.kind)
    await raise_alert(conn, alert, what)


async def quiet(conn: AsyncConnection, subject: object, *kinds: str) -> bool:
    """Close alerts whose cause is over."""
    return await resolve(conn, alert, subject, *kinds)
