"""What of the starter city's teams is added where a city's own map is in force."""

import json
from typing import Any

import httpx2

from services.replay.api import API
from services.starter_city.command import _Tokens
from services.starter_city.roster import teams
from services.starter_city.seed import SeedReport, _Roster


class Teams:
    """A teams service that takes whatever it is given."""

    def __init__(self) -> None:
        self.added: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"items": [], "next": None})
        if request.method == "POST":
            self.added.append(json.loads(request.content))
        return httpx2.Response(200, json={"id": "t1", "duty": {"version": 1}})


async def added_on(slugs: frozenset[str]) -> tuple[str | None, list[dict[str, Any]]]:
    there = Teams()
    api = API({"teams": "http://teams.test"}, transport=httpx2.MockTransport(there))
    try:
        return await _Roster(api, _Tokens("admin", "supervisor"), slugs).team(teams()[0], "p1"), there.added
    finally:
        await api.close()


async def test_a_team_is_added_with_what_the_map_has_of_its_neighborhoods() -> None:
    whole = teams()[0].catchment
    some = dict(list(whole.items())[:3])
    for on_the_map in (some, whole):
        team_id, (body,) = await added_on(frozenset(on_the_map) | {"a-place-of-its-own"})
        assert (team_id, body["catchment"]) == ("t1", dict(on_the_map))


async def test_a_team_none_of_whose_neighborhoods_is_on_the_map_is_left_out_and_the_report_says_so() -> None:
    assert await added_on(frozenset({"a-place-of-its-own"})) == (None, [])
    assert "left out, for the map has none of their neighborhoods: A, B" in str(SeedReport(1, 3, {}, 0, ("A", "B")))
