"""Which PostgreSQL server each service uses, as the environment says, and by what name it logs in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.engine import URL, make_url

from services.credentials import derive

SERVICES: Final = ("intake", "dispatch", "teams")


def login_role(service: str) -> str:
    """Return the role that the service itself logs in as."""
    return f"commonground_{service}"


def owner_role(service: str) -> str:
    """Return the role that owns the service's schema and never logs in: only `migrate` takes it on."""
    return f"commonground_{service}_owner"


@dataclass(frozen=True)
class Server:
    """Where one service's schema lives."""

    service: str
    migrating: URL
    """Who migrates: a user who may create roles and schemas, or else simply the one user there is."""
    login: URL | None = None
    """Who the service logs in as where the operator says so himself; else its login role with a derived password."""
    login_password: str | None = None
    """The login role's password where the operator chose one himself; else it is derived."""

    def password(self, secret: str) -> str:
        """Return the login role's password."""
        return self.login_password or derive(secret, login_role(self.service))

    def login_dsn(self, secret: str, *, with_roles: bool) -> str:
        """Return the DSN for the service's settings; without roles of our own, that of the migrating user."""
        if self.login is not None:
            return as_text(self.login)
        if not with_roles:
            return as_text(self.migrating)
        return as_text(self.migrating.set(username=login_role(self.service), password=self.password(secret)))


def as_text(url: URL) -> str:
    """Return the DSN with its password, in the form that asyncpg and the services read."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def servers(environment: Mapping[str, str]) -> dict[str, Server]:
    """Return each service's server as the environment names it; empty when it names none.

    `INTAKE_DATABASE_URL`, else `DATABASE_URL`, else `INTAKE_DATABASE_DSN` says who migrates; `INTAKE_DATABASE_DSN`
    beside one of the others says what the service itself logs in with. Raises ValueError when only some are named.
    """
    found: dict[str, Server] = {}
    for service in SERVICES:
        prefix = f"{service.upper()}_DATABASE"
        migrating = environment.get(f"{prefix}_URL") or environment.get("DATABASE_URL")
        login = environment.get(f"{prefix}_DSN")
        if not (migrating or login):
            continue
        server = Server(service, _url(migrating or login or "", prefix), None, environment.get(f"{prefix}_PASSWORD"))
        found[service] = replace(server, login=_url(login, prefix)) if migrating and login else server
    if found and (missing := [service for service in SERVICES if service not in found]):
        names = ", ".join(f"{service.upper()}_DATABASE_URL" for service in missing)
        raise ValueError(f"A database is named for some services only. Set {names}, or DATABASE_URL for all.")
    return found


def one_server(dsn: str) -> dict[str, Server]:
    """Return one server for all three services."""
    return {service: Server(service, make_url(dsn)) for service in SERVICES}


def _url(text: str, name: str) -> URL:
    url = make_url(text)
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(f"{name} must be a postgresql:// URL, not {url.drivername}://")
    if not url.database:
        raise ValueError(f"{name} must name a database: postgresql://user:password@host:5432/commonground")
    return url.set(drivername="postgresql")
