"""All that the dispatch service reads from its environment."""

from datetime import timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PostgresDsn, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.dispatch.domain.deadlines import Durations
from services.dispatch.domain.policy import LARGEST_EQUITY, OnScene, Policy
from shared.auth import TokenSecret

Wait = Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=2))]
DEFAULTS = Durations()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone, as America/Los_Angeles is one.") from error
    return name


class Settings(BaseSettings):
    """Environment with the prefix DISPATCH_. Durations are ISO 8601 (PT90S) or seconds, in the time of our clock."""

    model_config = SettingsConfigDict(env_prefix="DISPATCH_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8002
    database_dsn: PostgresDsn
    """As the login role `commonground_dispatch`: postgresql://login:password@host:port/database."""
    token_secret: TokenSecret
    """The key that signs bearer tokens; the same in all three services."""
    intake_url: str = "http://127.0.0.1:8001"
    """One address, or several separated by commas (replicas)."""
    teams_url: str = "http://127.0.0.1:8003"
    jurisdiction: Annotated[str, Field(min_length=1, max_length=80)] = "los-angeles"
    time_rate: Annotated[float, Field(gt=0, le=3600)] = 1.0
    """How fast the database's clock runs; periods of sweeps are divided by it. 1 but in replays."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    pool_size: Annotated[int, Field(ge=2, le=100)] = 10

    most_offers: Annotated[int, Field(ge=1, le=50)] = 4
    """A call that so many teams declined or did not answer is returned: `no_team_accepted`."""
    hold_within: Wait = DEFAULTS.hold
    """A team that could not be held and offered to by then is let go."""
    respond_within: Wait = DEFAULTS.respond
    respond_scheduled_within: Wait = DEFAULTS.respond_scheduled
    """For restorative justice."""
    depart_within: Wait = DEFAULTS.depart
    depart_grace: Wait = DEFAULTS.depart_grace
    depart_longest: Wait = DEFAULTS.depart_longest
    """The latest `depart_by` that a crew may name at acceptance."""
    staged_within: Wait = DEFAULTS.staged
    """Police staged, or a review after acceptance finished."""
    arrive_at_least: Wait = DEFAULTS.arrive_at_least
    arrive_grace: Wait = DEFAULTS.arrive_grace
    check_in_within: Wait = DEFAULTS.check_in
    check_in_grace: Wait = DEFAULTS.check_in_grace
    read_within: Wait = DEFAULTS.read
    read_grace: Wait = DEFAULTS.read_grace
    silent_after: Wait = timedelta(seconds=180)
    """A team whose tablet has not polled for so long is offered no work. Never under 70 s of real time: a poll may wait for 55."""
    waiting_alert_1: Wait = DEFAULTS.waiting_alert[1]
    """A supervisor hears of a priority-1 call that has waited so long."""
    waiting_alert_2: Wait = DEFAULTS.waiting_alert[2]
    stay_mediator: Wait = Policy().stay("mediator").mean
    """How long mediators are expected to stay with people: for the look-ahead, and against shifts that end too soon."""
    stay_interrupter: Wait = Policy().stay("interrupter").mean
    """The same for conflict interrupters."""
    stay_restorative_justice: Wait = Policy().stay("restorative_justice").mean
    """The same for restorative-justice teams."""
    travel_factor: Annotated[float, Field(gt=0.1, lt=10)] = 1.0
    """Actual over estimated drives (the median of your own trips): what the estimate is multiplied by."""
    timezone: Annotated[str, AfterValidator(_zone)] = Policy().timezone
    """Whose hours the speeds of the estimate are for."""
    equity_weights: dict[str, Annotated[float, Field(ge=1, le=LARGEST_EQUITY)]] = {}
    """JSON, neighborhood to weight (1 to 1.5): how much more a minute counts where people wait longer than the city. Publish it."""
    divert: bool = True
    """Whether a team that drives to a call of priority 2 or 3 may be taken off it for one of priority 1 that nobody else reaches soon."""
    router: Literal["none", "osrm", "valhalla"] = "none"
    """A routing server to ask for drives; without one, or when it fails, they are estimated."""
    router_url: str = ""
    """Where that server is: your own, for it learns where calls are (to about 10 m)."""
    router_within: Wait = timedelta(seconds=1)
    """How long a round waits for it."""

    @model_validator(mode="after")
    def _router_has_an_address(self) -> Self:
        if self.router != "none" and not self.router_url.startswith(("http://", "https://")):
            raise ValueError("DISPATCH_ROUTER needs DISPATCH_ROUTER_URL, an http address.")
        return self

    @property
    def durations(self) -> Durations:
        """Return the deadlines as the domain reads them."""
        return Durations(
            hold=max(
                self.hold_within, timedelta(seconds=2 * self.time_rate)
            ),  # it covers HTTP, which runs in real time
            respond=self.respond_within,
            respond_scheduled=self.respond_scheduled_within,
            depart=self.depart_within,
            depart_grace=self.depart_grace,
            depart_longest=self.depart_longest,
            staged=self.staged_within,
            arrive_at_least=self.arrive_at_least,
            arrive_grace=self.arrive_grace,
            check_in=self.check_in_within,
            check_in_grace=self.check_in_grace,
            read=self.read_within,
            read_grace=self.read_grace,
            waiting_alert={1: self.waiting_alert_1, 2: self.waiting_alert_2},
        )

    @property
    def policy(self) -> Policy:
        """Return the constants of matching."""
        stays = {
            "mediator": OnScene(self.stay_mediator),
            "interrupter": OnScene(self.stay_interrupter),
            "restorative_justice": OnScene(self.stay_restorative_justice),
        }
        return Policy(
            on_scene=stays,
            travel_factor=self.travel_factor,
            timezone=self.timezone,
            equity=self.equity_weights,
            divert_saves=Policy().divert_saves if self.divert else None,
        )

    @property
    def silent_after_s(self) -> float:
        """Return how long a tablet may be unheard, in real seconds: polls run in real time however fast the clock is."""
        return max(self.silent_after.total_seconds() / self.time_rate, 70.0)

    def period_s(self, seconds: float) -> float:
        """Return the real period of a loop that should run every `seconds` of our clock, 20 ms at least."""
        return max(seconds / self.time_rate, 0.02)
