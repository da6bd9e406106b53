"""All that the teams service reads from its environment."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, PostgresDsn
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.auth import TokenSecret


class Settings(BaseSettings):
    """Settings of one replica (prefix TEAMS_)."""

    model_config = SettingsConfigDict(env_prefix="TEAMS_", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8003
    database_dsn: PostgresDsn
    """postgresql://login:password@host:port/database, the login role's."""
    token_secret: TokenSecret
    """The key that signs bearer tokens; the same for all three services."""
    intake_url: str = "http://127.0.0.1:8001"
    """One address, or several: asked which neighborhoods there are when a team is to serve new ones. Nothing else waits for it."""
    jurisdiction: Annotated[str, Field(min_length=1, max_length=80)] = "los-angeles"
    time_rate: Annotated[float, Field(gt=0)] = 1.0
    """How many times faster than real the database's clock runs (tests, fast replays); periods of sweeps are divided by it."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    pool_size: Annotated[int, Field(ge=1, le=100)] = 10
    positions_kept_for: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(hours=24)
    """How long the coarse trace of a team is kept (docs/operations.md, privacy). Env: ISO 8601, PT24H."""
