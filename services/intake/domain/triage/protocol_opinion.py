"""Who a protocol asks for a second opinion, and when that speaks, from its document."""

from collections.abc import Mapping

from services.intake.domain.triage.learned import OpinionInvalid
from services.intake.domain.triage.model import Effect
from services.intake.domain.triage.opinion import opinion
from services.intake.domain.triage.protocol import (
    AMBIGUOUS,
    AMBIGUOUS_SHOWN,
    PLAIN_SHOWN,
    SECOND_OPINION,
    Rule,
    SecondOpinion,
)
from services.intake.domain.triage.protocol_keys import Key


def second_opinion(top: Mapping[str, Key], rules: Mapping[str, Rule]) -> SecondOpinion | None:
    """Return who is asked, if anybody. Ambiguous words need somebody to ask: without, they would never count."""
    listed = (rule.mapping() for section in ("rules", "system_rules") for rule in top[section].items())
    in_rules = any(name in rule for rule in listed for name in ("unless_calm", "loose"))
    has_ambiguous = "ambiguous" in top or in_rules
    has_calmest = any("unless_calmest" in rule.mapping() for rule in top["rules"].items())
    has_plain = has_calmest or any("unless_very_calm" in rule.mapping() for rule in top["rules"].items())
    if SECOND_OPINION not in top:
        if has_ambiguous or has_plain:
            section = top["ambiguous" if "ambiguous" in top else "rules"]
            raise section.fault(f"what counts unless it sounds calm needs the section {SECOND_OPINION!r}")
        return None
    key = top[SECOND_OPINION]
    if_ambiguous = ("above_ambiguous", "above_ambiguous_story") if has_ambiguous else ()
    if_plain = ("above_plain", "above_plain_story") if has_plain else ()
    if_calmest = ("above_calmest",) if has_calmest else ()
    needed_keys = ("model", "sha256", "above", *if_ambiguous, *if_plain, *if_calmest)
    fields = key.fields(*needed_keys, optional=("above_unnamed", "above_sentence"))
    needed = {SECOND_OPINION: Effect.REVIEW}
    if has_ambiguous:
        needed |= {AMBIGUOUS: Effect.REVIEW, AMBIGUOUS_SHOWN: Effect.NOTE}
    if has_plain:
        needed[PLAIN_SHOWN] = Effect.NOTE
    for rule, effect in needed.items():
        if rule not in rules or rules[rule].effect is not effect:
            raise key.fault(f"needs the rule {rule!r} among the system rules, with the effect {effect.value}")
    try:
        asked = opinion(fields["model"].text(), fields["sha256"].text())
    except OpinionInvalid as invalid:
        raise key.fault(str(invalid)) from None
    above = fields["above"].number(-100, 100)

    def score(name: str) -> int:
        return asked.score_of(fields[name].number(-100, above) if name in fields else -100)

    return SecondOpinion(
        asked,
        asked.score_of(above),
        above_ambiguous=score("above_ambiguous"),
        above_ambiguous_story=score("above_ambiguous_story"),
        above_plain=score("above_plain"),
        above_plain_story=score("above_plain_story"),
        above_calmest=score("above_calmest") if "above_calmest" in fields else None,
        above_unnamed=score("above_unnamed") if "above_unnamed" in fields else None,
        above_sentence=asked.score_of(fields["above_sentence"].number(above, 100))
        if "above_sentence" in fields
        else None,
    )
