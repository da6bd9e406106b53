"""Words of triage: what a CAD said about a call, and what we decide from it.

Values only. `decide.py` turns `Evidence` into a `Decision`; `api.md` fixes the words on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Fact(StrEnum):
    """A screening fact. Unknown is never no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    SAFE = "safe"  # a civilian team may go
    REVIEW = "review"  # a human decides first
    UNSAFE = "unsafe"

    @property
    def caution(self) -> int:
        """0 for safe, 1 for review, 2 for unsafe: more risk may only raise it."""
        return _CAUTION[self]


_CAUTION: Final = MappingProxyType({Verdict.SAFE: 0, Verdict.REVIEW: 1, Verdict.UNSAFE: 2})


class Disposition(StrEnum):
    CIVILIAN = "civilian"
    CIVILIAN_WITH_CO_RESPONSE = "civilian_with_co_response"
    REVIEW = "review"
    POLICE = "police"
    EMS_FIRE = "ems_fire"
    CRISIS_LINE = "crisis_line"


class Discipline(StrEnum):
    MEDIATOR = "mediator"
    INTERRUPTER = "interrupter"
    RESTORATIVE_JUSTICE = "restorative_justice"


class RecommendedResponse(StrEnum):
    """What the call center should send while, or because, no civilian team goes."""

    POLICE = "police"
    EMS_FIRE = "ems_fire"
    CRISIS_LINE = "crisis_line"


class Effect(StrEnum):
    """What one reason does to the decision; the most cautious one wins."""

    UNSAFE = "unsafe"  # a disqualifier: nobody can clear it
    RETURN = "return"  # not dangerous, but no civilian team may serve it: the call goes back at once
    REVIEW = "review"  # a human must look
    SAFE = "safe"  # part of the positive proof
    NOTE = "note"  # changes nothing; shown with the rest


CORE_FOUR: Final = ("weapons", "violence", "injuries", "threats")
"""The facts that must each be explicitly denied before a call can be safe."""

FACT_KEYS: Final = (
    *CORE_FOUR,
    "suspect_on_scene",
    "intoxication",
    "minors_at_risk",
    "suicidal",
    "fire_medical",
    "caller_safe",
    "consent",
    "mental_health_crisis",
    "dv_relation",
    "location_known",
)
"""Every key of `answers` whose value is a fact."""

Answer = Fact | str | int
"""A fact, or the value of `relationship`, `location_type` (text) or `parties` (a number)."""

_NO_ANSWERS: Final[Mapping[str, Answer]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing a CAD said: the report, an update, or the same of a linked call.

    Of a linked statement only `yes` answers, hazards and review reasons other than `missing_info`
    count: a `no` or an `unknown` is about the other call.
    """

    source: str
    """`report`, `update:3`, `review:2`, `linked:<event id>`."""
    narrative: str = ""
    call_type_code: str | None = None
    call_type_text: str = ""
    language: str | None = None
    """BCP 47, or None."""
    answers: Mapping[str, Answer] = field(default_factory=lambda: _NO_ANSWERS)
    extra_text: str = ""
    """Whatever came in unknown fields, read as text."""
    truncated: bool = False
    """Text was cut to the limit: somebody must read the rest."""
    linked: bool = False

    def fact(self, key: str) -> Fact:
        """Return the fact answered under `key`; anything but yes or no is unknown."""
        value = self.answers.get(key)
        return Fact(value) if value in ("yes", "no") else Fact.UNKNOWN


class PlaceStatus(StrEnum):
    KNOWN = "known"
    UNKNOWN = "unknown"
    OUTSIDE = "outside"  # known, and in no neighborhood that we serve


@dataclass(frozen=True, slots=True)
class Place:
    """Where the call is, as far as intake could resolve it."""

    status: PlaceStatus
    neighborhood: str | None = None
    """Slug of the neighborhood when known."""

    @classmethod
    def known(cls, neighborhood: str) -> "Place":
        return cls(PlaceStatus.KNOWN, neighborhood)

    @classmethod
    def unknown(cls) -> "Place":
        return cls(PlaceStatus.UNKNOWN)

    @classmethod
    def outside(cls) -> "Place":
        return cls(PlaceStatus.OUTSIDE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one call, in the order in which it was said."""

    statements: tuple[Statement, ...]
    place: Place
    ever_unsafe: bool = False
    """An earlier decision of this call (or of an earlier attempt) was unsafe."""
    ever_returned: bool = False
    """An earlier attempt was returned."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that spoke, and the words that made it speak."""

    rule: str
    """Our rule id, stable across protocol versions."""
    reason: str | None
    """The reason key (`weapon`, `missing_info`, ...), shared with statistics and clearances."""
    effect: Effect
    source: str
    """Where the words stand: `answers`, `narrative`, `call_type_code`, `call_type_text`, `extra_text`,
    `location`, `plan`, `history` or `system`; for other statements than the report prefixed by their
    source: `update:3.narrative`."""
    quote: str | None
    """The words as they were written, or None when no words carry the reason."""
    start: int | None
    """Offset of `quote` in that text, in characters."""
    end: int | None
    explanation: str


class AskNext(NamedTuple):
    """The one question whose answer would most likely settle the call."""

    fact: str
    en: str
    es: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What triage says about one call. Whoever stores it adds the time."""

    verdict: Verdict
    disposition: Disposition
    discipline: Discipline | None
    """The team that fits, or would fit after a clearance; None while the matter is unknown, and when unsafe."""
    priority: int
    """1 people are in it now, 2 now but calm, or over, 3 scheduled (restorative justice)."""
    recommended_response: RecommendedResponse | None
    """Filled whenever the verdict is not safe."""
    reasons: tuple[Reason, ...]
    """The deciding one first."""
    missing: tuple[str, ...]
    """Facts of the core four that nobody has answered or denied."""
    ask_next: AskNext | None
    protocol_version: str
    plan_version: int
    decided_by: str = "protocol"
    """`protocol`, or the person who cleared the call."""


class Cleared(NamedTuple):
    """One review reason that a reviewer has settled: the same rule, key and words, no others."""

    rule: str
    reason: str | None
    phrase: str | None


@dataclass(frozen=True, slots=True)
class Clearance:
    """What one reviewer has cleared. It never clears a hazard."""

    cleared: frozenset[Cleared]
    by: str = ""


# The public functions, in their modules (all pure, all total unless they say what they raise):
#
#   protocol_file.load_protocol(path) -> Protocol          the only one that reads a file; raises ProtocolInvalid
#   decide.decide(evidence, protocol, plan: PlanRules, clearances=()) -> Decision
#   decide.decide_safely(...same...) -> Decision           review / system_fault instead of an exception
#   decide.fault(protocol_version, plan_version) -> Decision
#   decide.disqualifiers(decision) -> tuple[Reason, ...]   a reviewer may send civilians only when this is empty
#   decide.clearable(decision) -> tuple[Reason, ...]       the review reasons that a reviewer may clear
#   decide.clearance_of(decision, by) -> Clearance         clears all of them
#   ..plan.Plan.rules_at(local_time) -> PlanRules          what `decide` needs of a public safety plan at that moment
