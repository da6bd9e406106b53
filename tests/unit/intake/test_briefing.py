"""The briefing of a crew: all that was said, as long as dispatch takes it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.intake.commands.briefing import WORDS_BYTES, briefing, for_dispatch
from services.intake.domain.triage.model import Decision, Effect, Reason, Statement
from services.intake.wire import decision_to_wire
from shared.edge import SERVICE_BODY_LIMIT
from shared.messages.incidents import Briefing
from tests.unit.intake.evidence import decided, said

LONG = "x" * 16_000
BELL = "\x07"  # the longest of all characters on the wire: six bytes
WHEN = datetime(2026, 11, 24, tzinfo=UTC)


def brief(*statements: Statement, decision: Decision | None = None) -> dict[str, Any]:
    told = briefing(decision or decided(said()), (), statements)
    Briefing.model_validate(told)
    return told


def size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def test_what_fits_is_told_whole_and_in_order() -> None:
    told = brief(said("First."), said("Then.", source="update:1"), said("Beside.", source="linked:E2", linked=True))
    assert [word["text"] for word in told["words"] if word["source"].endswith("narrative")] == [
        "First.",
        "Then.",
        "Beside.",
    ]
    assert not any("left out" in caution for caution in told["cautions"])


def test_of_too_much_the_calls_own_and_newest_words_are_told_and_the_first_caution_says_so() -> None:
    own = [said(f"{number} {LONG}", source=f"update:{number}", answers={}, call_type_code=None) for number in range(12)]
    linked = [replace(one, source=f"linked:E{place}", linked=True) for place, one in enumerate(own)]
    told = brief(*own, *linked)
    assert size(told["words"]) <= WORDS_BYTES + 2 * len(told["words"]) + 2
    sources = [word["source"] for word in told["words"]]
    assert sources == [f"update:{n}.narrative" for n in range(12)] + [f"linked:E{n}.narrative" for n in range(8, 12)]
    assert "8 texts are left out" in told["cautions"][0]
    assert told == brief(*own, *linked)
    more = brief(*own, *own, *own)
    assert [word["text"][:2] for word in more["words"]] == [f"{n % 12} "[:2] for n in range(20, 36)]


def test_the_newest_words_of_the_call_fit_however_long_they_are_on_the_wire() -> None:
    old = said(BELL * 16_000, source="report")
    newest = said("\U0001f600" * 16_000, source="update:1", extra_text=BELL * 16_000)
    sources = {word["source"] for word in brief(old, newest)["words"]}
    assert {"update:1.narrative", "update:1.other", "report.answers"} <= sources


def test_with_the_most_and_longest_of_everything_dispatch_takes_it() -> None:
    reason = Reason("r" * 40, "r" * 40, Effect.UNSAFE, "linked:" + "e" * 110, BELL * 16_000, 0, 16_000, "w" * 300)
    reasons = tuple(replace(reason, explanation=f"{number} {reason.explanation}") for number in range(400))
    decision = replace(decided(said()), reasons=reasons)
    statements = [said(BELL * 16_000, source=f"update:{n}", extra_text=BELL * 16_000) for n in range(40)]
    wire = decision_to_wire(decision, decided_at=WHEN)
    of_the_plan = 2 * 64 * 1024  # its body has 64 KiB at most, and goes here in other words
    sent = size(brief(*statements, decision=decision)) + size(for_dispatch(wire)) + of_the_plan
    assert sent < SERVICE_BODY_LIMIT


def test_short_quotes_and_few_reasons_go_as_they_are() -> None:
    wire = decision_to_wire(decided(said("He has a gun.")), decided_at=WHEN)
    assert for_dispatch(wire) == wire
