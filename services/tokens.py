"""The bearer tokens of one installation, one for each role, all made from the key that its services check."""

from dataclasses import dataclass
from uuid import UUID

from shared.auth import ANY_CAD, Caller, Role, issue


@dataclass(frozen=True)
class Tokens:
    """Makes tokens that do not expire, for the trial installation, its proof and tests."""

    token_secret: str

    def role(self, role: Role, name: str) -> str:
        """Return a token of a role that is bound to nothing."""
        return issue(self.token_secret, Caller(role, name))

    @property
    def cad(self) -> str:
        """A CAD's token that may report for any `cad_system`."""
        return issue(self.token_secret, Caller(Role.CAD, "trial-cad", cad_systems=frozenset({ANY_CAD})))

    @property
    def reviewer(self) -> str:
        """A reviewer's token."""
        return self.role(Role.REVIEWER, "trial-reviewer")

    @property
    def supervisor(self) -> str:
        """A supervisor's token, bound to no provider."""
        return self.role(Role.SUPERVISOR, "trial-supervisor")

    @property
    def admin(self) -> str:
        """An administrator's token."""
        return self.role(Role.ADMIN, "trial-admin")

    @property
    def auditor(self) -> str:
        """An auditor's token: reads, never writes."""
        return self.role(Role.AUDITOR, "trial-auditor")

    @property
    def service(self) -> str:
        """A token as the services use it among themselves."""
        return self.role(Role.SERVICE, "trial-service")

    def team(self, team_id: UUID | str) -> str:
        """Return the token of one team's tablet."""
        team = UUID(str(team_id))
        return issue(self.token_secret, Caller(Role.TEAM, f"tablet-{team}", team_id=team))

    def cad_for(self, *cad_systems: str) -> str:
        """Return a CAD's token bound to these `cad_system`s."""
        return issue(self.token_secret, Caller(Role.CAD, "-".join(cad_systems), cad_systems=frozenset(cad_systems)))
