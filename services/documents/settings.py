"""docs/settings.md: every environment variable that a service reads, with its default and what it does."""

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.documents.rules import in_words
from services.documents.words import NoWordsError, docstrings, table
from services.documents.words import page as whole_page
from services.servers import SERVICES

WORDS: Final[Mapping[str, str]] = {
    "host": "Address to listen on. Behind a proxy or in a container: `0.0.0.0`.",
    "port": "Port to listen on.",
    "database_dsn": "Where the service's schema is, as its login role: `postgresql://login:password@host:port/database`.",
    "token_secret": "The key that signs bearer tokens, the same for all three services. 32 random characters or more, or it is refused.",
    "jurisdiction": "Leads every row; one deployment serves one.",
    "dispatch_url": "Where dispatch is: one address, or several separated by commas (replicas).",
    "intake_url": "Where intake is: one address, or several separated by commas (replicas).",
    "teams_url": "Where teams is: one address, or several separated by commas (replicas).",
    "time_rate": "How fast the database's clock runs. 1, except in replays and tests.",
    "log_level": "`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    "pool_size": "Connections in each of the process's two pools; each may grow to twice as many for a moment.",
    "hand_back_within": "How long a CAD may rely on an answer about a call (`hand_back_by`) before a team has accepted.",
    "respond_within": "How long a team has to answer an offer (D-11).",
    "depart_within": "How long a crew that accepted has to leave before it is reminded and a supervisor hears of it (D-12).",
    "depart_grace": "How much longer until the work is taken back (D-12).",
    "arrive_at_least": "The least time that a crew under way has before anybody worries; twice the estimated drive if that is more (D-15).",
    "arrive_grace": "How much longer until the call is returned (D-15).",
    "check_in_within": "How often a crew on scene says that it is all right (D-16).",
    "check_in_grace": "How much longer until the call center is asked to check on the team (D-16).",
    "read_within": "How long a crew has to read a recall (D-17).",
    "read_grace": "How much longer until the call center is asked to check on the team (D-17).",
    "waiting_alert_2": "The same at priority 2.",
}
"""What the docstring under the field does not say, or does not say to an operator."""


def settings_of(service: str) -> type[BaseSettings]:
    """Return the Settings class of a service."""
    kind: type[BaseSettings] = import_module(f"services.{service}.settings").Settings
    return kind


def variables(service: str) -> list[tuple[str, str, str]]:
    """Return each variable of a service with its default and its meaning. Raises NoWordsError for one without words."""
    kind = settings_of(service)
    said = {**docstrings(kind), **{name: words for name, words in WORDS.items() if name in kind.model_fields}}
    if missing := [name for name in kind.model_fields if name not in said]:
        raise NoWordsError(f"services.{service}.settings does not say what these do: {', '.join(missing)}")
    prefix = str(kind.model_config["env_prefix"])
    return [(f"{prefix}{name.upper()}", default(field), said[name]) for name, field in kind.model_fields.items()]


def default(field: FieldInfo) -> str:
    """Return a field's default as a person would write it in the environment."""
    if field.is_required():
        return "**required**"
    value: Any = field.default
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return f"{in_words(value)} (`PT{int(value.total_seconds())}S`)"
    return f"`{value.get_secret_value() if isinstance(value, SecretStr) else value}`"


def page() -> str:
    """Return the page."""
    blocks = [INTRODUCTION]
    for service in SERVICES:
        rows = [(f"`{name}`", value, words) for name, value, words in variables(service)]
        blocks += [f"## {service}", table(("variable", "default", "meaning"), rows)]
    return whole_page("Settings", "`services/*/settings.py`", *blocks)


INTRODUCTION: Final = """
A service reads its environment once, when it starts, and refuses to start with a value that it cannot use: exit code 2, and a line for
each variable at fault. Durations are written in ISO 8601 (`PT90S`, `PT10M`) or as a number of seconds. Only what an operator may turn
is here: what counts as safe is policy and stands in the [protocol](protocol.md) and in each neighborhood's plan. What `make run` and
the `commonground` command read is in [operations.md](operations.md).
"""
