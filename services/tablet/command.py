"""`commonground tablet`: one team's tablet in the terminal, or a simulated one that works by itself."""

import asyncio
from pathlib import Path

from services.replay.api import API
from services.replay.clock import SystemClock
from services.replay.crew import Crew
from services.replay.endpoints import Endpoints, EndpointsInvalidError
from services.replay.script import load_script
from services.replay.tablet import Tablet
from services.tablet.crew_desk import CrewDesk
from services.tablet.link import Link
from services.tablet.screen import TabletScreen

Position = tuple[float, float]


def team_of(endpoints: Endpoints, team: str | None, token: str | None) -> tuple[str, str]:
    """Return the team's id and its token. Without a team: the first that the endpoints file has a token for."""
    team_id = team or next(iter(endpoints.team_tokens), None)
    held = token or endpoints.team_tokens.get(team_id or "")
    if team_id is None or held is None:
        known = ", ".join(endpoints.team_tokens) or "none"
        raise EndpointsInvalidError(f"There is no token for this team; give --token. Teams with one: {known}")
    return team_id, held


def run_screen(endpoints: Endpoints, team_id: str, token: str, *, folder: Path, position: Position | None) -> None:
    """Show the tablet until the crew quits. Presses that were not sent are in `folder`, and are sent next time."""
    clock = SystemClock(endpoints.time_rate)
    api = API(endpoints.urls)
    link = Link(api, clock, team_id, token, file=folder / f"{team_id}.json")
    TabletScreen(link, CrewDesk(api, team_id, token, position), clock).run()


async def simulate(endpoints: Endpoints, team_id: str, token: str, *, script: str, position: Position) -> None:
    """Work as a simulated crew until cancelled: the replay's, alone."""
    api = API(endpoints.urls)
    crew = Crew(load_script(script).crews, 1, lambda incident_id: incident_id)
    try:
        await Tablet(api, SystemClock(endpoints.time_rate), team_id, token, position, team=team_id, crew=crew).run()
    finally:
        await api.close()


def run_simulated(endpoints: Endpoints, team_id: str, token: str, *, script: str, position: Position | None) -> None:
    """Run `simulate` until Ctrl-C, from the team's base unless a position is given."""

    async def work() -> None:
        await simulate(
            endpoints, team_id, token, script=script, position=position or await _base(endpoints, team_id, token)
        )

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        return


async def _base(endpoints: Endpoints, team_id: str, token: str) -> Position:
    api = API(endpoints.urls)
    try:
        answer = await api.insist("teams", "GET", f"/v1/teams/{team_id}", token=token)
    finally:
        await api.close()
    if not answer.ok:
        raise EndpointsInvalidError(f"The teams service does not know this team or its token: {answer.status}")
    return answer.body["base"]["lat_deg"], answer.body["base"]["lon_deg"]
