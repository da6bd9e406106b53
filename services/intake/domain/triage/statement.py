"""One statement about a call, a report or a later message: what its code, its words and its answers say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from services.intake.domain.triage.case import Case, plain, quoting
from services.intake.domain.triage.lines import prose_of, run_on, unwrapped
from services.intake.domain.triage.model import Effect, Evidence, Fact, RecommendedResponse, Statement
from services.intake.domain.triage.opinion import FEWEST_HEARD, Heard
from services.intake.domain.triage.protocol import (
    AMBIGUOUS_SHOWN,
    PLAIN_SHOWN,
    SECOND_OPINION,
    UNEXPLAINED,
    UNEXPLAINED_SHOWN,
    CodeEntry,
    CodeVerdict,
    Matter,
    Protocol,
    Rule,
    normal_code,
)
from services.intake.domain.triage.reader import Finding, People, Reading, Words, read
from services.intake.domain.triage.text import Token, fold, foreign_share

_KNOWN_TO_EACH_OTHER: Final = frozenset(
    {"neighbor", "roommate", "family", "landlord_tenant", "coworker", "customer", "peer"}
)
_MISSING: Final = "missing_info"
_NOT_SHARED: Final = frozenset({_MISSING})
"""Reasons of a linked call that say nothing about this one."""


class StatementReader:
    """Adds one statement to the case."""

    def __init__(self, case: Case, protocol: Protocol, statement: Statement, evidence: Evidence, *, told: bool) -> None:
        self.case = case
        self.protocol = protocol
        self.statement = statement
        self.evidence = evidence
        self.told = told
        self.heard: Heard | None = None
        """What the narrative sounds like to the second opinion, if it was asked."""

    def read(self) -> bool:
        """Read the statement; return whether the call's own words have begun."""
        statement = self.statement
        if statement.truncated:
            self._speak("text_cut", "narrative")
        tags = {(statement.language or "").split("-")[0].lower()} - {"", "und", "mul"}
        if not tags <= self.protocol.languages:
            self._speak("language_unsupported", "language")
        entry = self._read_code()
        readings = dict(self._readings())
        self._read_answers()
        self._count_people(readings, entry)
        if statement.linked:
            return self.told
        narrative = readings.get("narrative")
        if not self.told:
            self._learn_matter(readings, entry)
            if narrative is not None and narrative.words:
                self._check_matter()
        if len(self.evidence.statements) > 1:
            self.case.accounts.append(f" {fold(statement.narrative)} ")
        return self.told or (narrative is not None and narrative.words > 0)

    def _source(self, name: str) -> str:
        return name if self.statement.source == "report" else f"{self.statement.source}.{name}"

    def _speak(self, rule_id: str, name: str, words: Words | None = None) -> None:
        self._add(self.protocol.rules[rule_id], name, words)

    def _add(self, rule: Rule, name: str, words: Words | None) -> None:
        if self.statement.linked and rule.reason in _NOT_SHARED:
            return
        source = self._source(name)
        self.case.reasons.append(plain(rule, source) if words is None else quoting(rule, source, words))

    def _read_code(self) -> CodeEntry | None:
        code = self.statement.call_type_code
        if code is None or not code.strip():
            return None
        words = Words(code, 0, len(code))
        entry = self.protocol.code(code)
        if entry is None:
            self._speak("code_unknown", "call_type_code", words)
        elif entry.verdict is CodeVerdict.NEVER:
            medical = entry.response is RecommendedResponse.EMS_FIRE
            self._speak("code_never_ems_fire" if medical else "code_never", "call_type_code", words)
        elif entry.verdict is CodeVerdict.REVIEW:
            self._speak("code_review", "call_type_code", words)
        if not self.statement.linked:
            self.case.code_names.append(normal_code(code))
            if entry is not None:
                self.case.codes.append(entry)
        return entry

    def _readings(self) -> Iterator[tuple[str, Reading]]:
        """Read each text of the statement and take over what it says."""
        statement = self.statement
        free_words = (str(statement.answers.get(key, "")) for key in ("relationship", "location_type"))
        texts = {
            "narrative": statement.narrative,
            "call_type_text": statement.call_type_text,
            "extra_text": statement.extra_text,
            "answers": " ; ".join(free_words).replace("_", " "),
        }
        for name, written in texts.items():
            if written.strip():
                is_call_type = name == "call_type_text"
                text = unwrapped(written, self.protocol.line_ends) if name == "narrative" else written
                reading = read(text, self.protocol, is_call_type=is_call_type)
                if (wrapped := run_on(text)) != text:
                    again = read(wrapped, self.protocol, is_call_type=is_call_type)
                    self._take_over(name, wrapped, again)
                    reading = replace(reading, denied={f: w for f, w in reading.denied.items() if f in again.denied})
                self._take_over(name, text, reading)
                if name == "extra_text":
                    self._check_prose(text)
                if not self.statement.linked:
                    self.case.own_signals |= reading.signals
                    if name != "answers":
                        self._note_denials(name, reading)
                yield name, reading

    def _take_over(self, name: str, text: str, reading: Reading) -> None:
        """Take over what speaks against civilians.

        A text with breaks that may be no ends of sentences is read twice, with them and without: what either finds counts.
        """
        open_ = self._left_open(name, reading)
        for finding in reading.findings:
            if finding not in open_:
                self._speak(finding.rule, name, finding.words)
        if name == "narrative":
            self.heard = self._listened(reading, open_)
        self._add_as_it_sounds(open_, reading.story)
        self.case.signals |= reading.signals
        for age, words in reading.caller_ages:
            if age < self.protocol.limits.adult_age:
                self._speak("minor_calling", name, words)
        if foreign_share(text) > self.protocol.limits.most_foreign_share:
            self._speak("language_unsupported", name)
        if name == "narrative":
            self._check_understood(reading)
            self._ask_second_opinion(text, reading)

    def _check_prose(self, text: str) -> None:
        """What fields that nobody knows tell in whole sentences must be understood, and sound like a quarrel, like a later message.

        Codes and names are no sentences, and no part of the next field's.
        """
        told, asked = prose_of(text, FEWEST_HEARD), self.protocol.second_opinion
        for prose in dict.fromkeys((told, run_on(told))):
            reading = read(prose, self.protocol)
            if reading.garbled:
                self._speak("garbled_text", "extra_text")
            if asked is not None and len(reading.story) >= FEWEST_HEARD:
                for start, end in asked.unfit_in(reading.story, asked.opinion.listen(reading.story)):
                    self._speak(SECOND_OPINION, "extra_text", Words(text[start:end], start, end))

    def _note_denials(self, name: str, reading: Reading) -> None:
        rule = self.protocol.rules["denied_in_words"]
        for fact, words in reading.denied.items():
            self.case.denied.setdefault(fact, quoting(rule, self._source(name), words))

    def _check_understood(self, reading: Reading) -> None:
        """A narrative must be made of known words; in the call's first one, what is told must be explained."""
        if self._is_garbled(reading):
            self._speak("garbled_text", "narrative")
        if not self.told and not self.statement.linked:
            for found in reading.unexplained:
                rule = UNEXPLAINED_SHOWN if self._sounds_calm(found, reading.story) else UNEXPLAINED
                self._speak(rule, "narrative", found.words)
            for words in reading.unexplained_harmless:
                self._speak(UNEXPLAINED_SHOWN, "narrative", words)

    def _sounds_calm(self, found: Finding, story: Sequence[Token]) -> bool:
        is_asked = self.protocol.rules[found.rule].unless_calm and found.ambiguous_in
        if not is_asked or self._meant(found) != AMBIGUOUS_SHOWN:
            return False
        return not found.is_strange or self._is_calmest(found, story)

    def _meant(self, found: Finding) -> str | None:
        """Return the rule that says what is ambiguous in `found`, or None: it counts in full, as it does with nobody to ask."""
        asked, heard = self.protocol.second_opinion, self.heard
        return None if asked is None or heard is None else asked.meant(found.ambiguous_in, heard.score)

    def _finds_harmless(self, found: Finding, story: Sequence[Token]) -> bool:
        """Tell whether what is told plainly sounds calm enough to be set aside, as far as its rule lets it."""
        asked, heard = self.protocol.second_opinion, self.heard
        if asked is None or heard is None:
            return False
        if self.protocol.rules[found.rule].unless_calmest:  # what costs nothing first
            told = [token.word for token in story if found.words.start <= token.start < found.words.end]
            if not (self._is_calmest(found, story) and asked.opinion.knows(told)):
                return False
        return asked.finds_harmless(found.plainly_in, heard.score)

    def _is_calmest(self, found: Finding, story: Sequence[Token]) -> bool:
        """Tell whether the sentence in which it stands, and the story around that, are among the calmest."""
        asked, heard = self.protocol.second_opinion, self.heard
        return (
            asked is not None
            and heard is not None
            and asked.are_calmest(heard.at(story, found.words.start), heard.score)
        )

    def _left_open(self, name: str, reading: Reading) -> tuple[Finding, ...]:
        """Return what counts by how it sounds.

        Only in a call's first account anything does: what is told later, or in a label, is meant as it is said.
        """
        if name != "narrative" or self.told or self.statement.linked:
            return ()
        return tuple(found for found in reading.findings if found.ambiguous_in or found.plainly_in)

    def _is_hazard(self, found: Finding) -> bool:
        return self.protocol.rules[found.rule].effect is Effect.UNSAFE

    def _listened(self, reading: Reading, open_: tuple[Finding, ...]) -> Heard | None:
        """Return what the story, as a whole, sounds like.

        Where a rule has found a hazard in the text that counts for good nobody is asked, and all that is left open counts.
        """
        asked = self.protocol.second_opinion
        disqualified = any(self._is_hazard(found) and found not in open_ for found in reading.findings)
        fewest = FEWEST_HEARD if self.told else 1
        if asked is None or disqualified or len(reading.story) < fewest:
            return None
        return asked.opinion.listen(reading.story)

    def _ask_second_opinion(self, text: str, reading: Reading) -> None:
        """Ask for a person where the story sounds unfit."""
        asked, heard = self.protocol.second_opinion, self.heard
        if asked is None or heard is None or (self.told and self._was_told(text)):
            return
        for start, end in asked.unfit_in(reading.story, heard):
            self._speak(SECOND_OPINION, "narrative", Words(text[start:end], start, end))

    def _was_told(self, text: str) -> bool:
        """Tell whether an earlier account of the call holds these very words: it was listened to as a whole."""
        words = f" {fold(text)} "
        return any(words in account for account in self.case.accounts)

    def _add_as_it_sounds(self, open_: Iterable[Finding], story: Sequence[Token]) -> None:
        """Add what is told openly, each by how its sentence sounds, and the story around it.

        What is told plainly is only shown where both sound very calm. Where nothing is told plainly, ambiguous words
        count in full where their sentence sounds unfit, are only shown where both sound calm, and a person reads the
        others.
        """
        plainly = [found for found in open_ if found.plainly_in]
        is_disqualified = any(self._is_hazard(found) and not self._finds_harmless(found, story) for found in plainly)
        for found in open_:
            reason = quoting(self.protocol.rules[found.rule], self._source("narrative"), found.words)
            if is_disqualified:
                milder = None  # it counts in full
            elif found.plainly_in:
                is_shown = self._is_hazard(found) or self._finds_harmless(found, story)
                milder = PLAIN_SHOWN if is_shown else None
            else:
                milder = self._meant(found)
            if milder is not None:
                why = self.protocol.rules[milder]
                reason = replace(reason, effect=why.effect, explanation=why.explanation)
            self.case.reasons.append(reason)

    def _is_garbled(self, reading: Reading) -> bool:
        first_words = not self.told and not self.statement.linked
        return reading.garbled or (first_words and reading.known_words < self.protocol.limits.least_known_words)

    def _read_answers(self) -> None:
        statement = self.statement
        for key, value in statement.answers.items():
            for rule in self.protocol.answer_rules(key, value):
                if key == "location_known" and self._located_later():
                    continue
                self._add(rule, "answers", None)
                self.case.signals.add(f"answer:{rule.id}")
        if statement.linked:
            return
        if (relationship := statement.answers.get("relationship")) is not None:
            self.case.relationships.add(str(relationship).lower())
        if (place := statement.answers.get("location_type")) is not None:
            self.case.places.add("_".join(str(place).lower().split()))

    def _located_later(self) -> bool:
        own = (statement for statement in self.evidence.statements if not statement.linked)
        return any(statement.fact("location_known") is Fact.YES for statement in own)

    def _count_people(self, readings: Mapping[str, Reading], entry: CodeEntry | None) -> None:
        """Compare each number of people with its limit; guests of a gathering have the higher one.

        They are guests by the code of the call or by what their own sentence says; a party told elsewhere has others.
        """
        limits = self.protocol.limits
        gathering = entry is not None and entry.gathering
        counted = [(name, people) for name, reading in readings.items() for people in reading.people]
        parties = self.statement.answers.get("parties")
        if isinstance(parties, int) and not isinstance(parties, bool):
            counted.append(("answers", People(parties, Words(str(parties), 0, len(str(parties))), guests=False)))
        for name, (count, words, guests) in counted:
            if count >= limits.people_at_gathering:
                self._speak("crowd_large", name, words)
            elif count > limits.people_in_quarrel and not (gathering or guests):
                self._speak("crowd_in_quarrel", name, words)
            if not self.statement.linked and not (gathering or guests):
                self.case.people = max(self.case.people, count)

    def _learn_matter(self, readings: Mapping[str, Reading], entry: CodeEntry | None) -> None:
        if (entry is not None and entry.matter is not Matter.OPEN) or any(
            "conflict" in reading.signals for name, reading in readings.items() if name != "answers"
        ):
            self.case.conflict_known = True

    def _check_matter(self) -> None:
        """The call's first words must tell of a dispute, or of a harm that somebody known has done."""
        case, asked, heard = self.case, self.protocol.second_opinion, self.heard
        if not case.conflict_known and (asked is None or heard is None or not asked.takes_for_a_dispute(heard.score)):
            self._speak("no_conflict_found", "narrative")
        somebody_known = "known_person" in case.own_signals or bool(case.relationships & _KNOWN_TO_EACH_OTHER)
        if any(entry.matter is Matter.PROPERTY for entry in case.codes) and not somebody_known:
            self._speak("no_known_person", "narrative")
