"""What a change of the protocol's version may do to a call that is under way: nothing that makes it safer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.intake.commands.deciding import Heard, Versions, decide_by, versions_for
from services.intake.commands.protocols import Protocols
from services.intake.domain.plan import default_plan
from services.intake.domain.triage.decide import clearance_of
from services.intake.domain.triage.model import Clearance, Decision, Disposition, Effect, Evidence, Verdict
from services.intake.domain.triage.protocol import CodeVerdict, Protocol
from services.intake.domain.versions import most_cautious
from tests.unit.intake.evidence import PROTOCOL, decided, evidence, said

LATER = PROTOCOL.effective_from + timedelta(days=1)
LOOSER = replace(
    PROTOCOL,
    version="looser",
    effective_from=LATER,
    codes={code: entry._replace(verdict=CodeVerdict.ALLOWED) for code, entry in PROTOCOL.codes.items()},
)
"""A later version that takes every code for one that may be civilian."""
DRUNK, ASSAULT = evidence(said(call_type_code="390")), evidence(said(call_type_code="245"))
CALM = evidence(said())


def known(*protocols: Protocol) -> Protocols:
    found = Protocols()
    for protocol in protocols:
        found.add(protocol)
    return found


def under(call: Evidence, *versions: Protocol) -> Verdict:
    return by([(version.version, version) for version in versions], call).verdict


def by(chosen: Versions, call: Evidence, *clearances: Clearance) -> Decision:
    return decide_by(chosen, Heard(call, default_plan(""), LATER, None, None, clearances))[0]


class TestWhichVersionDecides:
    def test_the_one_in_force_decides_a_new_call(self) -> None:
        assert known(PROTOCOL, LOOSER).for_decision(PROTOCOL.version) is PROTOCOL

    def test_a_call_is_never_decided_by_an_older_version_than_before(self) -> None:
        assert known(PROTOCOL, LOOSER).for_decision(PROTOCOL.version, ["looser"]) is LOOSER

    def test_a_version_that_this_replica_has_never_heard_of_may_be_newer(self) -> None:
        assert known(PROTOCOL).for_decision(PROTOCOL.version, ["of-another-replica"]) is None

    @pytest.mark.parametrize("in_force", [None, "of-tomorrow"])
    def test_without_the_one_in_force_nobody_decides(self, in_force: str | None) -> None:
        assert known(PROTOCOL).for_decision(in_force, [PROTOCOL.version]) is None

    def test_of_two_with_one_date_the_greater_name_is_the_newer(self) -> None:
        twin = replace(PROTOCOL, version=PROTOCOL.version + "-b")
        assert known(PROTOCOL, twin).for_decision(PROTOCOL.version, [twin.version]) is twin

    def test_every_other_version_that_decided_is_asked_too(self) -> None:
        chosen = versions_for(known(PROTOCOL, LOOSER), "looser", ["looser", PROTOCOL.version])
        assert [version for version, _ in chosen] == ["looser", PROTOCOL.version]

    def test_what_this_replica_cannot_read_is_a_fault_and_a_persons_matter(self) -> None:
        decision = by([("unreadable", None)], CALM)
        assert (decision.verdict, decision.reasons[0].rule) == (Verdict.REVIEW, "system_fault")


class TestMostCautious:
    def test_a_new_version_alone_makes_no_call_safer(self) -> None:
        assert (under(DRUNK, PROTOCOL), under(DRUNK, LOOSER)) == (Verdict.REVIEW, Verdict.SAFE)
        assert under(DRUNK, LOOSER, PROTOCOL) is Verdict.REVIEW
        assert under(ASSAULT, LOOSER) is Verdict.SAFE
        assert under(ASSAULT, LOOSER, PROTOCOL) is Verdict.UNSAFE

    def test_a_stricter_version_decides_by_itself(self) -> None:
        assert under(ASSAULT, PROTOCOL, LOOSER) is Verdict.UNSAFE

    def test_where_nothing_speaks_against_it_the_call_stays_safe_and_the_decision_as_it_was(self) -> None:
        assert under(CALM, LOOSER, PROTOCOL) is Verdict.SAFE
        one = decided(said())
        assert most_cautious(one, [replace(one, protocol_version="older")]) is one

    def test_the_older_versions_reasons_are_shown_with_its_name_and_the_newest_decides(self) -> None:
        decision = by([("looser", LOOSER), (PROTOCOL.version, PROTOCOL)], DRUNK)
        [reason] = [r for r in decision.reasons if r.effect is Effect.REVIEW]
        assert (reason.rule, reason.quote, decision.protocol_version) == ("code_review", "390", "looser")
        assert PROTOCOL.version in reason.explanation

    def test_a_reviewer_clears_an_older_versions_reasons_like_any(self) -> None:
        chosen = [("looser", LOOSER), (PROTOCOL.version, PROTOCOL)]
        asked = by(chosen, DRUNK)
        assert by(chosen, DRUNK, clearance_of(asked, "Kim")).verdict is Verdict.SAFE

    def test_police_beside_the_team_is_not_lost_with_the_version_that_asked_for_it(self) -> None:
        one = decided(said())
        other = replace(one, disposition=Disposition.CIVILIAN_WITH_CO_RESPONSE, protocol_version="older")
        assert most_cautious(one, [other]).disposition is Disposition.CIVILIAN_WITH_CO_RESPONSE

    def test_an_older_version_that_cannot_be_read_any_more_is_not_outdone_by_it(self) -> None:
        decision = by([("looser", LOOSER), ("unreadable", None)], CALM)
        assert decision.verdict is Verdict.REVIEW


class TestClearedText:
    """What a reviewer has cleared is what he has read."""

    def test_a_second_text_that_was_cut_is_not_cleared_with_the_first(self) -> None:
        first = said(source="update:1", narrative="They talk about parking.", truncated=True, answers={})
        second = replace(first, source="update:2")
        cleared = clearance_of(decided(said(), first), "Kim")
        assert decided(said(), first, clearances=[cleared]).verdict is Verdict.SAFE
        assert decided(said(), first, second, clearances=[cleared]).verdict is Verdict.REVIEW

    def test_the_same_answer_again_is_still_cleared(self) -> None:
        drunk = said(source="update:1", narrative="", answers={"intoxication": "yes"})
        cleared = clearance_of(decided(said(), drunk), "Kim")
        again = replace(drunk, source="update:2")
        assert decided(said(), drunk, again, clearances=[cleared]).verdict is Verdict.SAFE

    def test_a_new_phrase_under_a_cleared_rule_stands(self) -> None:
        first = said(source="update:1", narrative="RP says they are drunk.", answers={})
        second = said(source="update:2", narrative="RP says they had a few beers.", answers={})
        asked = decided(said(), first)
        assert asked.verdict is Verdict.REVIEW
        cleared = clearance_of(asked, "Kim")
        assert decided(said(), first, clearances=[cleared]).verdict is Verdict.SAFE
        assert decided(said(), first, second, clearances=[cleared]).verdict is Verdict.REVIEW
