"""The wish that follows from a call: what dispatch is told, and delivering it."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.intake.commands.briefing import briefing, for_dispatch
from services.intake.commands.deciding import Decided
from services.intake.commands.evidence import digest
from services.intake.domain.call import ReturnReason, Wanted, Wish, wish_for
from services.intake.domain.triage.model import Discipline, Statement, Verdict
from services.intake.store.calls import Call, WishRow


def wish_after_decision(call: Call, decided: Decided, statements: Iterable[Statement]) -> WishRow | None:
    """Return what dispatch must hear after a decision; None: it need not hear of this call."""
    wish = wish_for(
        call.status,
        decided.decision,
        was_queued=call.was_queued,
        police_staged=call.police_staged,
        return_reason=call.return_reason,
    )
    if wish is None:
        return None
    if wish.wanted is Wanted.CIVILIAN and call.cancel_asked:
        return withdrawal("cancelled")
    facts = None if wish.wanted is Wanted.WITHDRAWN else facts_of(call, decided, list(statements))
    return _row(wish, facts)


def withdrawal(reason: ReturnReason | str) -> WishRow:
    """Return the wish that ends a call's incident: the return reason, or `cancelled`."""
    return _row(Wish(Wanted.WITHDRAWN, may_offer=False, may_depart=False, reason=str(reason)), None)


def _row(wish: Wish, facts: dict[str, Any] | None) -> WishRow:
    timeless = facts and {**facts, "decision": {**facts["decision"], "decided_at": None}}
    said = digest([wish.wanted, wish.may_offer, wish.may_depart, wish.reason, timeless])
    return WishRow(wish.wanted.value, wish.may_offer, wish.may_depart, wish.reason, facts, said)


def facts_of(call: Call, decided: Decided, statements: list[Statement]) -> dict[str, Any]:
    """Return all that dispatch and the crew need to know of a call, as it goes over the wire."""
    spoken = (call.caller or {}).get("language")
    required, preferred = decided.plan.languages_for(spoken)
    written = set() if spoken else {s.language for s in statements if s.language and not s.linked} - set(preferred)
    location = {
        key: value
        for key, value in (call.location or {}).items()
        if key in {"lat_deg", "lon_deg", "accuracy_m", "address"}
    }
    preferred_providers = {"preferred_providers": list(decided.plan.preferred_providers)}
    return {
        "decision": for_dispatch(decided.wire),
        "neighborhood": call.neighborhood,
        "plan_version": decided.plan.version,
        "disciplines": [d.value for d in _disciplines(decided)],
        "languages": {"required": list(required), "preferred": [*preferred, *sorted(written)]},
        "location": location,
        "address_key": address_key(call.jurisdiction, location.get("address")),
        "assign_by": assign_by(call, decided).isoformat(),
        "briefing": briefing(decided.decision, decided.notes, statements),
        "catchment": list(decided.plan.served_from()),
        **(preferred_providers if decided.plan.preferred_providers else {}),
    }


def _disciplines(decided: Decided) -> tuple[Discipline, ...]:
    """Return who may be offered the call. Never nobody while it is in doubt: dispatch refuses such facts, and would not stop.

    In doubt nobody is offered it, so whoever serves at other hours, or would fit, is named in their place.
    """
    fit, rules = decided.decision.discipline, decided.rules
    served_now = rules.disciplines_for(fit)
    if served_now or decided.decision.verdict is Verdict.SAFE:
        return served_now
    return rules.order(fit) or (fit or Discipline.MEDIATOR,)


def assign_by(call: Call, decided: Decided) -> datetime:
    """Return when a team must have accepted: counted from when the call was first queued."""
    return (call.queued_at or decided.at) + decided.plan.assign_within[decided.decision.priority]


def address_key(jurisdiction: str, address: str | None) -> str | None:
    """Return a digest of an address, however it is spaced, cased or punctuated; None without one."""
    words = re.sub(r"[\W_]+", " ", address or "").casefold().strip()
    return hashlib.sha256(f"{jurisdiction}/{words}".encode()).hexdigest()[:32] if words else None
