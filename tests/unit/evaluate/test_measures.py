"""The figures, from outcomes that are made up."""

from dataclasses import replace

import pytest

from services.evaluate.cases import Case, Expected, reported
from services.evaluate.highlight import marked_texts
from services.evaluate.measures import (
    Kind,
    Outcome,
    by_verdict,
    confusion,
    deciding_rules,
    delay,
    disagreement,
    groups,
    measure,
    met,
)
from services.intake.domain.triage.model import Discipline, Disposition, Effect, Reason, Statement, Verdict
from tests.unit.intake.evidence import decided, said

SAFE = decided(said())
_DISPOSITIONS = {
    Verdict.SAFE: Disposition.CIVILIAN,
    Verdict.REVIEW: Disposition.REVIEW,
    Verdict.UNSAFE: Disposition.POLICE,
}


def reason(key: str, effect: Effect = Effect.UNSAFE) -> Reason:
    return Reason(f"rule_{key}", key, effect, "narrative", "Wor", 0, 3, "why")


def outcome(
    expected: Verdict | None,
    found: Verdict,
    *reasons: Reason,
    listed: tuple[str, ...] = (),
    discipline: Discipline = Discipline.MEDIATOR,
    **case: object,
) -> Outcome:
    label = None if expected is None else Expected(expected, _DISPOSITIONS[expected], Discipline.MEDIATOR, listed)
    fields: dict[str, object] = {"id": "x", "language": "en", **case}
    made = Case(evidence=reported(Statement("report", "Words.")), expected=label, **fields)  # type: ignore[arg-type]  # any of its fields
    decision = replace(
        SAFE, verdict=found, disposition=_DISPOSITIONS[found], discipline=discipline, reasons=reasons or SAFE.reasons
    )
    return Outcome(made, decision, 0.002)


S, R, U = Verdict.SAFE, Verdict.REVIEW, Verdict.UNSAFE
EVERY = [
    outcome(S, S),
    outcome(S, S, discipline=Discipline.INTERRUPTER),
    outcome(S, R),
    outcome(S, U),
    outcome(R, R, reason("fear", Effect.REVIEW), listed=("fear",)),
    outcome(R, S, listed=("fear",)),
    outcome(R, U, reason("threat"), reason("fear", Effect.NOTE), listed=("fear",)),
    outcome(U, U, reason("weapon"), reason("threat"), listed=("threat", "dv")),
    outcome(U, R, reason("fear", Effect.REVIEW), listed=("dv",)),
    outcome(U, S, listed=("out_of_scope",)),
    outcome(U, S, listed=("weapon",), ambiguous=True),
    outcome(None, R),
]


def test_each_rate_counts_what_it_says() -> None:
    found = measure(EVERY)
    rates = {
        "false_safe": (1, 3),
        "false_safe_out_of_scope_only": (1, 1),
        "review_as_safe": (1, 3),
        "capture": (2, 4),
        "review_share": (4, 12),
        "escalation_error": (1, 3),
        "over_caution": (2, 4),
        "review_found_unsafe": (1, 3),
        "disposition_right": (4, 4),
        "discipline_right": (1, 2),
        "reason_right": (2, 6),
        "deciding_reason_right": (1, 6),
    }
    assert {name: (getattr(found, name).count, getattr(found, name).of) for name in rates} == rates
    assert (found.cases, found.counted, found.dangerous) == (12, 10, True)
    assert met("false_safe", found.false_safe) is False
    assert met("capture", found.capture) is False
    assert met("review_share", found.review_share) is None


def test_an_ambiguous_case_counts_in_no_rate() -> None:
    assert not measure([outcome(U, S, ambiguous=True)]).dangerous


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (outcome(U, S), Kind.FALSE_SAFE),
        (outcome(R, S), Kind.REVIEW_AS_SAFE),
        (outcome(U, R), Kind.ESCALATION),
        (outcome(S, U), Kind.OVER_CAUTION),
        (outcome(R, U), Kind.CAUTION),
        (outcome(S, S, discipline=Discipline.INTERRUPTER), Kind.DISCIPLINE),
        (outcome(S, S), None),
    ],
)
def test_a_decision_that_differs_is_named_by_how(one: Outcome, kind: Kind | None) -> None:
    assert disagreement(one) is kind


def test_what_was_expected_stands_against_what_was_decided() -> None:
    assert confusion(EVERY, by_verdict)["unsafe"] == {"unsafe": 1, "review": 1, "safe": 1}
    assert deciding_rules(EVERY)["rule_fear"] == {"review": 1, "unsafe": 1}
    assert groups([outcome(S, S, language="es"), outcome(S, R, language="")], lambda c: c.language)["none"].cases == 1


def test_the_delay_has_the_reviewers_time_in_it_and_no_false_safe() -> None:
    late = delay([outcome(U, U), outcome(U, U), outcome(U, R), outcome(U, S), outcome(S, R)], 60)
    assert (late.waiting.p50, late.waiting.p90, late.waiting.count, late.not_in_it) == (0.002, 60.002, 3, 1)
    assert late.at_the_answer.p90 == 0.002


def test_without_labels_whatever_is_not_safe_counts_as_ending_with_police() -> None:
    late = delay([outcome(None, U), outcome(None, R), outcome(None, S)], 60)
    assert (late.waiting.count, late.not_in_it) == (2, 0)


def test_quoted_words_are_marked_with_the_gravest_effect() -> None:
    both = (reason("fear", Effect.REVIEW), Reason("w", "weapon", Effect.UNSAFE, "narrative", "or", 1, 3, "why"))
    [(source, pieces)] = marked_texts(outcome(U, U, *both))
    assert source == "narrative"
    assert [tuple(piece) for piece in pieces] == [("W", Effect.REVIEW), ("or", Effect.UNSAFE), ("ds.", None)]
