"""What a crew reports: who may, what is legal, what a loser is told."""

from typing import Any
from uuid import uuid4

import pytest

from tests.contract.dispatch import fakes
from tests.contract.dispatch.conftest import World


async def offered(world: World, **changes: Any) -> tuple[dict[str, Any], str, dict[str, Any]]:
    team = fakes.a_team(**changes)
    world.teams.items = [team]
    call = await world.wish()
    return team, call, await world.offered(team)


async def test_another_teams_assignment_is_not_found(world: World) -> None:
    _, _, offer = await offered(world)
    stranger = {"team_id": str(uuid4())}
    assert (await world.act(stranger, offer["id"], "accept")).status_code == 404
    assert (await world.get(f"/v1/assignments/{offer['id']}", stranger["team_id"])).status_code == 404
    team_path = f"/v1/teams/{offer['incident_id']}"
    assert (await world.get(f"{team_path}/assignments", stranger["team_id"])).status_code == 404
    assert (await world.post(f"{team_path}/emergency", {}, stranger["team_id"])).status_code == 404
    assert (await world.act(stranger, str(uuid4()), "accept")).status_code == 404


async def test_an_illegal_action_is_told_the_state_and_what_is_legal(world: World) -> None:
    team, _, offer = await offered(world)
    refused = await world.act(team, offer["id"], "clear", outcome="agreement")
    assert refused.status_code == 409
    body = refused.json()
    assert (body["type"], body["assignment_status"], body["actions"]) == (
        "urn:commonground:problem:illegal-transition", "offered", ["accept", "decline"],
    )  # fmt: skip


async def test_a_repeated_accept_is_told_that_it_is_accepted(world: World) -> None:
    team, _, offer = await offered(world)
    assert (await world.act(team, offer["id"], "accept")).status_code == 200
    again = await world.act(team, offer["id"], "accept")
    assert (again.status_code, again.json()["assignment_status"]) == (409, "accepted")


async def test_a_repeated_request_with_its_key_gets_the_first_answer_again(world: World) -> None:
    team, _, offer = await offered(world)
    path, who = f"/v1/assignments/{offer['id']}/actions", str(team["team_id"])
    first = await world.post(path, {"action": "accept"}, who, **{"Idempotency-Key": "k1"})
    again = await world.post(path, {"action": "accept"}, who, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await world.post(path, {"action": "depart"}, who, **{"Idempotency-Key": "k1"})
    assert other.status_code == 422


async def test_a_stale_version_is_412_with_the_current_one_and_changes_nothing(world: World) -> None:
    team, _, offer = await offered(world)
    stale = await world.act(team, offer["id"], "accept", version=offer["version"] - 1 or 99)
    assert stale.status_code == 412
    assert stale.json()["current_version"] == offer["version"]
    assert (await world.tablet(team))[0]["status"] == "offered"
    assert (await world.act(team, offer["id"], "accept", version=offer["version"])).status_code == 200


async def test_a_supervisor_acts_for_a_crew_only_with_the_version_seen(world: World) -> None:
    team, _, offer = await offered(world)
    path = f"/v1/assignments/{offer['id']}/actions"
    unversioned = await world.post(path, {"action": "accept"}, "supervisor")
    assert (unversioned.status_code, unversioned.json()["errors"][0]["pointer"]) == (422, "/version")
    assert (await world.post(path, {"action": "accept", "version": offer["version"]}, "supervisor")).status_code == 200
    assert (await world.tablet(team))[0]["status"] == "accepted"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"action": "decline"}, "/reason"),
        ({"action": "escalate"}, "/needs"),
        ({"action": "accept", "outcome": "agreement"}, "/outcome"),
        ({"action": "depart", "depart_by": "2026-11-24T03:00:00Z"}, "/depart_by"),
        ({"action": "accept", "depart_by": "2026-11-24T03:00:00Z"}, "/depart_by"),
        ({"action": "accept", "expected_clear_min": 0}, "/expected_clear_min"),
        ({"action": "accept", "colour": "blue"}, "/colour"),
        ({"action": "dance"}, "/action"),
        ({"action": "accept", "at": "2026-11-24T03:00:00"}, "/at"),
        ({"action": ["accept"]}, "/action"),
    ],
)
async def test_a_body_that_cannot_be_accepted_names_the_field(world: World, body: dict[str, Any], pointer: str) -> None:
    team, _, offer = await offered(world)
    refused = await world.post(f"/v1/assignments/{offer['id']}/actions", body, str(team["team_id"]))
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    assert (await world.tablet(team))[0]["status"] == "offered"


async def test_a_clear_on_scene_needs_its_outcome(world: World) -> None:
    team, _, offer = await offered(world)
    for action in ("accept", "arrive"):
        assert (await world.act(team, offer["id"], action)).status_code == 200
    refused = await world.act(team, offer["id"], "clear")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/outcome")
    assert (await world.act(team, offer["id"], "clear", outcome="other")).status_code == 200


async def test_an_arrival_from_accepted_implies_the_departure(world: World) -> None:
    team, _, offer = await offered(world)
    await world.act(team, offer["id"], "accept")
    assert (await world.act(team, offer["id"], "arrive")).json()["status"] == "on_scene"


async def test_a_declined_call_goes_to_the_next_team_and_not_again_to_the_one_that_declined(world: World) -> None:
    near, far = fakes.a_team("Near"), fakes.a_team("Far", base={"lat_deg": 34.2, "lon_deg": -118.5})
    world.teams.items = [far, near]
    call = await world.wish()
    offer = await world.offered(near)
    declined = await world.act(near, offer["id"], "decline", reason="knows the family")
    assert declined.json()["status"] == "declined"
    assert (await world.offered(far))["incident_id"] == call
    candidates = (await world.get(f"/v1/incidents/{call}/candidates")).json()["items"]
    assert {one["team_name"]: one["excluded_by"] for one in candidates} == {"Far": None, "Near": "refused_this_call"}


async def test_a_call_that_four_teams_decline_is_returned(world: World) -> None:
    teams = [fakes.a_team(f"Team {n}") for n in range(5)]
    world.teams.items = teams
    call = await world.wish()
    by_id = {team["team_id"]: team for team in teams}
    for count in range(4):
        holder = await world.until(lambda: holder_of(world, by_id))
        [item] = await world.tablet(holder)
        assert (await world.act(holder, item["id"], "decline", reason="busy")).status_code == 200
        assert (await world.progress(call))["status"] == ("ended" if count == 3 else "waiting") or count < 3
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"]) == ("ended", "no_team_accepted")


async def holder_of(world: World, by_id: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    for team in by_id.values():
        if any(item["status"] == "offered" for item in await world.tablet(team)):
            return team
    return None


async def test_escalate_returns_the_call_at_once_with_the_last_position(world: World) -> None:
    seen = {"lat_deg": 34.0441, "lon_deg": -118.2101, "at": "2026-11-24T02:00:00Z"}
    team, call, offer = await offered(world, position=seen)
    await world.act(team, offer["id"], "accept")
    escalated = await world.act(team, offer["id"], "escalate", needs="ems")
    assert escalated.json()["status"] == "withdrawing"
    progress = await world.progress(call)
    assert (progress["status"], progress["return_reason"], progress["needs"]) == ("ended", "team_escalated", "ems")
    assert progress["position"]["lat_deg"] == seen["lat_deg"]
    [item] = await world.tablet(team)
    assert item["recall"]["acknowledged_at"] is not None
    assert (await world.act(team, offer["id"], "clear")).json()["status"] == "escalated"


@pytest.mark.parametrize("reason", ["cancelled", "risk_rose"])
async def test_a_crew_that_asks_for_help_after_its_work_was_taken_away_is_heard(world: World, reason: str) -> None:
    """The press may be older than the recall; the call is no longer theirs, so that nobody would come to them because of it."""
    team, call, offer = await offered(world)
    await world.act(team, offer["id"], "accept")
    await world.put(f"/v1/incidents/{call}", fakes.withdrawn(2, reason))
    [item] = await world.tablet(team)
    assert "escalate" in item["actions"]
    before = await world.progress(call)
    assert (await world.act(team, offer["id"], "escalate", needs="police")).json()["status"] == "withdrawing"
    progress = await world.progress(call)
    [notice] = progress["notices"]
    assert notice["kind"] == "team_emergency"
    assert "asks for police" in notice["text"]
    assert progress["status"] == before["status"]
    assert [alert["kind"] for alert in (await world.get("/v1/alerts")).json()["items"]] == ["team_emergency"]
    assert (await world.act(team, offer["id"], "clear")).status_code == 200


async def test_a_restorative_justice_crew_names_when_it_leaves(world: World) -> None:
    team = fakes.a_team(disciplines=["restorative_justice"], shift_ends_at="2099-01-01T00:00:00Z")
    world.teams.items = [team]
    await world.wish(facts=fakes.facts(disciplines=["restorative_justice"], decision=fakes.decision(priority=3)))
    offer = await world.offered(team)
    now = await world.row("SELECT dispatch.clock() AS now, respond_by FROM dispatch.assignment")
    assert 29 * 60 < (now["respond_by"] - now["now"]).total_seconds() <= 30 * 60
    too_late = await world.act(team, offer["id"], "accept", depart_by="2098-01-01T00:00:00Z")
    assert (too_late.status_code, too_late.json()["errors"][0]["pointer"]) == (422, "/depart_by")
    in_time = (now["now"].replace(microsecond=0)).isoformat().replace("+00:00", "Z")
    past = await world.act(team, offer["id"], "accept", depart_by=in_time)
    assert past.status_code == 422
    row = await world.row("SELECT dispatch.clock() + interval '5 hours' AS later")
    accepted = await world.act(team, offer["id"], "accept", depart_by=row["later"].isoformat())
    assert accepted.status_code == 200, accepted.text
    [item] = await world.tablet(team)
    assert item["act_by"] == item["depart_by"]


async def test_one_assignment_shows_its_choice_and_its_history(world: World) -> None:
    team, _, offer = await offered(world)
    await world.act(team, offer["id"], "accept", note="on our way soon", at="2026-11-24T02:00:00Z")
    detail = (await world.get(f"/v1/assignments/{offer['id']}")).json()
    assert [event["action"] for event in detail["history"]] == ["hold", "offer", "accept"]
    assert detail["history"][-1]["data"] == {"tablet_at": "2026-11-24T02:00:00+00:00", "note": "on our way soon"}
    assert detail["choice"]["considered"][0]["team_id"] == team["team_id"]
    assert detail["choice"]["considered"][0]["rank"] == 1


async def test_the_tablets_list_is_304_until_something_changes(world: World) -> None:
    team, _, offer = await offered(world)
    path, who = f"/v1/teams/{team['team_id']}/assignments", str(team["team_id"])
    first = await world.get(path, who)
    assert first.headers["etag"].startswith('"')
    same = await world.get(path, who, **{"If-None-Match": first.headers["etag"]})
    assert same.status_code == 304
    await world.act(team, offer["id"], "accept")
    changed = await world.get(path, who, **{"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["items"][0]["status"]) == (200, "accepted")


async def test_the_briefing_tells_all_that_triage_knew(world: World) -> None:
    _, _, offer = await offered(world)
    briefing = offer["briefing"]
    assert briefing["location"]["address"] == "E 1st St / S Boyle Ave"
    assert briefing["words"] == [{"source": "narrative", "text": "Verbal only."}]
    assert (briefing["neighborhood"], briefing["priority"]) == ("boyle-heights", 2)
