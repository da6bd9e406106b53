"""What every route of the teams service needs: its scope, its database, and the names of paths and roles."""

from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Path, Request

from services.teams.commands.catchments import Neighborhoods
from services.teams.scope import Scope
from services.teams.settings import Settings
from shared.auth import Caller
from shared.db import Database, Unit

TeamIdPath = Annotated[UUID, Path(description="The team's id.", examples=["019a8f2e-5b1c-7c5a-9a53-0d7f6e0a1b2c"])]
ProviderIdPath = Annotated[
    UUID, Path(description="The provider's id.", examples=["019a8f2e-4a00-7c5a-9a53-0d7f6e0a1b2c"])
]
AssignmentIdPath = Annotated[
    UUID, Path(description="The assignment's id at dispatch.", examples=["019a8f30-77aa-7c5a-9a53-0d7f6e0a1b2c"])
]
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing changed in time"}}


def scope_of(request: Request, caller: Caller) -> Scope:
    """Return what limits this request."""
    return Scope(settings(request).jurisdiction, caller, request.app.state.hub.wake)


def settings(request: Request) -> Settings:
    """Return the settings of this process."""
    found: Settings = request.app.state.settings
    return found


def neighborhoods(request: Request) -> Neighborhoods:
    """Return what this process knows of intake's map."""
    found: Neighborhoods = request.app.state.neighborhoods
    return found


def together(request: Request) -> AbstractAsyncContextManager[Unit]:
    """Return a unit in one transaction: for commands that lock before they decide."""
    db: Database = request.app.state.db
    return db.transaction()


def single(request: Request) -> AbstractAsyncContextManager[Unit]:
    """Return a unit whose statements commit one by one: for reads, and for commands that write in one statement."""
    db: Database = request.app.state.db
    return db.autocommit()
