"""All statements about a call, and its past, made into one case.

Evidence is a union (policy, step 0): whatever any statement asserts counts, and nothing said elsewhere takes it back.
Of a linked call only what speaks against sending civilians is taken over.
"""

from collections.abc import Iterator
from typing import Final

from services.intake.domain.triage.case import Case, plain
from services.intake.domain.triage.model import CORE_FOUR, FACT_KEYS, Effect, Evidence, Fact, PlaceStatus, Reason
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.triage.statement import StatementReader

WORSE_WHEN_NO: Final = frozenset({"caller_safe", "consent", "location_known"})
"""Facts whose `no` is the bad news."""


def unite(evidence: Evidence, protocol: Protocol) -> Case:
    """Return the case that `evidence` makes under `protocol`."""
    case = Case(facts=_united_facts(evidence))
    told = False  # the call's own words have begun
    for statement in evidence.statements:
        told = StatementReader(case, protocol, statement, evidence, told=told).read()
    if not told:
        case.reasons.append(plain(protocol.rules["no_text"], "narrative"))
    _combine(case, protocol)
    _judge_place(case, evidence, protocol)
    case.reasons.extend(plain(protocol.rules[f"missing_{fact}"], "answers") for fact in case.missing())
    case.reasons.extend(_contradictions(case, evidence, protocol))
    for happened, rule in ((evidence.ever_unsafe, "was_unsafe"), (evidence.ever_returned, "was_returned")):
        if happened:
            case.reasons.append(plain(protocol.rules[rule], "history"))
    return case


def _united_facts(evidence: Evidence) -> dict[str, Fact]:
    """Return each fact: its bad value if anybody gave it, else its good one if the call itself did, else unknown."""
    united = {}
    for key in FACT_KEYS:
        bad, good = (Fact.NO, Fact.YES) if key in WORSE_WHEN_NO else (Fact.YES, Fact.NO)
        own = {statement.fact(key) for statement in evidence.statements if not statement.linked}
        linked = {statement.fact(key) for statement in evidence.statements if statement.linked}
        if bad in own or (bad in linked and bad is Fact.YES):
            united[key] = bad
        else:
            united[key] = good if good in own else Fact.UNKNOWN
    return united


def _combine(case: Case, protocol: Protocol) -> None:
    spoken = {f"rule:{reason.rule}" for reason in case.reasons} | case.signals
    for combination in protocol.combinations:
        if all(name in spoken for name in combination.all_of) and (
            not combination.any_of or any(name in spoken for name in combination.any_of)
        ):
            case.reasons.append(plain(combination.rule, "narrative"))


def _judge_place(case: Case, evidence: Evidence, protocol: Protocol) -> None:
    if evidence.place.status is PlaceStatus.UNKNOWN:
        case.reasons.append(plain(protocol.rules["location_unknown"], "location"))
    elif evidence.place.status is PlaceStatus.OUTSIDE:
        case.reasons.append(plain(protocol.rules["outside_service_area"], "location"))


def _contradictions(case: Case, evidence: Evidence, protocol: Protocol) -> Iterator[Reason]:
    """Note each fact of the core four that one source denies and another asserts. The hazard stands by itself."""
    own = [statement for statement in evidence.statements if not statement.linked]
    asserted = {protocol.rules[r.rule].fact for r in case.reasons if r.effect is Effect.UNSAFE}
    for fact in CORE_FOUR:
        answered_no = any(statement.fact(fact) is Fact.NO for statement in own)
        if fact in asserted and (answered_no or fact in case.denied):
            yield plain(protocol.rules["contradiction"], "answers")
