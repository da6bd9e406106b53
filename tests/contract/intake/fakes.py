"""A dispatch and a teams that answer what a test has told them to; dispatch remembers what it heard."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.intake.peers import DispatchRefused, IncidentUnknown, WishesMissing
from services.intake.store.wishes import WishToSend
from services.starter_city.roster import teams
from shared.messages.incidents import Heartbeat, HeartbeatAnswer, Progress, WishAnswer
from shared.peer import PeerSilentError


class FakeDispatch:
    """Keeps incidents as dispatch would: only a higher `seq` changes anything."""

    def __init__(self) -> None:
        self.silent = False
        self.refuses: Callable[[WishToSend], int | None] = lambda _: None
        """The status with which a wish is refused."""
        self.tries = 0
        self.wishes: list[WishToSend] = []
        self.beats: list[Heartbeat] = []
        self.views: dict[UUID, Progress] = {}
        self.applied = 0
        self.beat_answer: HeartbeatAnswer | WishesMissing | None = None

    def _listen(self) -> None:
        if self.silent:
            raise PeerSilentError("told to be silent")

    async def put_wish(self, wish: WishToSend) -> WishAnswer | WishesMissing:
        self.tries += 1
        self._listen()
        if (status := self.refuses(wish)) is not None:
            raise DispatchRefused(f"{status} to a wish", status)
        if wish.applied > self.applied:
            return WishesMissing(HeartbeatAnswer(as_of=datetime.now(UTC), applied=self.applied))
        self.wishes.append(wish)
        self.applied += 1
        if wish.call_id not in self.views:
            self.views[wish.call_id] = view(1)
        return WishAnswer(**self.views[wish.call_id].model_dump(), applied=self.applied)

    async def get_incident(self, call_id: UUID, *, timeout_s: float) -> Progress:
        del timeout_s
        self._listen()
        if call_id not in self.views:
            raise IncidentUnknown
        return self.views[call_id]

    async def beat(self, heartbeat: Heartbeat) -> HeartbeatAnswer | WishesMissing:
        self._listen()
        self.beats.append(heartbeat)
        return self.beat_answer or HeartbeatAnswer(as_of=datetime.now(UTC), applied=self.applied)

    async def ready(self) -> bool:
        return not self.silent

    async def close(self) -> None:
        pass


class FakeTeams:
    """Has the starter city's providers."""

    def __init__(self) -> None:
        self.silent = False
        self.asked = 0
        self.known = {team.provider.name for team in teams()} | {"Eastside Mediation"}

    async def providers(self) -> frozenset[str]:
        self.asked += 1
        if self.silent:
            raise PeerSilentError("told to be silent")
        return frozenset(self.known)

    async def close(self) -> None:
        pass


def view(version: int, status: str = "waiting", *, act_in_s: float | None = 60, **more: Any) -> Progress:
    """Return a view of an incident."""
    now = datetime.now(UTC)
    act_by = now + timedelta(seconds=act_in_s) if act_in_s is not None else None
    return Progress.model_validate({"version": version, "at": now, "status": status, "act_by": act_by, **more})


def assigned(status: str, **more: Any) -> dict[str, Any]:
    """Return an assignment in that status."""
    return {
        "id": "0193576e-0000-7000-8000-00000000000a",
        "team_id": "0193576e-0000-7000-8000-00000000000b",
        "team_name": "Eastside Mediators",
        "status": status,
        **more,
    }
