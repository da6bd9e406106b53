"""The shift script: in which shares the simulated people do what, and what goes wrong when. Read from YAML, with a seed."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from services.replay.draws import Share, Spread
from services.replay.yaml_file import Part, find, read

LIVE: Final = ("queued", "offered", "accepted", "en_route", "on_scene")
"""The statuses of a call on its way, in order; what a share is drawn for when a call first comes so far."""
Stage = Literal["queued", "accepted", "en_route", "on_scene"]


class CADScript(Part):
    """The call center: how fast its people are, and what news they get."""

    acknowledges_after: Spread
    duplicate: Share = 0.0
    """Calls reported a second time by another caller, in other words."""
    worse_news: dict[Stage, Share] = {}
    cancel: dict[Stage, Share] = {}
    news_after: Spread = Spread(median_s=60, p90_s=180)
    """How long after the call reached the stage."""
    police_staged: Share = 1.0
    """Co-response calls for which police come and stage."""
    police_staged_after: Spread = Spread(median_s=240, p90_s=600)
    reported_again: Share = 0.0
    """Calls returned for want of a team that are tried again as the next attempt."""


class CrewScript(Part):
    """The crews and their tablets."""

    answers_after: Spread
    decline: Share = 0.0
    ignore: Share = 0.0
    departs_after: Spread = Spread(median_s=60, p90_s=150)
    never_departs: Share = 0.0
    speed_kmh: Annotated[float, Field(gt=1)] = 30.0
    on_scene: Spread
    escalate: dict[Literal["en_route", "on_scene"], Share] = {}
    panic: Share = 0.0
    """Crews on scene that press the panic button and then escalate."""
    silent: dict[Literal["accepted", "en_route", "on_scene"], Share] = {}
    """Tablets that stop: no poll, no position, no answer, no check-in."""
    silent_for: Spread = Spread(median_s=2400, p90_s=3600)
    withdraws_after: Spread = Spread(median_s=60, p90_s=180)
    """From reading a recall to being away."""
    checks_in_every_s: Annotated[float, Field(gt=0)] = 420.0
    outcomes: dict[str, Share]


class ReviewScript(Part):
    """The reviewers. Only a call that the simulated caller's truth allows is ever sent to civilians."""

    count: Annotated[int, Field(ge=0, le=50)] = 2
    decides_after: Spread
    send_civilian: Share = 0.7
    """Of the calls whose truth allows it; every other is returned."""
    ignore: Share = 0.0
    """Calls that nobody decides."""


class SupervisorScript(Part):
    """The supervisor's own acts."""

    recall: dict[Stage, Share] = {}


class Phase(Part):
    """A stretch of the shift in which something is amiss."""

    what: Literal["no_reviewer", "off_duty", "few_teams", "nobody_answers"]
    starts_at: Share
    """As a share of the span of the calls."""
    lasts_min: Annotated[float, Field(gt=0)]
    at_most: Share = 0.12
    """As a share of the span: a short file is not all trouble."""
    teams_left: Annotated[int, Field(ge=0)] = 0
    """For `few_teams`: how many stay on duty."""
    disciplines: tuple[str, ...] = ()
    """For `off_duty`: teams that have one of these; empty means all."""

    def lasts(self, span: timedelta) -> timedelta:
        """Return how long it goes on when the calls take `span`."""
        return min(timedelta(minutes=self.lasts_min), span * self.at_most)


class PlanChange(Part):
    """A neighborhood's plan for the time of the replay; what was in force before is put back at the end."""

    neighborhood: str
    body: dict[str, Any] = {}
    closed_now: tuple[str, ...] = ()
    """Disciplines whose opening hours are set to a time of day that is long past when the replay starts."""


class Script(Part):
    """A whole shift script."""

    name: str
    says: str
    cad: CADScript
    crews: CrewScript
    reviewers: ReviewScript
    supervisor: SupervisorScript = SupervisorScript()
    phases: tuple[Phase, ...] = ()
    plans: tuple[PlanChange, ...] = ()

    @model_validator(mode="after")
    def _shares_add_up(self) -> "Script":
        if self.crews.decline + self.crews.ignore > 1 or abs(sum(self.crews.outcomes.values()) - 1) > 0.001:
            raise ValueError("crews: decline and ignore must stay within 1, and the outcomes must add up to 1")
        return self


def load_script(name: str) -> Script:
    """Return the script of that name, or in that file. Raises FileFaultError."""
    return read(find("scripts", name), Script)
