"""Public safety plans and their drafts."""

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field

from services.intake.domain.plan_draft import DraftAction, DraftStatus
from shared.edge import Answer, Strict, Time

PLAN_EXAMPLE: Final[dict[str, Any]] = {
    "disciplines": {"mediator": ["mediator", "interrupter"], "interrupter": ["interrupter"],
                    "restorative_justice": ["restorative_justice"]},
    "hours": {"restorative_justice": [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "18:00"}]},
    "exclude": {"call_types": ["242"], "relationships": [], "reasons": []},
    "review": {"call_types": [], "relationships": ["landlord_tenant"], "reasons": []},
    "languages": {"required": [], "preferred": ["es"]},
    "assign_within_min": {"1": 20, "2": 60, "3": 1440},
    "notes": ["Meet at the community center on 1st Street."],
    "catchment": ["boyle-heights"],
    "authors": ["Residents' circle"],
    "review_by": "2027-11-01",
}  # fmt: skip
ThePlan = Annotated[
    dict[str, Any],
    Field(description="The plan's body: `docs/plan.schema.json`. What it leaves out is as without a plan."),
]
NewestSeen = Annotated[int | None, Field(ge=0, le=2**31 - 1, description="The newest version that you have seen.")]
Approver = Annotated[str, Field(min_length=1, max_length=300)]
Effective = Annotated[Time | None, Field(description="Now or later; absent: now.")]
DraftVersion = Annotated[int, Field(ge=1, le=2**31 - 1)]


class PlanRequest(Strict):
    """The next version of a plan, adopted. What `plan` leaves out is as without a plan: every discipline, round the clock."""

    model_config = Strict.model_config | {
        "json_schema_extra": {"examples": [{"plan": PLAN_EXAMPLE, "approved_by": "Neighborhood council, 2026-11-10"}]}
    }

    plan: ThePlan
    approved_by: Annotated[Approver, Field(description="Who adopted it; not the only one who wrote it.")]
    effective_from: Effective = None
    version: NewestSeen = None


class PlanAnswer(Answer):
    """One version of a neighborhood's plan. Version 0: it has written none, and this is the city's default plan."""

    slug: str
    version: int
    status: Annotated[
        Literal["default", "adopted", "superseded"],
        Field(description="`adopted`: in force, or its time is yet to come. `superseded`: a later one is in force."),
    ]
    plan: dict[str, Any]
    effective_from: Time | None
    approved_by: str | None
    entered_by: str | None
    default_version: Annotated[
        int | None, Field(description="With version 0: which version of the city's default plan.")
    ] = None
    entered_at: Annotated[Time | None, Field(description="When it was published.")]
    draft_id: Annotated[UUID | None, Field(description="The draft that it comes from.")] = None
    review_by: date | None = None
    review_overdue: Annotated[bool, Field(description="It was to be looked at again by now. It stays in force.")] = (
        False
    )


class PlanPage(Answer):
    """The versions of a plan, the newest first."""

    items: list[PlanAnswer]
    next: str | None = None


class PlanChange(Answer):
    """One difference: where, and what stood and stands there; null: nothing."""

    pointer: str
    before: Any = None
    after: Any = None


class PlanDiff(Answer):
    """What differs between two versions of a plan."""

    slug: str
    from_version: int
    to_version: int
    changes: list[PlanChange]


class DraftRequest(Strict):
    """A plan that is being written."""

    model_config = Strict.model_config | {"json_schema_extra": {"examples": [{"plan": PLAN_EXAMPLE}]}}

    plan: ThePlan


class DraftRewrite(Strict):
    """A draft's new body; `version` is the draft's."""

    model_config = Strict.model_config | {"json_schema_extra": {"examples": [{"plan": PLAN_EXAMPLE, "version": 1}]}}

    plan: ThePlan
    version: DraftVersion


class DraftActionRequest(Strict):
    """Propose, reopen or withdraw a draft, or adopt a proposed one: then it is the next version of the plan."""

    model_config = Strict.model_config | {
        "json_schema_extra": {
            "examples": [
                {"action": "propose", "version": 1},
                {"action": "adopt", "version": 2, "approved_by": "Neighborhood council, 2026-11-10"},
            ]
        }
    }

    action: DraftAction
    version: DraftVersion
    approved_by: Approver | None = None
    effective_from: Effective = None


class DraftAnswer(Answer):
    """A draft as it is now."""

    id: UUID
    slug: str
    status: DraftStatus
    version: int
    plan: dict[str, Any]
    based_on: Annotated[int, Field(description="The newest version of the plan when this was last written.")]
    authors: list[str]
    plan_version: Annotated[int | None, Field(description="The version of the plan that it became.")]
    created_at: Time
    changed_at: Time


class DraftPage(Answer):
    """Drafts, the newest first."""

    items: list[DraftAnswer]
    next: str | None = None
