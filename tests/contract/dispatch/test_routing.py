"""The routing clients against a server on this machine that speaks the documented formats, and what happens when it does not."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.dispatch import routing
from services.dispatch.domain import explanation
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Place, Team, Waiting
from services.dispatch.domain.travel import TravelTimes

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)  # 6 pm in Los Angeles
POLICY = Policy()
BOYLE, SYLMAR = Place(34.0443123, -118.2106), Place(34.3058, -118.4572)
CALLS = [Waiting(UUID(int=100), 2, NOW, ("mediator",), place=BOYLE), Waiting(UUID(int=101), 2, NOW, ("mediator",))]
TEAMS = [Team(UUID(int=n), f"Team {n}", disciplines=frozenset({"mediator"}), base=SYLMAR) for n in (1, 2)]


class Server:
    """Answers every request with what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.asked: list[tuple[str, str, Any]] = []
        self.released = Event()
        self.released.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                sent = json.loads(self.rfile.read(length)) if length else None
                server.asked.append((self.command, self.path, sent))
                server.released.wait(10)
                self.send_response(server.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body)

            do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def says(self, body: Any, status: int = 200) -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def close(self) -> None:
        self.released.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


async def ask(kind: str, server: Server, *, within_s: float = 5.0) -> TravelTimes:
    client = routing.router(kind, server.url + "/", timeout_s=within_s)
    assert client is not None
    try:
        times = await routing.travel_times(client, CALLS, TEAMS, POLICY, NOW, within_s=within_s)
    finally:
        await client.close()
    assert times is not None
    return times


async def test_osrm_is_asked_in_its_own_words_and_its_seconds_are_used(server: Server) -> None:
    server.says({"code": "Ok", "durations": [[600.0], [None]], "sources": [], "destinations": []})
    times = await ask("osrm", server)
    [(method, path, _)] = server.asked
    assert method == "GET"
    assert path == (
        "/table/v1/driving/-118.4572,34.3058;-118.4572,34.3058;-118.2106,34.0443"
        "?sources=0;1&destinations=2&annotations=duration"
    )
    rush = 600 * 55 / 29 + 120  # it knows free flow only, and nothing of turning out
    assert times.seconds[0, 0] == pytest.approx(rush)
    known, unknown = explanation.consider(CALLS[0], TEAMS, times, POLICY, NOW)
    assert (known.drive_s, known.drive_from) == (round(rush), "osrm")
    assert unknown.drive_from == "base", "without a way the drive is estimated"


async def test_valhalla_is_asked_for_the_local_time_and_its_seconds_are_used(server: Server) -> None:
    server.says(
        {"sources_to_targets": {"durations": [[600], [660]], "distances": [[9.1], [9.2]]}, "units": "kilometers"}
    )
    times = await ask("valhalla", server)
    [(method, path, sent)] = server.asked
    assert (method, path) == ("POST", "/sources_to_targets")
    assert sent["sources"] == [{"lat": 34.3058, "lon": -118.4572}] * 2
    assert sent["targets"] == [{"lat": 34.0443, "lon": -118.2106}]
    assert sent["costing"] == "auto"
    assert sent["date_time"] == {"type": 2, "value": "2026-11-23T18:20"}, "with more sources than targets: arrive by"
    assert times.seconds[0].tolist() == [720, 780]


@pytest.mark.parametrize("kind", ["osrm", "valhalla"])
@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"code": "TooBig", "message": "Too many table coordinates"}, 400, "TooBig"),
        ({"error_code": 154, "error": "Path distance exceeds the max distance limit"}, 400, "154"),
        ({"code": "NoTable"}, 200, ""),
        ({"code": "Ok", "durations": [[1.0]], "sources_to_targets": {"durations": [[1.0]]}}, 200, "does not fit"),
        ({"code": "Ok", "durations": [["x"], [2]], "sources_to_targets": {"durations": [["x"], [2]]}}, 200, "cannot be read"),
        ({"code": "Ok", "durations": [[-1.0], [2]], "sources_to_targets": {"durations": [[-1], [2]]}}, 200, "does not fit"),
        ([], 200, "cannot be read"),
        (b"<html>", 502, "JSONDecodeError"),
    ],
)  # fmt: skip
async def test_without_a_whole_answer_drives_are_estimated_and_the_record_says_why(
    server: Server, kind: str, body: Any, status: int, why: str
) -> None:
    server.says(body, status)
    times = await ask(kind, server)
    assert times.seconds.size == 0
    assert times.fallback is not None
    assert times.fallback.startswith(kind)
    assert why in times.fallback
    [one, _] = explanation.consider(CALLS[0], TEAMS, times, POLICY, NOW)
    assert one.drive_from == "base"


async def test_a_server_that_does_not_answer_in_time_is_not_waited_for(server: Server) -> None:
    server.released.clear()
    times = await ask("osrm", server, within_s=0.05)
    assert times.fallback is not None
    assert "osrm" in times.fallback


async def test_a_server_that_is_not_there_costs_nothing_but_the_estimate(server: Server) -> None:
    server.close()
    times = await ask("valhalla", server)
    assert times.fallback is not None
    assert "ConnectError" in times.fallback


async def test_many_places_are_asked_for_in_parts_and_put_together_again() -> None:
    class Grid:
        name = "grid"

        async def matrix(self, sources: Any, targets: Any, _policy: Any, _when: Any) -> Any:
            assert max(len(sources), len(targets)) <= routing.MOST_PLACES
            return np.array([[one.lat_deg * 1000 + other.lat_deg for other in targets] for one in sources])

        async def close(self) -> None:
            pass

    teams = [Team(UUID(int=n + 1), "", base=Place(n, 1)) for n in range(60)]
    calls = [Waiting(UUID(int=n + 1), 2, NOW, (), place=Place(n / 10, 1)) for n in range(120)]
    times = await routing.travel_times(Grid(), calls, teams, POLICY, NOW, within_s=5)
    assert times is not None
    assert times.seconds.shape == (120, 60)
    assert times.seconds[77, 59] == pytest.approx(59_000 + 7.7 + 120)


async def test_without_a_server_nobody_is_asked() -> None:
    assert routing.router("none", "", timeout_s=1) is None
    assert await routing.travel_times(None, CALLS, TEAMS, POLICY, NOW, within_s=1) is None
