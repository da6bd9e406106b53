"""Where a running system is and who may speak to it: the file that `commonground up` writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("intake", "dispatch", "teams")
ROLES: Final = ("cad", "reviewer", "supervisor", "admin", "auditor")


class EndpointsInvalidError(Exception):
    """The endpoints file is missing or lacks something; the message says what."""


def nobody_there(what: str, where: str) -> str:
    """Return what to say when no system answers: a sentence, and how to have one."""
    return f"{what} does not answer at {where}. Start a system first: make run"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses, tokens and how many times faster than a wall clock the system's clock runs."""

    urls: Mapping[str, str]
    tokens: Mapping[str, str]
    """One token for each role but `team`."""
    team_tokens: Mapping[str, str]
    """By team id."""
    time_rate: float = 1.0

    @classmethod
    def read(cls, path: Path) -> "Endpoints":
        """Return what the file says. Raises EndpointsInvalidError, naming the file and the field."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise EndpointsInvalidError(f"{path} is not there. Start a system first: make run") from None
        except (OSError, ValueError) as error:
            raise EndpointsInvalidError(f"{path} cannot be read: {error}") from error
        try:
            return cls.of(document)
        except EndpointsInvalidError as error:
            raise EndpointsInvalidError(f"{path}: {error}") from error

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Endpoints":
        """Return the endpoints that `document` (the file's content) names."""
        tokens = document.get("tokens", {})
        for place, names in ((document, SERVICES), (tokens, ROLES)):
            for name in names:
                if not isinstance(place.get(name), str):
                    raise EndpointsInvalidError(f"`{name}` is missing")
        rate = document.get("time_rate", 1.0)
        if not isinstance(rate, int | float) or rate <= 0:
            raise EndpointsInvalidError("`time_rate` is not a number above 0")
        return cls(
            urls={name: document[name] for name in SERVICES},
            tokens={role: tokens[role] for role in ROLES},
            team_tokens=dict(tokens.get("team", {})),
            time_rate=float(rate),
        )
