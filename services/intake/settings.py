"""All that the intake service reads from its environment (prefix INTAKE_)."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth import TokenSecret

CODE_VERSION: Final = "0.1.0"
"""The version of this code, kept with every decision that it makes."""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone, as America/Los_Angeles is one.") from error
    return name


class Settings(BaseSettings):
    """Operational knobs; what is safe is policy and stands in the protocol and the plans, not here."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8001
    database_dsn: PostgresDsn
    token_secret: TokenSecret
    jurisdiction: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")] = "los-angeles"
    dispatch_url: str = "http://127.0.0.1:8002"
    """One address, or several separated by commas (replicas)."""
    teams_url: str = "http://127.0.0.1:8003"
    """One address, or several: asked whether the providers that a plan names exist. No call waits for it."""
    time_rate: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """How many times faster than real time the database's clock runs; periods of loops are divided by it."""
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    timezone: Annotated[str, AfterValidator(_known_zone)] = "America/Los_Angeles"
    """The wall clock by which the plans' opening hours are meant."""
    protocols_folder: Path | None = None
    """A folder with a city's own protocol files, in place of those that come with this code; watched for new ones."""
    shadow_protocol: str | None = None
    """A version of the protocol to try on live calls beside the one in force, without effect: it must be registered."""
    default_plan: Path | None = None
    """A city's own default plan, in place of the one that comes with this code (docs/plans.md); read at the start."""
    pool_size: Annotated[int, Field(ge=2, le=100)] = 10
    public_plans: bool = True
    """Whether a browser is shown a plan's page without a token; contacts, notes for crews and places never to go to are left out."""
    review_within: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=60)
    """How long a reviewer has before a call goes back (or a team is withdrawn)."""
    reviewer_silent_after: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=60)
    """Without a reading of the queue for so long there is no reviewer, and calls for one go back at once."""
    acknowledge_within: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=30)
    """How long the CAD has to say that a return or a notice has reached a person, before each alert."""
    hand_back_within: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=120)
    dispatch_grace: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=30)
    """What intake adds to dispatch's deadline before it acts itself; also dispatch's time for a first report."""
    dispatch_silent_after: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=60)
    """Without an answer to a heartbeat for so long, calls that no team has accepted go back."""
    withdrawal_within: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=5)
    """A withdrawal that is not confirmed by then is an alert and a notice to the CAD."""
    resend_within: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(hours=48)
    """How old a wish may be that is sent again after dispatch's database was restored."""
