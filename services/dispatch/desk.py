"""What commands need beside their unit of work: the constants, the roster and where effects go."""

from dataclasses import dataclass

from services.dispatch.case import Case
from services.dispatch.domain.deadlines import Durations
from services.dispatch.domain.policy import Policy
from services.dispatch.effects import Effects
from services.dispatch.roster import Roster
from services.dispatch.routing import Router
from services.dispatch.step import Step


@dataclass(frozen=True, slots=True)
class Desk:
    """One replica's dispatch desk."""

    jurisdiction: str
    durations: Durations
    policy: Policy
    most_offers: int
    effects: Effects
    roster: Roster
    router: Router | None = None
    """Where drives come from; None: the estimate."""
    router_within_s: float = 1.0

    def step(self, case: Case, actor: str) -> Step:
        """Begin a step on a case."""
        return Step(case, actor, self.durations)
