"""What routers take from the application's state."""

from typing import Annotated

from fastapi import Depends, Request

from services.dispatch.desk import Desk
from services.dispatch.peers import Teams
from services.dispatch.rounds import Matchmaker
from shared.db import Database
from shared.wake import Hub


def _db(request: Request) -> Database:
    db: Database = request.app.state.db
    return db


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


def _teams(request: Request) -> Teams:
    teams: Teams = request.app.state.teams
    return teams


def _matchmaker(request: Request) -> Matchmaker:
    matchmaker: Matchmaker = request.app.state.matchmaker
    return matchmaker


Db = Annotated[Database, Depends(_db)]
TheDesk = Annotated[Desk, Depends(_desk)]
TheHub = Annotated[Hub, Depends(_hub)]
TheTeams = Annotated[Teams, Depends(_teams)]
TheMatchmaker = Annotated[Matchmaker, Depends(_matchmaker)]
