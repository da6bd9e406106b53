"""The words that made a decision, marked in the texts in which they stand."""

from collections.abc import Iterable
from typing import NamedTuple

from services.evaluate.measures import Outcome
from services.intake.domain.triage.model import Effect

_GRAVEST_FIRST = (Effect.UNSAFE, Effect.RETURN, Effect.REVIEW, Effect.SAFE, Effect.NOTE)


class Piece(NamedTuple):
    """A run of text, and the gravest effect of the reasons that quote it."""

    text: str
    effect: Effect | None


def marked_texts(outcome: Outcome) -> Iterable[tuple[str, list[Piece]]]:
    """Yield each text of the case in pieces, with what is quoted marked."""
    for source, text in outcome.case.texts().items():
        effects: list[Effect | None] = [None] * len(text)
        for reason in sorted(outcome.decision.reasons, key=lambda r: _GRAVEST_FIRST.index(r.effect), reverse=True):
            if reason.source == source and reason.start is not None and reason.end is not None:
                effects[reason.start : reason.end] = [reason.effect] * len(text[reason.start : reason.end])
        yield source, _pieces(text, effects)


def _pieces(text: str, effects: list[Effect | None]) -> list[Piece]:
    pieces: list[Piece] = []
    begin = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or effects[place] is not effects[begin]:
            pieces.append(Piece(text[begin:place], effects[begin]))
            begin = place
    return pieces
