"""The second opinion: it may ask for a person, and nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage import opinion as module
from services.intake.domain.triage.decide import clearance_of, decide
from services.intake.domain.triage.learned import OpinionInvalid
from services.intake.domain.triage.model import Disposition, Effect, Evidence, Statement, Verdict
from services.intake.domain.triage.opinion import (
    Further,
    FurtherPatterns,
    Opinion,
    buckets,
    loudest,
    opinion,
    parts_of,
    spoken,
)
from services.intake.domain.triage.protocol import SECOND_OPINION, ProtocolInvalid
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.domain.triage.reader import read
from services.intake.domain.triage.text import tokenize
from services.intake.domain.triage.unite import unite
from tests.opinion.train import in_whole_numbers
from tests.unit.intake.evidence import PROTOCOL, QUARREL, RECITAL, decided, evidence, in_short, rules, said
from tests.unit.intake.test_triage_cases import cases

ONLY_SOUNDS_SO = (
    "Dispute in the drive thru line. Says the brother will take care of her just like last summer at the lake. "
    f"{RECITAL}"
)
"""No rule speaks of it."""
_ASKED = PROTOCOL.second_opinion
assert _ASKED is not None
ALONE = replace(
    PROTOCOL,
    second_opinion=_ASKED._replace(
        above=10**15, above_ambiguous=-(10**15), above_plain=-(10**15), above_unnamed=None, above_sentence=None
    ),
)
"""The rules with an opinion that says nothing of any story; ambiguous words are for a person."""


def under_rules_alone(call: Evidence) -> Verdict:
    return decide(call, ALONE, PlanRules()).verdict


def test_a_story_that_only_sounds_unfit_is_for_a_person_who_is_shown_the_sentence() -> None:
    call = evidence(said(ONLY_SOUNDS_SO))
    assert under_rules_alone(call) is Verdict.SAFE
    decision = decide(call, PROTOCOL, PlanRules())
    assert decision.verdict is Verdict.REVIEW
    (spoke,) = (reason for reason in decision.reasons if reason.rule == SECOND_OPINION)
    assert spoke.quote == "Says the brother will take care of her just like last summer at the lake"
    assert spoke.start is not None
    assert ONLY_SOUNDS_SO[spoke.start : spoke.end] == spoke.quote


def test_it_never_makes_a_call_safer_that_is_told_without_ambiguous_words() -> None:
    seen = 0
    for case in cases()[::3]:
        record = case.record
        told = read(record["narrative"], PROTOCOL)
        if any(found.ambiguous_in or found.plainly_in for found in (*told.findings, *told.unexplained)):
            continue  # what these mean it is asked: test_triage_ambiguous
        call = evidence(said(record["narrative"], answers=record["answers"], call_type_text=record["call_type_text"]))
        alone = decide(call, ALONE, PlanRules())
        if "no_conflict_found" not in rules(alone):  # the same of a dispute that no word names
            assert decide(call, PROTOCOL, PlanRules()).verdict.caution >= alone.verdict.caution
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("more", [RECITAL, "No weapons.", "Sin armas, sin amenazas, nadie lastimado.", "Nobody hurt."])
def test_no_denial_talks_it_down(more: str) -> None:
    for case in cases()[::7]:
        told = case.record["narrative"].rstrip()
        plain, recited = (read(text, PROTOCOL).story for text in (told, f"{told.rstrip('.!?')}. {more}"))
        if not told.endswith("?"):
            assert spoken(plain)[0] == spoken(recited)[0]


def test_what_is_told_later_takes_nothing_back() -> None:
    news = [Statement("update:1", text) for text in (RECITAL, "They made up, all is calm.", "Never mind.")]
    for number in range(len(news) + 1):
        assert decided(said(ONLY_SOUNDS_SO), *news[:number]).verdict is Verdict.REVIEW


def test_an_update_is_heard_too() -> None:
    news = Statement("update:1", "He reversed fast at the car behind twice, laughing at them.")
    assert decided(said(), news).verdict is not Verdict.SAFE


@pytest.mark.parametrize("news", ["Still arguing.", "S1 has left", "They went inside", "Ya se calmaron", "ok"])
def test_plain_news_is_not_for_a_person(news: str) -> None:
    assert SECOND_OPINION not in rules(decided(said(), Statement("update:1", news)))


def test_a_reviewer_may_clear_it_and_only_what_was_read() -> None:
    first = decided(said(ONLY_SOUNDS_SO))
    cleared = [clearance_of(first, "reviewer")]
    assert decided(said(ONLY_SOUNDS_SO), clearances=cleared).verdict is Verdict.SAFE
    news = Statement("update:1", "He reversed at her car again, laughing.")
    assert decided(said(ONLY_SOUNDS_SO), news, clearances=cleared).verdict is not Verdict.SAFE


def test_nobody_is_asked_where_a_rule_found_a_hazard() -> None:
    worse = decided(said(f"{ONLY_SOUNDS_SO} He has a knife."))
    assert worse.verdict is Verdict.UNSAFE
    assert SECOND_OPINION not in rules(worse)


def test_police_beside_the_team_is_still_what_a_reviewer_is_offered() -> None:
    decision = decided(said(f"{ONLY_SOUNDS_SO} Fourth call today."))
    assert SECOND_OPINION in rules(decision, Effect.REVIEW)
    assert decision.disposition is Disposition.CIVILIAN_WITH_CO_RESPONSE


def test_a_protocol_names_the_very_opinion_that_it_was_approved_with() -> None:
    stated = PROTOCOL.document[SECOND_OPINION]
    assert opinion(stated["model"], stated["sha256"]) is PROTOCOL.second_opinion.opinion  # type: ignore[union-attr]
    with pytest.raises(OpinionInvalid, match="digest"):
        opinion(stated["model"], "0" * 64)
    with pytest.raises(OpinionInvalid, match=r"no second opinion '\.\./secret'"):
        opinion("../secret", "0" * 64)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"sha256": "0" * 64}, r"second_opinion: the second opinion 'opinion-[0-9a-z-]+' has the digest"),
        ({"model": "nobody"}, "second_opinion: there is no second opinion 'nobody'"),
        ({"above": "high"}, "second_opinion.above: must be a number from -100 to 100"),
        ({"below": 1}, "second_opinion.below: is not a key of a protocol"),
    ],
)
def test_a_faulty_section_is_named(change: dict[str, Any], fault: str) -> None:
    section = {**PROTOCOL.document[SECOND_OPINION], **change}
    with pytest.raises(ProtocolInvalid, match=fault):
        parse_protocol(in_short({**PROTOCOL.document, SECOND_OPINION: section}))


def test_the_section_needs_its_rule_and_a_protocol_without_it_asks_nobody() -> None:
    document = dict(PROTOCOL.document)
    document["system_rules"] = [rule for rule in document["system_rules"] if rule["id"] != SECOND_OPINION]
    with pytest.raises(ProtocolInvalid, match="second_opinion: needs the rule 'second_opinion' among"):
        parse_protocol(in_short(document))
    del document[SECOND_OPINION], document["ambiguous"]
    for section in ("rules", "system_rules"):
        document[section] = [
            {key: value for key, value in rule.items() if key != "loose" and not key.startswith("unless_")}
            for rule in document[section]
        ]
    older = parse_protocol(document)
    assert older.second_opinion is None
    assert decide(evidence(said(ONLY_SOUNDS_SO)), older, PlanRules()).verdict is Verdict.SAFE


def test_an_update_of_three_words_is_for_the_rules_alone() -> None:
    asked = PROTOCOL.second_opinion
    assert asked is not None
    anxious = replace(PROTOCOL, second_opinion=asked._replace(above=asked.opinion.score_of(-100)))
    for update, is_heard in (("Still arguing, calmly.", False), ("They are still arguing, calmly.", True)):
        case = unite(evidence(said(f"{QUARREL} He has a knife."), Statement("update:1", update)), anxious)
        assert (SECOND_OPINION in {reason.rule for reason in case.reasons}) is is_heard
    first = unite(evidence(said("Still arguing, calmly.")), anxious)
    assert SECOND_OPINION in {reason.rule for reason in first.reasons}
    assert decided(said(), Statement("update:1", "Still arguing, calmly.")).verdict is Verdict.SAFE
    assert decided(said(), Statement("update:1", "Ya no contesta.")).verdict is not Verdict.SAFE


def test_every_number_is_one_word_and_a_word_is_known_by_its_parts() -> None:
    assert buckets("12", 1 << 14) == buckets("987", 1 << 14) != buckets("12th", 1 << 14)
    assert len(set(buckets("hammering", 1 << 14)) & set(buckets("hammered", 1 << 14))) == 2


def listener(seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {
        "spellings": random.normal(size=(65, 48)), "patterns": random.normal(size=(5, 48, 64)),
        "least": random.normal(size=64), "weights": random.normal(size=64),
        "further_1_patterns": random.normal(size=(5, 64, 16)) / 9, "further_1_least": random.normal(size=16) * 9,
        "further_1_weights": random.normal(size=16), "further_1_most": np.array(40.0),
        "further_2_patterns": random.normal(size=(5, 16, 16)) / 9, "further_2_least": random.normal(size=16) * 9,
        "further_2_weights": random.normal(size=16), "further_2_most": np.array(80.0),
        "further_3_patterns": random.normal(size=(5, 16, 16)) / 9, "further_3_least": random.normal(size=16) * 9,
        "further_3_weights": random.normal(size=16), "further_3_most": np.array(80.0),
        "start": np.array(-0.5),
    }  # fmt: skip


def around(given: Any, patterns: Any) -> Any:
    """Return what `patterns` find around each row of `given`, in floating point."""
    places, ways = range(len(given)), range(-2, 3)
    return np.array([sum(given[at + way] @ patterns[way + 2] for way in ways if at + way in places) for at in places])


def plainly(part: dict[str, Any], words: list[str], meant: Any = None) -> float:
    """Return the score of `words` by the formula, in floating point; `meant`: what they mean, (words, numbers)."""
    traits = np.array([part["spellings"][1:][buckets(word, 64)].mean(0) for word in words])
    if meant is not None:
        traits = np.concatenate([traits, meant], axis=1)
    found = np.maximum(around(traits, part["patterns"]) + part["least"], 0)
    heard = found.max(0) @ part["weights"]
    for further in ("further_1", "further_2", "further_3"):
        found = around(found, part[f"{further}_patterns"])
        found = np.maximum(found + part[f"{further}_least"], 0)
        heard += found.max(0) @ part[f"{further}_weights"]
    return float(heard + part["start"])


@pytest.mark.parametrize(
    "text", ["He waits.", "ok", "He stares at 12 cars, then at her, and hums. She leaves at once."]
)
def test_whole_numbers_come_to_what_the_listeners_learned(text: str) -> None:
    parts = in_whole_numbers([listener(1), listener(2)])
    made = Opinion(parts_of(parts))
    story = tokenize(text)
    wanted = np.mean([plainly(listener(seed), spoken(story)[0]) for seed in (1, 2)])
    spread = np.abs(listener(1)["weights"]).sum()
    assert made.listen(story).score * float(parts["unit"]) == pytest.approx(wanted, abs=0.1 * spread)
    assert made.listen(()).score * float(parts["unit"]) == pytest.approx(-0.5, abs=0.001)


@pytest.mark.parametrize("shape", [(2, 5, 64, 3), (1, 5, 16, 2), (1, 1, 2, 1)])
def test_what_further_patterns_find_is_exact_however_loud_it_is(shape: tuple[int, ...]) -> None:
    patterns = np.full(shape, 127) - np.arange(np.prod(shape)).reshape(shape) % 2
    listeners, width, among, own = shape
    most = loudest(patterns)
    assert most * 127 * width * among < 1 << 24 <= 4 * (most + 1) * 127 * width * among
    nothing = np.zeros(listeners * own, np.int64)
    found = FurtherPatterns(Further(patterns, nothing, nothing, shift=3)).found(
        np.full((listeners * among, 2 * width), np.iinfo(np.int32).max, np.int32)
    )
    assert found[:, width].tolist() == (most * patterns.sum(axis=(1, 2))).reshape(-1).tolist()


def test_a_long_text_costs_what_it_is_long() -> None:
    asked = PROTOCOL.second_opinion
    assert asked is not None
    assert (
        asked.opinion.listen(tokenize("noise " * 11_000)).score == asked.opinion.listen(tokenize("noise " * 20)).score
    )


def test_a_short_memory_and_a_text_in_parts_change_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = in_whole_numbers([listener(3), listener(4)])
    texts = [
        f"{QUARREL} {text}. {ONLY_SOUNDS_SO} {text}" for text in ("One two three", "Four, five", "Six seven eight")
    ]
    heard = [Opinion(parts_of(parts)).listen(tokenize(text)) for text in texts]
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 25)
    monkeypatch.setattr(module, "_PART", 8)
    forgetful = Opinion(parts_of(parts))
    assert [forgetful.listen(tokenize(text)) for text in (*texts, *texts)] == [*heard, *heard]


def test_the_page_of_its_figures_is_about_the_one_in_force() -> None:
    page = (Path(__file__).parents[3] / "docs" / "second-opinion.md").read_text(encoding="utf-8")
    stated = PROTOCOL.document[SECOND_OPINION]
    assert f"SHA-256 `{stated['sha256']}`), asked above {stated['above']}." in page


def test_a_sentence_that_sounds_unfit_is_for_a_person_whatever_calm_is_told_around_it() -> None:
    unfit = "He likes how her hair smells and says so each morning"
    told = f"{QUARREL} {unfit}. He naps. {QUARREL}"
    asked = PROTOCOL.second_opinion
    assert asked is not None
    heard = asked.opinion.listen(read(told, PROTOCOL).story)
    loudest = max(each.score for each in heard.sentences)

    def said_so(above_sentence: int | None) -> list[str | None]:
        calm = asked._replace(above=heard.score, above_sentence=above_sentence)
        reasons = decide(evidence(said(told)), replace(PROTOCOL, second_opinion=calm), PlanRules()).reasons
        return [reason.quote for reason in reasons if reason.rule == SECOND_OPINION]

    assert said_so(loudest - 1) == [unfit]
    assert said_so(loudest) == said_so(None) == []
    assert "He naps" not in said_so(-(10**15))  # two words are for the rules
    assert unfit in said_so(-(10**15))


def test_a_sentence_in_an_unknown_field_that_sounds_unfit_is_for_a_person_too() -> None:
    unfit = "He likes how her hair smells and says so each morning"
    fields = f"unit: CT04\nremarks: {QUARREL} {unfit}. {QUARREL}\nbeat: 4A23"
    asked = PROTOCOL.second_opinion
    assert asked is not None
    heard = asked.opinion.listen(read(fields.split("\n")[1].partition(": ")[2], PROTOCOL).story)
    loudest = max(each.score for each in heard.sentences)

    def said_so(above_sentence: int | None) -> list[tuple[str | None, str | None]]:
        calm = asked._replace(above=heard.score, above_sentence=above_sentence)
        decided = decide(evidence(said(extra_text=fields)), replace(PROTOCOL, second_opinion=calm), PlanRules())
        found = [
            reason for reason in decided.reasons if reason.rule == SECOND_OPINION and "extra_text" in reason.source
        ]
        assert all(fields[reason.start : reason.end] == reason.quote for reason in found)
        return [(reason.source, reason.quote) for reason in found]

    assert [quote for _, quote in said_so(loudest - 1)] == [unfit]
    assert said_so(loudest) == said_so(None) == []


def test_each_sentence_has_its_own_score_and_no_distant_one_changes_it() -> None:
    asked = PROTOCOL.second_opinion
    assert asked is not None
    around = [
        "The rent is due on Monday and they argue about the hallway light.",
        "They argue about the dog next door.",
    ]
    told = "He likes how her hair smells when she sleeps and says so each morning."
    scores = set()
    for before, behind in ((around, around[::-1]), ([around[0], *around], [around[1], around[0], around[0]])):
        story = tokenize(" ".join((*before, told, *behind)))
        heard = asked.opinion.listen(story)
        assert [" ".join(token.word for token in story[each.first : each.last + 1]) for each in heard.sentences] == [
            " ".join(token.word for token in tokenize(each)) for each in (*before, told, *behind)
        ]
        scores.add(heard.sentences[len(before)].score)
    assert len(scores) == 1
    only = asked.opinion.listen(tokenize(told))
    assert [each.score for each in only.sentences] == [only.score]
