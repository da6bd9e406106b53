"""The teams service on a real PostgreSQL, as the contract tests have it."""

from tests.contract.teams.conftest import api, app, intake

__all__ = ["api", "app", "intake"]
