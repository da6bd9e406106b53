"""The outbox of wishes: which are due, what they say now, and that dispatch has them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Interval, Text, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

RETRY: Final = timedelta(seconds=1)
"""How soon a wish that was not confirmed is due again; by the service's clock."""


class WishToSend(NamedTuple):
    """What dispatch must hear of a call now."""

    call_id: UUID
    seq: int
    wanted: str
    may_offer: bool
    may_depart: bool
    reason: str | None
    facts: Mapping[str, Any] | None
    alerted_seq: int
    applied: int
    """The highest count of applied wishes seen from dispatch; 0 while every wish is sent again."""


_CLAIM: Final = text(
    """
    UPDATE intake.wish SET next_try_at = intake.clock() + :retry, tries = tries + 1
    WHERE call_id IN (
        SELECT call_id FROM intake.wish
        WHERE jurisdiction = :jurisdiction AND next_try_at <= (SELECT intake.clock())
        ORDER BY wanted = 'withdrawn' DESC, next_try_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ) RETURNING call_id, wanted
    """
).bindparams(bindparam("jurisdiction", type_=Text), bindparam("retry", type_=Interval))


async def claim(conn: AsyncConnection, jurisdiction: str, retry: timedelta) -> list[UUID]:
    """Return the calls whose wish is due, withdrawals first, and put their next try off by `retry`."""
    rows = (await conn.execute(_CLAIM, {"jurisdiction": jurisdiction, "retry": retry})).all()
    return [row.call_id for row in sorted(rows, key=lambda row: row.wanted != "withdrawn")]


_READ: Final = text(
    """
    SELECT call_id, seq, wanted, may_offer, may_depart, reason, facts, alerted_seq,
        (SELECT CASE WHEN resending THEN 0 ELSE applied END FROM intake.dispatch_link WHERE id = 1) AS applied
    FROM intake.wish WHERE call_id = :call_id AND next_try_at IS NOT NULL
    """
).bindparams(bindparam("call_id", type_=Uuid))


async def read(conn: AsyncConnection, call_id: UUID) -> WishToSend | None:
    """Return what dispatch must hear of a call; None when it has heard all."""
    row = (await conn.execute(_READ, {"call_id": call_id})).one_or_none()
    return WishToSend(*row) if row else None


_CONFIRM: Final = text(
    """
    UPDATE intake.wish SET confirmed_seq = greatest(confirmed_seq, :seq), confirmed_at = intake.clock(),
        resend = resend AND seq <> :seq, next_try_at = CASE WHEN seq = :seq THEN NULL ELSE next_try_at END
    WHERE call_id = :call_id AND seq >= :seq AND next_try_at IS NOT NULL
    RETURNING alerted_seq BETWEEN 1 AND :seq
    """
).bindparams(bindparam("call_id", type_=Uuid), bindparam("seq", type_=BigInteger))


async def confirm(conn: AsyncConnection, call_id: UUID, seq: int) -> bool:
    """Record that dispatch has the wish `seq`, or a newer one; a newer one of ours stays due.

    True when an alert about it or an earlier one may be open: it may have been raised while the wish was under way.
    """
    return bool(await conn.scalar(_CONFIRM, {"call_id": call_id, "seq": seq}))


_REFUSED: Final = text(
    """
    UPDATE intake.wish SET alerted_seq = seq
    WHERE call_id = :call_id AND seq = :seq AND alerted_seq < seq AND next_try_at IS NOT NULL AND wanted = 'civilian'
    RETURNING seq
    """
).bindparams(bindparam("call_id", type_=Uuid), bindparam("seq", type_=BigInteger))


async def claim_refused(conn: AsyncConnection, call_id: UUID, seq: int) -> bool:
    """Say whether nobody has been told yet that dispatch refuses the wish `seq`; True once, and only while it is the newest.

    Never of a withdrawal: that one is watched until it is confirmed.
    """
    return await conn.scalar(_REFUSED, {"call_id": call_id, "seq": seq}) is not None


_UNCONFIRMED: Final = text(
    """
    SELECT call_id FROM intake.wish
    WHERE jurisdiction = :jurisdiction AND next_try_at IS NOT NULL AND wanted = 'withdrawn' AND confirmed_seq < seq
        AND reason <> 'cancelled' AND written_at <= (SELECT intake.clock()) - :older_than
    ORDER BY written_at DESC LIMIT 1000
    """
).bindparams(bindparam("jurisdiction", type_=Text), bindparam("older_than", type_=Interval))


async def unconfirmed_withdrawals(conn: AsyncConnection, jurisdiction: str, older_than: timedelta) -> list[UUID]:
    """Return the calls whose withdrawal dispatch has not confirmed for so long, the newest first.

    A bare id says no reason, and a crew that is with people is not called away for a mere cancellation: those are left out.
    """
    return list((await conn.scalars(_UNCONFIRMED, {"jurisdiction": jurisdiction, "older_than": older_than})).all())


_IS_LATE: Final = """
    next_try_at IS NOT NULL AND wanted = 'withdrawn' AND confirmed_seq < seq
    AND alerted_seq < seq AND (confirmed_seq > 0 OR tries > 0) AND written_at <= (SELECT intake.clock()) - :within
"""
_LATE: Final = text(
    f"SELECT call_id FROM intake.wish WHERE jurisdiction = :jurisdiction AND {_IS_LATE} ORDER BY written_at LIMIT 100"  # noqa: S608
).bindparams(bindparam("jurisdiction", type_=Text), bindparam("within", type_=Interval))
_CLAIM_LATE: Final = text(
    f"UPDATE intake.wish SET alerted_seq = seq WHERE call_id = :call_id AND {_IS_LATE} RETURNING reason"  # noqa: S608
).bindparams(bindparam("call_id", type_=Uuid), bindparam("within", type_=Interval))


async def late_withdrawals(conn: AsyncConnection, jurisdiction: str, within: timedelta) -> list[UUID]:
    """Return the calls whose withdrawal dispatch should have confirmed `within` that time, and nobody has been told."""
    return list((await conn.scalars(_LATE, {"jurisdiction": jurisdiction, "within": within})).all())


async def claim_late_withdrawal(conn: AsyncConnection, call_id: UUID, within: timedelta) -> str | None:
    """Return the reason of a call's withdrawal that is late, once; None when it is not, or somebody has been told."""
    reason: str | None = await conn.scalar(_CLAIM_LATE, {"call_id": call_id, "within": within})
    return reason


_RESEND: Final = text(
    """
    UPDATE intake.wish w SET resend = true, next_try_at = intake.clock(), tries = 0,
        seq = CASE WHEN c.over THEN w.seq + 1 ELSE w.seq END,
        wanted = CASE WHEN c.over THEN 'withdrawn' ELSE w.wanted END,
        may_offer = w.may_offer AND NOT c.over,
        may_depart = w.may_depart AND NOT c.over,
        reason = CASE WHEN c.over THEN 'cancelled' ELSE w.reason END,
        facts = CASE WHEN c.over THEN NULL ELSE w.facts END,
        said = CASE WHEN c.over THEN decode('00', 'hex') ELSE w.said END
    FROM (SELECT call.id, call.final_at, wish.wanted = 'civilian' AND call.final_at IS NOT NULL AS over
        FROM intake.call JOIN intake.wish ON wish.call_id = call.id WHERE call.jurisdiction = :jurisdiction) c
    WHERE c.id = w.call_id AND w.jurisdiction = :jurisdiction
        AND (c.final_at IS NULL OR w.written_at > (SELECT intake.clock()) - :within
            OR c.final_at > (SELECT intake.clock()) - :within)
    """
).bindparams(bindparam("jurisdiction", type_=Text), bindparam("within", type_=Interval))


async def mark_for_resending(conn: AsyncConnection, jurisdiction: str, within: timedelta) -> int:
    """Mark every wish written `within` that time, and every one of a live call, to be sent again; return how many.

    A call that a crew has closed would be wanted again by a dispatch that has forgotten it: its wish becomes a withdrawal.
    """
    result = await conn.execute(_RESEND, {"jurisdiction": jurisdiction, "within": within})
    return result.rowcount


_LEFT_TO_RESEND: Final = text(
    "SELECT EXISTS (SELECT FROM intake.wish WHERE jurisdiction = :jurisdiction AND next_try_at IS NOT NULL AND resend)"
).bindparams(bindparam("jurisdiction", type_=Text))


async def left_to_resend(conn: AsyncConnection, jurisdiction: str) -> bool:
    """Say whether any wish that is to be sent again has not been confirmed yet."""
    return bool(await conn.scalar(_LEFT_TO_RESEND, {"jurisdiction": jurisdiction}))
