"""Who is calling: a bearer token (JWT, HS256) that names a role and what the role is bound to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, SecretStr

from shared.errors import NotAllowed, Unauthenticated

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "commonground"
ANY_CAD: Final = "*"
"""A `cad` token bound to this may report for every `cad_system`."""
SHORTEST_SECRET: Final = 32
"""Characters of the key; a shorter one can be guessed from any token that it signs."""


def checked_secret(secret: str) -> str:
    """Return the key that signs tokens if it is long enough. Raises ValueError with a sentence that does not repeat it."""
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(
            f"It must have at least {SHORTEST_SECRET} characters; this has {len(secret)}. Make one with: openssl rand -hex 32"
        )
    return secret


def _checked(secret: SecretStr) -> SecretStr:
    checked_secret(secret.get_secret_value())
    return secret


TokenSecret = Annotated[SecretStr, AfterValidator(_checked)]
"""The key that signs bearer tokens, as a setting of each service."""

bearer: Final = HTTPBearer(auto_error=False, description="A token made by `commonground token`.")


class Role(StrEnum):
    """Who may do what; the tables of the API documentation name these."""

    CAD = "cad"
    TEAM = "team"
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"
    AUDITOR = "auditor"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who calls, as the token says; `name` is what history records."""

    role: Role
    name: str
    cad_systems: frozenset[str] = frozenset()
    team_id: UUID | None = None
    provider_id: UUID | None = None

    def speaks_for(self, cad_system: str) -> bool:
        """Say whether this caller may report and see calls of `cad_system`; every role but `cad` sees all."""
        return self.role is not Role.CAD or ANY_CAD in self.cad_systems or cad_system in self.cad_systems

    def is_team(self, team_id: UUID) -> bool:
        """Say whether this caller may act as or for the team: the team itself, or any role but `team`."""
        return self.role is not Role.TEAM or self.team_id == team_id

    @property
    def actor(self) -> str:
        """Return how history names this caller: role and name."""
        return f"{self.role.value}:{self.name}"


def issue(secret: str, caller: Caller, *, valid_for: timedelta | None = None) -> str:
    """Return a signed token for `caller`; without `valid_for` it does not expire."""
    claims: dict[str, Any] = {"iss": _ISSUER, "sub": caller.name, "role": caller.role.value}
    if caller.cad_systems:
        claims["cad_systems"] = sorted(caller.cad_systems)
    if caller.team_id:
        claims["team_id"] = str(caller.team_id)
    if caller.provider_id:
        claims["provider_id"] = str(caller.provider_id)
    if valid_for:
        claims["exp"] = datetime.now(UTC) + valid_for
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def _cad_systems(claim: Any) -> frozenset[str]:
    if not isinstance(claim, list):
        raise TypeError  # a string would be read letter by letter, and "*" is a letter
    return frozenset(str(system) for system in claim)


def verify(secret: str, token: str) -> Caller:
    """Return the caller that `token` names. Raises Unauthenticated when it does not verify or lacks what its role needs."""
    try:
        claims = jwt.decode(
            token, secret, algorithms=[_ALGORITHM], issuer=_ISSUER, options={"require": ["sub", "role"]}
        )
        caller = Caller(
            role=Role(claims["role"]),
            name=str(claims["sub"])[:200],
            cad_systems=_cad_systems(claims.get("cad_systems", [])),
            team_id=UUID(claims["team_id"]) if claims.get("team_id") else None,
            provider_id=UUID(claims["provider_id"]) if claims.get("provider_id") else None,
        )
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("The bearer token is not valid here.") from error
    if caller.role is Role.TEAM and caller.team_id is None:
        raise Unauthenticated("A team token names its team; this one does not.")
    if caller.role is Role.CAD and not caller.cad_systems:
        raise Unauthenticated("A cad token names its cad_systems; this one does not.")
    return caller


def allow(*roles: Role) -> Any:
    """Return a FastAPI dependency: the caller, if it has one of `roles`; else 401 or 403."""

    async def caller_of(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> Caller:
        if credentials is None:
            raise Unauthenticated("Send `Authorization: Bearer <token>`.")
        caller = verify(request.app.state.token_secret, credentials.credentials)
        if caller.role not in roles:
            wanted = ", ".join(role.value for role in roles)
            raise NotAllowed(f"This needs one of the roles {wanted}; the token has {caller.role.value}.")
        request.state.caller = caller  # idempotency keys belong to the caller
        return caller

    # OpenAPI 3.1 lets a scheme other than OAuth name the roles that it needs; `edge` says them in the description too.
    return Security(caller_of, scopes=[role.value for role in roles])
