"""A shift on its day over HTTP: early end, overtime, hand-over, who is on, and where cover is missing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.auth import Role
from tests.contract.teams.conftest import ALWAYS, Api


def hours(number: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=number)).isoformat()


def dated(start: float, end: float) -> dict[str, Any]:
    return {"dated": [{"starts_at": hours(start), "ends_at": hours(end)}]}


async def test_a_pattern_of_two_weeks_is_kept_as_it_was_planned(api: Api) -> None:
    team_id = await api.new_team()
    shift = {"weekday": "friday", "from": "16:00", "to": "24:00", "time_zone": "America/Los_Angeles"}
    pattern = {"every_weeks": 2, "starts_on": "2027-01-08", "ends_on": "2027-12-31"}
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json={"weekly": [{**shift, **pattern}]})
    (kept,) = (await api.ok("GET", f"/v1/teams/{team_id}/shifts"))["weekly"]
    assert kept == {**shift, **pattern}
    for wrong in (
        {"from": "1\u0666:00"},
        {"to": "1\u0667:00"},
        {"starts_on": "202\u0667-01-08"},
        {"every_weeks": 2},
        {"starts_on": 1790000000},
        {"starts_on": "2027-13-01"},
        {"every_weeks": 0},
    ):
        answer = await api("PUT", f"/v1/teams/{team_id}/shifts", json={"weekly": [{**shift, **wrong}]})
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["pointer"].startswith("/weekly/0/"), wrong


async def test_a_shift_ended_early_takes_the_team_out_at_once_and_history_says_why(api: Api) -> None:
    team_id = await api.team_on_duty()
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=dated(-1, 5))
    path = f"/v1/teams/{team_id}/shifts/end"
    assert (await api("POST", path, json={})).status_code == 422
    ended = await api.ok("POST", path, json={"reason": "A member fell ill."}, headers={"Idempotency-Key": "e"})
    assert ended["on_shift"] is False
    again = await api("POST", path, json={"reason": "A member fell ill."}, headers={"Idempotency-Key": "e"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert (await api.availability(team_id))["reasons"] == ["off_shift"]
    refused = await api("POST", path, json={"reason": "Twice."})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:commonground:problem:not-on-shift")
    newest = (await api.ok("GET", f"/v1/teams/{team_id}/history"))["items"][0]
    assert (newest["action"], newest["reason"]) == ("shift_ended_early", "A member fell ill.")


async def test_overtime_moves_the_end_of_the_shift(api: Api) -> None:
    team_id = await api.team_on_duty()
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=dated(-1, 1))
    path, until = f"/v1/teams/{team_id}/shifts/extend", hours(3)
    longer = await api.ok("POST", path, json={"until": until, "reason": "A festival."})
    assert datetime.fromisoformat(longer["shift_ends_at"]) == datetime.fromisoformat(until)
    for wrong in (hours(2), hours(20), "2027-01-01T00:00:00"):
        assert (await api("POST", path, json={"until": wrong, "reason": "No."})).status_code == 422
    crew = await api("POST", path, json={"until": hours(4), "reason": "No."}, role=Role.TEAM, team_id=team_id)
    assert crew.status_code == 403


async def test_the_next_crew_takes_over_in_one_step_but_not_while_the_team_has_work(api: Api) -> None:
    team_id = await api.team_on_duty()
    path = f"/v1/teams/{team_id}/duty/hand-over"
    as_team: dict[str, Any] = {"role": Role.TEAM, "team_id": team_id}
    handed = await api.ok("POST", path, json={"crew": ["b", "c"], "reason": "evening"}, **as_team)
    assert (handed["crew"], handed["status"], handed["offerable"]) == (["b", "c"], "available", True)
    assert (await api("POST", path, json={"crew": ["b", "nobody"]}, **as_team)).status_code == 422
    await api.hold(team_id)
    refused = await api("POST", path, json={"crew": ["a", "c"]}, **as_team)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:commonground:problem:crew-at-work")
    assert (await api.availability(team_id))["hold"] is not None


async def test_who_is_on_now_and_later_is_listed_with_crew_and_shifts(api: Api) -> None:
    now, later, never = await api.team_on_duty(), await api.new_team(), await api.new_team()
    await api.ok("PUT", f"/v1/teams/{later}/shifts", json=dated(5, 9))
    found = await api.ok("GET", "/v1/shifts")
    by_id = {item["team_id"]: item for item in found["items"]}
    assert str(never) not in by_id
    assert (by_id[str(now)]["crew"], by_id[str(now)]["offerable"]) == (["a", "b"], True)
    (shift,) = by_id[str(now)]["shifts"]
    assert (shift["starts_at"], shift["ends_at"]) == (found["from"], found["to"])
    assert by_id[str(later)]["on_shift"] is False
    assert str(later) not in {item["team_id"] for item in (await api.ok("GET", "/v1/shifts?hours=4"))["items"]}


async def test_missing_cover_is_listed_by_neighborhood_and_discipline(api: Api) -> None:
    team_id = await api.new_team(catchment={"venice": "home"})
    await api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=ALWAYS)
    query = "/v1/cover/gaps?neighborhood=venice&hours=24"
    assert {gap["discipline"] for gap in (await api.ok("GET", query))["items"]} == {
        "interrupter",
        "restorative_justice",
    }
    await api.ok("POST", f"/v1/teams/{team_id}/shifts/end", json={"reason": "Ill.", "back_at": hours(6)})
    found = await api.ok("GET", f"{query}&discipline=mediator")
    (gap,) = found["items"]
    assert (gap["mutual_aid"], gap["starts_at"]) == (False, found["from"])
    assert (await api("GET", "/v1/cover/gaps?discipline=juggler")).status_code == 422
