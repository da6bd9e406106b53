"""The tablet's talk with the teams service: who the team is, how it stands, and what its crew says about itself."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from services.replay.api import API

_EVERY: Final = timedelta(seconds=15)


class CrewDesk:
    """One team as its tablet sees it. `follow` it as a task."""

    def __init__(self, api: API, team_id: str, token: str, position: tuple[float, float] | None = None) -> None:
        self._api = api
        self._team_id = team_id
        self._token = token
        self._position = position
        self._team: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The team's name."""
        return str(self._team.get("name", f"Team {self._team_id[:8]}"))

    @property
    def words(self) -> str:
        """How the team stands, in a few words."""
        duty = self._team.get("duty")
        if not duty:
            return "…"
        said = str(duty["status"]).replace("_", " ")
        until = f" until {datetime.fromisoformat(duty['until']).astimezone():%H:%M}" if duty.get("until") else ""
        why = ", ".join(
            reason.replace("_", " ") for reason in duty["reasons"] if reason not in {duty["status"], "held"}
        )
        return f"{said}{until}" + (f" ({why})" if why else "")

    @property
    def position(self) -> dict[str, float]:
        """Where the tablet is, as far as it knows."""
        return {} if self._position is None else {"lat_deg": self._position[0], "lon_deg": self._position[1]}

    async def follow(self) -> None:
        """Read how the team stands, and say where it is, every few seconds until cancelled."""
        while True:
            await self.read()
            if self._position is not None:
                fix = {**self.position, "at": datetime.now().astimezone().isoformat()}
                await self._ask("POST", "/positions", {"fixes": [fix]})
            await asyncio.sleep(_EVERY.total_seconds())

    async def read(self) -> None:
        """Read how the team stands."""
        answer = await self._ask("GET", "")
        if answer.ok:
            self._team = answer.body

    async def say(self, status: str, until: datetime | None = None) -> str | None:
        """Set the duty status; coming on duty, the whole roster is the crew. Return why not, or None."""
        body: dict[str, Any] = {"status": status, "until": until.isoformat() if until else None}
        if status == "available" and not self._team.get("duty", {}).get("crew"):
            body["crew"] = [member["id"] for member in self._team.get("members", ())]
        answer = await self._ask("PUT", "/duty", body)
        await self.read()
        if answer.ok:
            return None
        return str((answer.body or {}).get("detail", "No network: try again."))

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self._api.request(
            "teams", method, f"/v1/teams/{self._team_id}{path}", token=self._token, json=body
        )
