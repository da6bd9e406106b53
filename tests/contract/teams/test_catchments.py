"""A catchment names neighborhoods that intake has: who is asked, how often, and what is said when there is no answer."""

from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from services.teams.commands.catchments import Neighborhoods
from services.teams.peers import Intake, PeerSilentError
from shared.peer import Peer, Reply
from tests.contract.teams.conftest import Api, FakeIntake, team_body


async def teams_there(api: Api) -> list[str]:
    return [team["id"] for team in (await api.ok("GET", "/v1/teams?retired=true"))["items"]]


async def patch(api: Api, team_id: UUID, catchment: dict[str, str], **more: Any) -> httpx2.Response:
    return await api("PATCH", f"/v1/teams/{team_id}", json={"catchment": catchment, **more})


async def test_an_unknown_neighborhood_is_refused_with_its_place_and_the_nearest_known_one(api: Api) -> None:
    catchment = {"boyle-heights": "home", "lincoln-hights": "also_serves", "atlantis-of-the-west": "home"}
    refused = await api("POST", "/v1/teams", json=team_body(await api.provider(), catchment=catchment))
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:commonground:problem:invalid-request")
    assert refused.json()["errors"] == [
        {
            "pointer": "/catchment/lincoln-hights",
            "detail": "There is no such neighborhood. Did you mean lincoln-heights?",
        },
        {"pointer": "/catchment/atlantis-of-the-west", "detail": "There is no such neighborhood."},
    ]
    assert await teams_there(api) == []


async def test_a_change_of_the_catchment_is_checked_and_a_refused_one_changes_nothing(api: Api) -> None:
    team_id = await api.new_team()
    before = await api.ok("GET", f"/v1/teams/{team_id}")
    refused = await patch(api, team_id, {"boyle-heights": "home", "venise": "home"}, minimum_crew=3)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/catchment/venise"]
    assert await api.ok("GET", f"/v1/teams/{team_id}") == before
    changed = await patch(api, team_id, {"venice": "home"}, version=1)
    assert (changed.status_code, changed.json()["catchment"]) == (200, {"venice": "home"})


async def test_a_do_not_send_rule_for_a_misspelled_neighborhood_is_refused_for_it_would_never_hold(api: Api) -> None:
    rules = [
        {"address_key": "k", "reason": "kin"},
        {"neighborhood": "venise", "reason": "The crew's cousins live there."},
    ]
    refused = await api("POST", "/v1/teams", json=team_body(await api.provider(), do_not_send=rules))
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"pointer": "/do_not_send/1/neighborhood", "detail": "There is no such neighborhood. Did you mean venice?"}
    ]
    team_id = await api.new_team()
    changed = await api("PATCH", f"/v1/teams/{team_id}", json={"do_not_send": rules})
    assert changed.json()["errors"][0]["pointer"] == "/do_not_send/1/neighborhood"
    rules[1]["neighborhood"] = "venice"
    await api.ok("PATCH", f"/v1/teams/{team_id}", json={"do_not_send": rules})


async def test_without_an_answer_from_intake_nothing_is_written_and_it_says_what_to_do(
    api: Api, intake: FakeIntake
) -> None:
    intake.silent = True
    body = team_body(await api.provider())
    refused = await api("POST", "/v1/teams", json=body, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert (refused.json()["type"], refused.json()["retry_after_s"]) == ("urn:commonground:problem:unavailable", 5)
    assert "Nothing was written: send the same again" in refused.json()["detail"]
    assert await teams_there(api) == []
    intake.silent = False
    answer = await api("POST", "/v1/teams", json=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (201, False)


async def test_while_intake_is_silent_the_service_is_ready_and_every_other_change_is_made(
    api: Api, intake: FakeIntake
) -> None:
    team_id = await api.team_on_duty(catchment={"boyle-heights": "home", "venice": "home"})
    intake.silent, asked = True, intake.asked
    assert (await api.client.get("/readyz")).status_code == 200
    assert (await api.availability(team_id))["offerable"]
    await api.ok("PATCH", f"/v1/teams/{team_id}", json={"minimum_crew": 1})
    fewer = await patch(api, team_id, {"venice": "mutual_aid"})
    assert (fewer.status_code, fewer.json()["catchment"]) == (200, {"venice": "mutual_aid"})
    await api.ok("DELETE", f"/v1/teams/{team_id}")
    assert intake.asked == asked


async def test_a_neighborhood_that_left_the_map_stands_in_the_way_of_no_other_change(
    api: Api, app: FastAPI, intake: FakeIntake
) -> None:
    team_id = await api.new_team(catchment={"venice": "home"})
    intake.known = {"boyle-heights", "venice-beach"}
    app.state.neighborhoods = Neighborhoods(intake)  # as after the time for which the answer is kept
    await api.ok("PATCH", f"/v1/teams/{team_id}", json={"name": "New name"})
    assert (await patch(api, team_id, {"venice": "also_serves", "boyle-heights": "home"})).status_code == 200
    assert (await patch(api, team_id, {"boyle-heights": "home"})).status_code == 200
    back = await patch(api, team_id, {"venice": "home"})  # it is new again, and there is none
    assert back.json()["errors"][0]["detail"].endswith("Did you mean venice-beach?")


async def test_a_map_without_neighborhoods_says_to_load_them_first(api: Api, intake: FakeIntake) -> None:
    intake.known = set()
    refused = await api("POST", "/v1/teams", json=team_body(await api.provider()))
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/catchment"
    assert "import-neighborhoods" in error["detail"]
    intake.known = {"boyle-heights"}
    await api.new_team()


async def test_a_whole_roster_asks_once_and_a_neighborhood_is_known_as_soon_as_it_is_loaded(
    api: Api, app: FastAPI, intake: FakeIntake
) -> None:
    now_s = [1000.0]
    app.state.neighborhoods = Neighborhoods(intake, now_s=lambda: now_s[0])
    for slug in ("boyle-heights", "venice", "lincoln-heights", "venice"):
        await api.new_team(catchment={slug: "home"})
    assert intake.asked == 1
    intake.known.add("watts")
    await api.new_team(catchment={"watts": "home"})
    assert intake.asked == 2
    now_s[0] += 61
    await api.new_team()
    await api.new_team()
    assert intake.asked == 3


async def test_a_refusal_comes_from_the_map_of_this_moment(api: Api, intake: FakeIntake) -> None:
    await api.new_team()
    for _ in range(2):
        assert (await api("POST", "/v1/teams", json=team_body(await api.provider(), catchment={"x": "home"}))).is_error
    assert intake.asked == 3


async def test_a_team_that_was_added_is_answered_again_whatever_became_of_the_map(
    api: Api, app: FastAPI, intake: FakeIntake
) -> None:
    body = team_body(await api.provider())
    first = await api("POST", "/v1/teams", json=body, headers={"Idempotency-Key": "k"})
    intake.silent = True
    app.state.neighborhoods = Neighborhoods(intake)
    again = await api("POST", "/v1/teams", json=body, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_change_of_a_stale_version_is_stale_whatever_it_names(api: Api, intake: FakeIntake) -> None:
    team_id = await api.new_team()
    intake.silent = True
    assert (await patch(api, team_id, {"atlantis": "home"}, version=7)).status_code == 412


async def test_a_team_of_another_provider_is_not_found_before_its_catchment_is_looked_at(api: Api) -> None:
    mine, team_id = await api.provider(), await api.new_team()
    answer = await api("PATCH", f"/v1/teams/{team_id}", json={"catchment": {"atlantis": "home"}}, provider_id=mine)
    assert answer.status_code == 404


class Answering(Peer):
    """Gives one answer to everything."""

    def __init__(self, status: int, body: Any) -> None:
        self.reply, self.paths = Reply(status, body), list[str]()

    async def request(self, method: str, path: str, **_options: Any) -> Reply:
        self.paths.append(f"{method} {path}")
        return self.reply


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {"features": [{"properties": {}}]}), (200, None), (403, {"features": []}), (503, {"detail": "no"})],
)
async def test_an_answer_that_cannot_be_used_is_silence(status: int, body: Any) -> None:
    with pytest.raises(PeerSilentError):
        await Intake(Answering(status, body)).neighborhoods()


async def test_of_the_map_only_the_slugs_are_read() -> None:
    features = [{"type": "Feature", "properties": {"slug": slug, "name": "N"}, "geometry": {}} for slug in ("a", "b")]
    peer = Answering(200, {"type": "FeatureCollection", "layer": 1, "features": features})
    assert await Intake(peer).neighborhoods() == {"a", "b"}
    assert peer.paths == ["GET /v1/neighborhoods"]
