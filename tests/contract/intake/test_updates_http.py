"""Updates over HTTP: danger is never lost, and never fails to reach dispatch."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.commands import deadlines
from shared.auth import Role
from shared.edge import SERVICE_BODY_LIMIT
from shared.messages.incidents import Wish
from tests.contract.intake.conftest import (
    DENIED,
    Intake,
    dangerous_report,
    doubtful_report,
    eventually,
    safe_report,
)
from tests.contract.intake.fakes import assigned, view


async def under_way(intake: Intake, status: str = "accepted") -> dict[str, Any]:
    """Return a safe call that a team has accepted, or gone on from there."""
    call = await intake.report(safe_report())
    await eventually(lambda: intake.dispatch.wishes)
    await intake.progress(call["id"], view(2, "committed", assignment=assigned(status)))
    return await intake.call(call["id"])


async def test_danger_withdraws_a_team_that_has_accepted(intake: Intake) -> None:
    call = await under_way(intake, "en_route")
    answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"weapons": "yes"}})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["return_reason"]) == ("returned", "risk_rose")
    assert answer.json()["acknowledge_by"] is not None
    [wish] = await intake.rows("SELECT wanted, reason, seq FROM intake.wish")
    assert (wish.wanted, wish.reason, wish.seq) == ("withdrawn", "risk_rose", 2)
    await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")


async def test_doubt_before_acceptance_takes_the_call_to_a_reviewer_and_stops_offers(intake: Intake) -> None:
    call = await intake.report(safe_report())
    await intake.reviewer_reads_the_queue()
    answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"intoxication": "yes"}})
    assert answer.json()["status"] == "in_review", answer.text
    await eventually(lambda: intake.dispatch.wishes[-1].seq == 2)
    wish = intake.dispatch.wishes[-1]
    assert (wish.wanted, wish.may_offer, wish.may_depart, wish.reason) == ("civilian", False, False, "review")


async def test_doubt_reaches_dispatch_however_much_was_said_before(intake: Intake) -> None:
    call = await under_way(intake)
    await intake.reviewer_reads_the_queue()
    for number in range(18):  # 64 KB each
        words = {"narrative": f"{number}" + "\U0001f600" * 15_990}
        assert (await intake.post(f"/v1/calls/{call['id']}/updates", words)).status_code == 200
    await intake.post(
        f"/v1/calls/{call['id']}/updates", {"narrative": "He is drunk.", "answers": {"intoxication": "yes"}}
    )
    await eventually(lambda: intake.dispatch.wishes[-1].seq == 20)
    wish = intake.dispatch.wishes[-1]
    assert (wish.may_offer, wish.may_depart) == (False, False)
    message = Wish.model_validate(wish._asdict())
    assert len(message.model_dump_json().encode()) < SERVICE_BODY_LIMIT / 2
    assert message.facts is not None
    assert "left out" in message.facts.briefing.cautions[0]
    assert "He is drunk." in [word.text for word in message.facts.briefing.words]


async def test_a_fault_of_triage_reaches_dispatch_where_the_plan_sends_no_mediators(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing decided fits a mediator; facts without any discipline are refused, and the old wish would stand."""
    plan = {"plan": {"disciplines": {"mediator": []}}, "approved_by": "Council", "version": 0}
    put = await intake.request("PUT", "/v1/neighborhoods/boyle-heights/plan", Role.SUPERVISOR, json=plan)
    assert put.status_code == 200, put.text
    group = "RP reports seven teens in the park arguing over the basketball court. Verbal only. NWS, no threats, nobody hurt."
    answers = {**DENIED, "suspect_on_scene": "yes", "parties": 7, "consent": "yes"}
    call = await intake.report(safe_report(call_type_code="415G", call_type_text="", narrative=group, answers=answers))
    assert (call["status"], call["decision"]["discipline"]) == ("queued", "interrupter"), call["decision"]
    await intake.reviewer_reads_the_queue()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("services.intake.domain.triage.decide.unite", broken)
    await intake.post(f"/v1/calls/{call['id']}/updates", {"narrative": "RP calls back."})
    await eventually(lambda: intake.dispatch.wishes[-1].seq == 2)
    wish = intake.dispatch.wishes[-1]
    assert (wish.may_offer, wish.may_depart, wish.reason) == (False, False, "review")
    message = Wish.model_validate(wish._asdict())
    assert message.facts is not None
    assert message.facts.disciplines == ["mediator"]


async def test_doubt_after_acceptance_stops_the_crew_short_and_keeps_the_status(intake: Intake) -> None:
    call = await under_way(intake)
    await intake.reviewer_reads_the_queue()
    answer = (await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"intoxication": "yes"}})).json()
    assert answer["status"] == "accepted"
    assert answer["review_by"] is not None
    assert [item["id"] for item in await intake.reviewer_reads_the_queue()] == [call["id"]]
    await eventually(lambda: intake.dispatch.wishes[-1].seq == 2)
    assert intake.dispatch.wishes[-1].may_depart is False


async def test_the_same_update_again_decides_nothing_and_says_nothing_to_dispatch(intake: Intake) -> None:
    call = await intake.report(safe_report())
    words = {"narrative": "RP adds: it is about the parking space."}
    first = await intake.post(f"/v1/calls/{call['id']}/updates", words)
    again = await intake.post(f"/v1/calls/{call['id']}/updates", words)
    assert first.json()["decision"] == again.json()["decision"]  # its version may rise: dispatch answers meanwhile
    assert len(await intake.rows("SELECT 1 FROM intake.statement")) == 2
    assert len(await intake.rows("SELECT 1 FROM intake.decision")) == 2
    assert (await intake.rows("SELECT seq FROM intake.wish"))[0].seq == 2


async def test_progress_alone_never_raises_the_wishs_seq(intake: Intake) -> None:
    call = await under_way(intake)
    await intake.progress(call["id"], view(3, "committed", assignment=assigned("en_route")))
    assert (await intake.rows("SELECT seq FROM intake.wish"))[0].seq == 1


HERE = {"lat_deg": 34.0443, "lon_deg": -118.2106, "address": "E 1st St / S Boyle Ave"}
THERE = {"lat_deg": 34.0467, "lon_deg": -118.2122, "address": "E 1st St / N State St"}


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("location", HERE, THERE),
        ("caller", {"phone": "213-555-0101"}, {"phone": "213-555-0102"}),
        ("caller", {"name": "Ana", "phone": "213-555-0101"}, {"phone": "213-555-0102"}),
    ],
)
async def test_a_correction_back_to_what_was_said_before_counts_and_its_retry_does_not(
    intake: Intake, field: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    call = await intake.report(safe_report())
    path = f"/v1/calls/{call['id']}/updates"
    for number, said in enumerate((one, other, one, other), 1):
        for _ in range(2):
            assert (await intake.post(path, {field: said})).status_code == 200
            [row] = await intake.rows("SELECT location, caller, statement_count FROM intake.call")
            assert {**getattr(row, field), **said} == getattr(row, field)
            assert row.statement_count == 1 + number
    if field == "location":
        await eventually(lambda: (intake.dispatch.wishes[-1].facts or {}).get("location") == other)


async def test_what_carries_its_time_and_comes_again_late_is_no_correction(intake: Intake) -> None:
    """A report carries the time of the call, an update the time of what was observed: the newer one stays."""
    report = safe_report(location=HERE)
    call = await intake.report(report)
    path = f"/v1/calls/{call['id']}/updates"
    now = datetime.now(UTC)
    early = {"location": {**HERE, "address": "Rear house"}, "observed_at": (now - timedelta(minutes=1)).isoformat()}
    await intake.post(path, early)
    await intake.post(path, {"location": THERE, "observed_at": now.isoformat()})
    assert (await intake.post(path, early)).status_code == 200
    await intake.report(report, status=200)
    [row] = await intake.rows("SELECT location, statement_count FROM intake.call")
    assert (row.location, row.statement_count) == (THERE, 3)


async def test_unknown_fields_are_kept_and_read_as_text(intake: Intake) -> None:
    call = await intake.report(safe_report())
    body = {
        "premise_history": ["he has a gun"],
        "answers": {"hostage": "yes"},
        "location": {**safe_report()["location"], "floor": 3},
    }
    answer = await intake.post(f"/v1/calls/{call['id']}/updates", body)
    assert answer.status_code == 200
    assert answer.json()["decision"]["verdict"] == "unsafe"
    [row] = await intake.rows("SELECT extra_text, body FROM intake.statement WHERE seq = 2")
    assert "premise history: he has a gun" in row.extra_text
    assert "answers hostage: yes" in row.extra_text
    assert row.body["_unknown"]["location"] == {"floor": 3}


async def test_text_beyond_the_limit_is_cut_and_a_person_must_look(intake: Intake) -> None:
    call = await intake.report(safe_report())
    await intake.reviewer_reads_the_queue()
    answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"narrative": "They talk about parking. " * 800})
    assert answer.status_code == 200
    assert answer.json()["decision"]["verdict"] == "review"
    [row] = await intake.rows("SELECT truncated, body FROM intake.statement WHERE seq = 2")
    assert row.truncated is True
    assert len(row.body["narrative"]) == 16_000


LONG = {"narrative": "They talk about parking. " * 640, "call_type_text": "NEIGHBOR " * 60, "call_type_code": "4" * 40}


@pytest.mark.parametrize("field", LONG)
async def test_what_is_added_beyond_the_limit_is_something_new_and_the_same_again_is_not(
    intake: Intake, field: str
) -> None:
    await intake.reviewer_reads_the_queue()
    call = await intake.report(safe_report())
    path = f"/v1/calls/{call['id']}/updates"
    for said in (LONG[field], LONG[field] + " HE HAS A GUN", LONG[field] + " HE HAS A GUN. HE FIRED"):
        for _ in range(2):  # a retry is harmless
            assert (await intake.post(path, {field: said})).status_code == 200
    rows = await intake.rows("SELECT truncated, body FROM intake.statement WHERE seq > 1 ORDER BY seq")
    assert [row.truncated for row in rows] == [len(LONG[field]) > len(rows[0].body[field]), True, True]
    assert len({row.body[field] for row in rows}) == 1, "each is kept to the limit"
    assert (await intake.call(call["id"]))["decision"]["verdict"] == "review"


async def test_text_that_is_cut_after_a_reviewer_cleared_such_a_text_is_reviewed_again(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    call = await intake.report(doubtful_report())
    path = f"/v1/calls/{call['id']}/updates"
    doubtful = (await intake.post(path, {"narrative": LONG["narrative"] + "Still calm."})).json()
    word = {"decision": "send_civilian", "reason": "I have read it all.", "version": doubtful["version"]}
    cleared = await intake.post(f"/v1/calls/{call['id']}/review", word, Role.REVIEWER)
    assert cleared.json()["status"] == "queued", cleared.text
    again = await intake.post(path, {"narrative": LONG["narrative"] + "Still calm."})
    assert again.json()["status"] == "queued"
    more = await intake.post(path, {"narrative": LONG["narrative"] + "Still calm. HE HAS A GUN"})
    assert (more.json()["status"], more.json()["decision"]["verdict"]) == ("in_review", "review")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 422),
        (b"[1]", 422),
        (b'{"narrative": {"a": 1}}', 422),
        (b'{"answers": {"weapons": "perhaps"}}', 422),
        (b'{"narrative": "\\ud800"}', 422),
        (b'{"police_staged": true}', 422),
        (b'{"answers": {"weapons": "yes", "weapons": "no"}}', 422),
        (b'{"narrative": "He has a knife.", "narrative": "Still calm."}', 422),
        (b'{"narrative": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
async def test_an_update_that_cannot_be_read_raises_an_alert_with_the_calls_id(
    intake: Intake, body: bytes, status: int
) -> None:
    call = await intake.report(safe_report())
    headers = {"content-type": "application/json"}
    answer = await intake.request("POST", f"/v1/calls/{call['id']}/updates", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    alerts = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
    assert [(alert["kind"], alert["subject"], alert["severity"]) for alert in alerts] == [
        ("update_refused", call["id"], 1)
    ]


async def test_that_alert_ends_with_the_call(intake: Intake) -> None:
    call = await intake.report(safe_report())
    await intake.request("POST", f"/v1/calls/{call['id']}/updates", content=b"not json")
    await deadlines.close_alerts(intake.db, intake.app.state.desk)
    assert len((await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]) == 1
    await intake.post(f"/v1/calls/{call['id']}/cancel", {"reason": "phoned"})
    await deadlines.close_alerts(intake.db, intake.app.state.desk)
    assert (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"] == []


async def test_no_later_update_ends_that_alert(intake: Intake) -> None:
    call = await intake.report(safe_report())
    path, calm = f"/v1/calls/{call['id']}/updates", {"narrative": "RP will wait outside."}
    await intake.post(path, calm)
    assert (await intake.post(path, {"answers": {"weapons": "Yes"}})).status_code == 422
    [before] = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
    for said in (calm, {"narrative": "RP waits outside now."}, {"answers": {"violence": "no"}}):
        assert (await intake.post(path, said)).status_code == 200
    assert (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"] == [before]


async def test_another_update_that_cannot_be_read_is_a_new_alert_once_the_first_was_seen(intake: Intake) -> None:
    call = await intake.report(safe_report())

    async def refused() -> dict[str, Any]:
        answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"weapons": "Yes"}})
        assert answer.status_code == 422
        [alert] = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
        return dict(alert)

    first = await refused()
    assert await refused() == first, "nobody has seen it yet"
    seen = await intake.post(f"/v1/alerts/{first['id']}/acknowledge", None, Role.SUPERVISOR)
    assert seen.status_code == 200, seen.text
    second = await refused()
    assert (second["id"] != first["id"], second["acknowledged_at"]) == (True, None)


async def test_a_stranger_cannot_raise_that_alert(intake: Intake) -> None:
    call = await intake.report(safe_report())
    path = f"/v1/calls/{call['id']}/updates"
    await intake.client.post(path, content=b"not json")
    await intake.request("POST", path, content=b"not json", cads=frozenset({"other-cad"}))
    await intake.request("POST", path, Role.SUPERVISOR, content=b"not json")
    assert (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"] == []


async def test_an_update_of_a_final_call_is_kept_and_moves_nothing(intake: Intake) -> None:
    call = await intake.report(dangerous_report())
    answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"narrative": "All calm now."})
    assert (answer.status_code, answer.json()["status"]) == (200, "returned")
    assert answer.json()["decision"] == call["decision"]
    assert len(await intake.rows("SELECT 1 FROM intake.statement")) == 2


async def test_a_yes_is_never_taken_back(intake: Intake) -> None:
    call = await intake.report(safe_report())
    await intake.reviewer_reads_the_queue()
    await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"intoxication": "yes"}})
    later = await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"intoxication": "no"}})
    assert later.json()["decision"]["verdict"] == "review"


async def test_a_denial_settles_what_was_missing(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    body = safe_report(
        answers={**DENIED, "weapons": "unknown", "relationship": "neighbor"},
        narrative="RP and downstairs neighbor arguing over parking. Verbal only, no threats, nobody hurt.",
    )
    call = await intake.report(body)
    assert call["status"] == "in_review"
    assert "weapons" in call["decision"]["missing"]
    answer = (await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"weapons": "no"}})).json()
    assert (answer["status"], answer["review_by"], answer["decision"]["verdict"]) == ("queued", None, "safe")
    await eventually(lambda: intake.dispatch.wishes)


async def test_a_linked_calls_danger_withdraws_this_one_and_the_other_way_round(intake: Intake) -> None:
    first = await intake.report(safe_report())
    second = await intake.report(safe_report(linked_to=[first["cad_event_id"]]))
    assert second["status"] == "queued"
    await intake.post(f"/v1/calls/{second['id']}/updates", {"answers": {"weapons": "yes"}})
    assert (await intake.call(first["id"]))["return_reason"] == "risk_rose"
    third = await intake.report(safe_report(linked_to=[second["cad_event_id"]]))
    assert third["decision"]["verdict"] == "unsafe"


async def test_a_link_made_by_an_update_shares_danger_too(intake: Intake) -> None:
    bad = await intake.report(dangerous_report())
    call = await intake.report(safe_report())
    answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"linked_to": [bad["cad_event_id"]]})
    assert answer.json()["return_reason"] == "risk_rose"


async def test_calls_of_another_cad_are_never_linked(intake: Intake) -> None:
    bad = await intake.report(dangerous_report(cad_system="lafd-cad"))
    call = await intake.report(safe_report(linked_to=[bad["cad_event_id"]]))
    assert call["status"] == "queued"


class TestPoliceStaged:
    async def cleared(self, intake: Intake) -> str:
        """Return a call that a reviewer has cleared for a team with police staged."""
        await intake.reviewer_reads_the_queue()
        call = await intake.report(safe_report(answers={**DENIED, "intoxication": "yes", "relationship": "neighbor"}))
        if call["decision"]["disposition"] != "civilian_with_co_response":
            pytest.skip("this protocol has no co-response for intoxication")
        answer = await intake.post(
            f"/v1/calls/{call['id']}/review",
            {"decision": "send_civilian", "reason": "ok with police near", "version": call["version"]}, Role.REVIEWER,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return str(call["id"])

    async def may_depart(self, intake: Intake) -> bool:
        return bool((await intake.rows("SELECT may_depart FROM intake.wish"))[0].may_depart)

    async def test_the_newest_observation_wins_and_at_a_tie_false(self, intake: Intake) -> None:
        call = await self.cleared(intake)
        now = datetime.now(UTC)

        async def say(*, staged: bool, at: datetime, **more: str) -> bool:
            body = {"police_staged": staged, "observed_at": at.isoformat(), **more}
            answer = await intake.post(f"/v1/calls/{call}/updates", body)
            assert answer.status_code == 200, answer.text
            return await self.may_depart(intake)

        assert await self.may_depart(intake) is False
        assert await say(staged=True, at=now) is True
        assert await say(staged=False, at=now - timedelta(seconds=5)) is True
        assert await say(staged=False, at=now) is False
        assert await say(staged=True, at=now, language="en") is False  # another body: not merely the first one again
        assert await say(staged=True, at=now + timedelta(seconds=1)) is True

    async def test_an_observation_from_the_future_is_refused(self, intake: Intake) -> None:
        call = await intake.report(safe_report())
        at = (datetime.now(UTC) + timedelta(minutes=9)).isoformat()
        answer = await intake.post(f"/v1/calls/{call['id']}/updates", {"police_staged": True, "observed_at": at})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/observed_at")
