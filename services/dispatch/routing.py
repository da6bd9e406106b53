"""Travel times from a routing server: OSRM or Valhalla. Anything but a whole answer in time means: the estimate, and the record says so.

Coordinates are rounded to about 10 m before they leave; the server should be your own, never a public one.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import httpx2
import numpy as np
from prometheus_client import Counter

from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Place, Team, Waiting
from services.dispatch.domain.travel import Numbers, TravelTimes, start_of

ASKED: Final = Counter("dispatch_routing_total", "What the routing server said", ["result"])
MOST_PLACES: Final = 50
"""Places of each kind in one request; OSRM's default limit is 100 altogether."""
ARRIVE_WITHIN: Final = timedelta(minutes=20)
_DIGITS: Final = 4


class RouteFailedError(Exception):
    """The server gave no usable answer; the message says why, for the record of the decision."""


class Router(Protocol):
    """Something that knows how long drives take."""

    name: str

    async def matrix(
        self, sources: Sequence[Place], targets: Sequence[Place], policy: Policy, when: datetime
    ) -> Numbers:
        """Return seconds, sources × targets, NaN where there is no way. Raises RouteFailedError."""

    async def close(self) -> None:
        """Close every connection."""


class _Http:
    """What both servers have in common: one client, one timeout, answers that are JSON."""

    name = ""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._client = httpx2.AsyncClient(timeout=timeout_s, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _ask(self, method: str, path: str, json: Any = None) -> Any:
        try:
            response = await self._client.request(method, self._url + path, json=json)
            body = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise RouteFailedError(f"{self.name}: {type(error).__name__}") from error
        if not isinstance(body, dict):
            raise RouteFailedError(f"{self.name}: an answer that cannot be read")
        if response.status_code != 200:
            raise RouteFailedError(f"{self.name}: {body.get('code') or body.get('error_code') or response.status_code}")
        return body

    def _read(self, rows: Any, shape: tuple[int, int]) -> Numbers:
        try:
            table = np.array([[np.nan if one is None else float(one) for one in row] for row in rows], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise RouteFailedError(f"{self.name}: an answer that cannot be read") from error
        if table.shape != shape or (table < 0).any():
            raise RouteFailedError(f"{self.name}: an answer that does not fit the question")
        return table


class Osrm(_Http):
    """OSRM's table service. It knows no time of day, so its times are stretched by our speed of the hour."""

    name = "osrm"

    async def matrix(
        self, sources: Sequence[Place], targets: Sequence[Place], policy: Policy, when: datetime
    ) -> Numbers:
        """Return seconds, sources × targets. Raises RouteFailedError."""
        points = ";".join(f"{place.lon_deg:.{_DIGITS}f},{place.lat_deg:.{_DIGITS}f}" for place in (*sources, *targets))
        first, last = len(sources), len(sources) + len(targets)
        query = f"sources={_numbers(0, first)}&destinations={_numbers(first, last)}&annotations=duration"
        body = await self._ask("GET", f"/table/v1/driving/{points}?{query}")
        if body.get("code") != "Ok":
            raise RouteFailedError(f"{self.name}: {body.get('code')}")
        hour = when.astimezone(ZoneInfo(policy.timezone)).hour
        return self._read(body.get("durations"), (len(sources), len(targets))) * (
            max(policy.speeds_kmh) / policy.speeds_kmh[hour]
        )


class Valhalla(_Http):
    """Valhalla's matrix, which knows the time of day."""

    name = "valhalla"

    async def matrix(
        self, sources: Sequence[Place], targets: Sequence[Place], policy: Policy, when: datetime
    ) -> Numbers:
        """Return seconds, sources × targets. Raises RouteFailedError."""
        here = when.astimezone(ZoneInfo(policy.timezone))
        departs = len(sources) <= len(targets)  # with more sources than targets it only takes an arrival
        at = here if departs else here + ARRIVE_WITHIN
        body = await self._ask("POST", "/sources_to_targets", {
            "sources": [_point(place) for place in sources],
            "targets": [_point(place) for place in targets],
            "costing": "auto",
            "date_time": {"type": 1 if departs else 2, "value": at.strftime("%Y-%m-%dT%H:%M")},
            "verbose": False,
        })  # fmt: skip
        found = body.get("sources_to_targets")
        if not isinstance(found, dict):
            raise RouteFailedError(f"{self.name}: an answer that cannot be read")
        return self._read(found.get("durations"), (len(sources), len(targets)))


def _numbers(first: int, last: int) -> str:
    return ";".join(str(number) for number in range(first, last))


def _point(place: Place) -> dict[str, float]:
    return {"lat": round(place.lat_deg, _DIGITS), "lon": round(place.lon_deg, _DIGITS)}


def router(kind: str, url: str, *, timeout_s: float) -> Router | None:
    """Return the client for a kind of server; None for `none`."""
    kinds: dict[str, type[Osrm | Valhalla]] = {"osrm": Osrm, "valhalla": Valhalla}
    return kinds[kind](url, timeout_s=timeout_s) if kind in kinds else None


async def travel_times(
    router: Router | None, calls: Sequence[Waiting], teams: Sequence[Team], policy: Policy, now: datetime, *, within_s: float
) -> TravelTimes | None:  # fmt: skip
    """Return what the server says of every call and team with a place; None without a server.

    One that fails, or is not done `within_s` seconds, leaves everything to the estimate and says why.
    """
    if router is None:
        return None
    starts = {team.id: start_of(team, policy, now).place for team in teams}
    sources = [(team_id, place) for team_id, place in starts.items() if place is not None]
    targets = [(call.id, call.place) for call in calls if call.place is not None]
    try:
        async with asyncio.timeout(within_s):
            seconds = await _in_parts(router, [p for _, p in sources], [p for _, p in targets], policy, now)
    except RouteFailedError as error:
        return _nothing(router, str(error))
    except TimeoutError:
        return _nothing(router, f"{router.name}: no answer within {within_s:g} s")
    ASKED.labels("ok").inc()
    return TravelTimes(
        source=router.name,
        calls={call_id: row for row, (call_id, _) in enumerate(targets)},
        teams={team_id: column for column, (team_id, _) in enumerate(sources)},
        seconds=seconds.T + policy.turn_out.total_seconds(),
    )


def _nothing(router: Router, why: str) -> TravelTimes:
    ASKED.labels("failed").inc()
    return TravelTimes(router.name, {}, {}, np.empty((0, 0)), fallback=why)


async def _in_parts(
    router: Router, sources: Sequence[Place], targets: Sequence[Place], policy: Policy, now: datetime
) -> Numbers:
    if not sources or not targets:
        return np.empty((len(sources), len(targets)))
    return np.vstack(
        [
            np.hstack([await router.matrix(some, others, policy, now) for others in _batches(targets)])
            for some in _batches(sources)
        ]
    )


def _batches(places: Sequence[Place]) -> list[Sequence[Place]]:
    return [places[first : first + MOST_PLACES] for first in range(0, len(places), MOST_PLACES)]
