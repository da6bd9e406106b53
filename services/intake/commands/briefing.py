"""What a crew is told of a call: cautions, all that was said, what nobody knows, and what the plan adds.

It goes to dispatch with the wish that stops a team, so it is cut to a size that dispatch always takes: a call about which
too much was said must still be stopped.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.intake.domain.triage.model import FACT_KEYS, Decision, Effect, Fact, Statement

WORDS_BYTES: Final = 256 * 1024
"""As much of what was said is sent, as it goes over the wire: with all else at most 800 KiB of dispatch's limit of 1 MiB."""
_MOST_REASONS: Final = 100
_LONGEST_QUOTE: Final = 300
"""In characters; the words around it are among the words."""
_HEEDED: Final = (Effect.UNSAFE, Effect.RETURN, Effect.REVIEW, Effect.NOTE)


def briefing(decision: Decision, notes: Sequence[str], statements: Sequence[Statement]) -> dict[str, Any]:
    """Return the briefing, with the cautions first that matter most. `statements`: oldest first, the call's own before others'."""
    cautions = [
        reason.explanation + (f" “{_short(reason.quote)}”" if reason.quote else "")
        for reason in decision.reasons[:_MOST_REASONS]
        if reason.effect in _HEEDED
    ]
    answered = {key for key in FACT_KEYS if any(s.fact(key) is not Fact.UNKNOWN for s in statements if not s.linked)}
    words, left_out = _fitting(statements)
    if left_out:
        cautions.insert(0, _left_out(left_out))
    return {
        "cautions": list(dict.fromkeys(cautions)),
        "words": words,
        "unknown": [key for key in FACT_KEYS if key not in answered],
        "notes": list(notes),
    }


def for_dispatch(wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision as dispatch gets it: the reasons that matter most, each with a quote of bounded length."""
    reasons = [{**reason, "quote": reason["quote"] and _short(reason["quote"])} for reason in wire["reasons"]]
    return {**wire, "reasons": reasons[:_MOST_REASONS]}


def _short(quote: str) -> str:
    return quote if len(quote) <= _LONGEST_QUOTE else quote[: _LONGEST_QUOTE - 1] + "…"


def _left_out(count: int) -> str:
    texts = "1 text is" if count == 1 else f"{count} texts are"
    return (
        f"More was said about this call than a briefing can hold: {texts} left out, the oldest first. "
        "Ask your supervisor: every word is in the call's decisions at intake."
    )


def _fitting(statements: Sequence[Statement]) -> tuple[list[dict[str, str]], int]:
    """Return the words that fit, in the order of the statements, and how many texts do not.

    The call's own come before those of linked calls, and the newest before the older.
    """
    texts = [
        (place, {"source": source, "text": text})
        for place, said in enumerate(statements)
        for source, text in _words(said)
    ]
    by_weight = sorted(range(len(texts)), key=lambda i: (statements[texts[i][0]].linked, -texts[i][0]))
    room, kept = WORDS_BYTES, set()
    for index in by_weight:
        size = len(json.dumps(texts[index][1], ensure_ascii=False).encode())
        if size <= room:
            room -= size
            kept.add(index)
    return [text for index, (_, text) in enumerate(texts) if index in kept], len(texts) - len(kept)


def _words(said: Statement) -> Iterable[tuple[str, str]]:
    kind = " ".join(part for part in (said.call_type_code, said.call_type_text) if part)
    answers = "; ".join(f"{key}: {value}" for key, value in said.answers.items() if value != Fact.UNKNOWN)
    texts = {"call_type": kind, "narrative": said.narrative, "answers": answers, "other": said.extra_text}
    return ((f"{said.source}.{name}", text) for name, text in texts.items() if text)
