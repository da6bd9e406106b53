"""Dispatch refuses a wish: it goes on with the old one, so a person is told, and a call that must be stopped goes back."""

from http import HTTPStatus
from typing import Final

import structlog

from services.intake.commands.alarms import STOP_REFUSED, WISH_REFUSED, alarm_again
from services.intake.commands.deadlines import give_back
from services.intake.commands.desk import Desk
from services.intake.domain.call import ReturnReason
from services.intake.store.calls import lock_calls
from services.intake.store.wishes import WishToSend, claim_refused
from shared.alerts import Alarm, Severity
from shared.db import Database

log = structlog.get_logger(__name__)
_FOR_WHAT_IT_SAYS: Final = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Sent again it would be refused again. The other refusals are of intake itself (its token, say) and would meet a withdrawal too."""


async def refused(db: Database, desk: Desk, wish: WishToSend, status: int | None) -> None:
    """Alert a supervisor, once per wish, that dispatch has refused it with a 4xx; any other failure is left to the next try.

    A wish that is to stop offers or a crew becomes a withdrawal, which says so little that it is not refused for it. The
    alert closes when dispatch has confirmed a wish of the call.
    """
    if status is None or not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    stops = not (wish.may_offer and wish.may_depart)
    async with db.transaction() as unit:  # told once, so what follows from it is done with it or not at all
        await lock_calls(unit.conn, [wish.call_id])  # before its wish, as decisions do
        if not await claim_refused(unit.conn, wish.call_id, wish.seq):
            return
        await alarm_again(unit.conn, _alarm(wish, status, stops=stops))
        desk.tell_alerts(unit)
        if stops and status in _FOR_WHAT_IT_SAYS:
            await give_back(unit, desk, wish.call_id, lambda _: ReturnReason.SYSTEM_FAULT, event="wish_refused")
    log.error("wish.refused", call=str(wish.call_id), seq=wish.seq, status=status, stops=stops)


def _alarm(wish: WishToSend, status: int, *, stops: bool) -> Alarm:
    if stops:
        words = f"Dispatch refuses ({status}) to hear of new doubt: a team may be offered the call, or be on its way. Phone it."
        return Alarm(STOP_REFUSED, wish.call_id, Severity.LIFE, words)
    words = f"Dispatch refuses ({status}) what is new about a call: it goes on with what it knew before, or not at all."
    return Alarm(WISH_REFUSED, wish.call_id, Severity.CALL, words)
