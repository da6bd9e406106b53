"""Dispatch's news of an incident, applied to its call."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from shared.auth import Role
from tests.contract.intake.conftest import Intake, eventually, safe_report
from tests.contract.intake.fakes import assigned, view


async def queued(intake: Intake) -> str:
    """Return a call that dispatch has."""
    call = await intake.report(safe_report())
    await eventually(lambda: intake.dispatch.wishes)
    await eventually_known(intake, call["id"], 1)
    return str(call["id"])


async def eventually_known(intake: Intake, call_id: str, version: int) -> None:
    """Wait until intake has applied that version of dispatch's view."""
    for _ in range(1000):
        [row] = await intake.rows("SELECT progress_version FROM intake.call WHERE id = :id", id=call_id)
        if row.progress_version >= version:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the answer to the wish was not applied")


def event(seq: int, action: str, **more: Any) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    return {"seq": seq, "at": at, "actor": "team:b", "action": action, "from": None, "to": None, "reason": None, **more}


async def test_the_answer_to_a_wish_is_applied_as_news(intake: Intake) -> None:
    call = await queued(intake)
    [row] = await intake.rows("SELECT confirmed_seq, seq, next_try_at FROM intake.wish")
    assert (row.confirmed_seq, row.seq, row.next_try_at) == (1, 1, None)
    assert (await intake.call(call))["status"] == "queued"


async def test_a_calls_whole_way_and_its_timeline(intake: Intake) -> None:
    call = await queued(intake)
    for version, status in enumerate(("offered", "accepted", "en_route", "on_scene"), 2):
        receipt = await intake.progress(
            call, view(version, "committed", assignment=assigned(status), events=[event(version - 1, status)])
        )
        assert receipt == {"status": status, "version": version, "events_through": version - 1}
        assert (await intake.call(call))["assignment"]["status"] == status
    receipt = await intake.progress(
        call,
        view(
            6, "ended", act_in_s=None, outcome="agreement", assignment=assigned("cleared"), events=[event(5, "clear")]
        ),
    )
    closed = await intake.call(call)
    assert (closed["status"], closed["outcome"], closed["hand_back_by"]) == ("closed", "agreement", None)
    items = (await intake.get(f"/v1/calls/{call}/timeline", Role.AUDITOR)).json()["items"]
    assert [(i["service"], i["seq"]) for i in items if i["service"] == "dispatch"] == [
        ("dispatch", n) for n in range(1, 6)
    ]
    assert [i["to"] for i in items if i["action"] == "moved"] == [
        "offered",
        "accepted",
        "en_route",
        "on_scene",
        "closed",
    ]
    assert [i["seq"] for i in items if i["service"] == "intake"] == list(range(1, 8))


async def test_an_older_version_changes_nothing(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(5, "committed", assignment=assigned("en_route")))
    before = await intake.call(call)
    receipt = await intake.progress(call, view(4, "committed", assignment=assigned("accepted")))
    assert receipt["version"] == 5
    assert {**await intake.call(call), "hand_back_by": None} == {**before, "hand_back_by": None}


async def test_the_same_version_again_changes_nothing_but_brings_what_history_is_missing(intake: Intake) -> None:
    call = await queued(intake)  # without a deadline, which would be a later one when the machine is slow
    await intake.progress(
        call, view(2, "committed", act_in_s=None, assignment=assigned("accepted"), events=[event(1, "accept")])
    )
    version = (await intake.call(call))["version"]
    await intake.progress(
        call, view(2, "committed", act_in_s=None, assignment=assigned("accepted"), events=[event(1, "accept")])
    )
    assert (await intake.call(call))["version"] == version
    receipt = await intake.progress(
        call, view(2, "committed", act_in_s=None, assignment=assigned("accepted"), events=[event(2, "check_in")])
    )
    assert receipt["events_through"] == 2


async def test_history_with_a_gap_is_not_taken(intake: Intake) -> None:
    call = await queued(intake)
    receipt = await intake.progress(call, view(2, events=[event(3, "late")]))
    assert receipt["events_through"] == 0
    receipt = await intake.progress(call, view(3, events=[event(1, "a"), event(2, "b"), event(3, "late")]))
    assert receipt["events_through"] == 3


async def test_what_is_final_stays_final(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", assignment=assigned("accepted")))
    await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
    receipt = await intake.progress(
        call,
        view(
            3, "ended", act_in_s=None, outcome="agreement", assignment=assigned("cleared"), events=[event(1, "clear")]
        ),
    )
    assert receipt == {"status": "returned", "version": 3, "events_through": 1}
    after = await intake.call(call)
    assert (after["status"], after["return_reason"], after["outcome"]) == ("returned", "risk_rose", None)
    assert after["assignment"]["status"] == "cleared"


@pytest.mark.parametrize(
    ("ending", "reason", "recommended"),
    [
        ({"return_reason": "no_team_accepted"}, "no_team_accepted", "police"),
        ({"return_reason": "team_escalated", "needs": "ems"}, "team_escalated", "ems_fire"),
        ({"return_reason": "team_escalated", "needs": "police"}, "team_escalated", "police"),
        ({"return_reason": "a word of tomorrow"}, "system_fault", "police"),
        ({}, "system_fault", "police"),
        ({"outcome": "agreement", "return_reason": "team_silent"}, "team_silent", "police"),
    ],
)
async def test_an_incident_that_ended_otherwise_returns_the_call(
    intake: Intake, ending: dict[str, Any], reason: str, recommended: str
) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "ended", act_in_s=None, **ending))
    after = await intake.call(call)
    assert (after["status"], after["return_reason"], after["recommended_response"]) == ("returned", reason, recommended)
    assert after["acknowledge_by"] is not None
    [wish] = await intake.rows("SELECT wanted FROM intake.wish")
    assert wish.wanted == "withdrawn"  # a dispatch that is set back must not offer it again


async def test_while_a_reviewer_has_the_call_what_dispatch_does_before_acceptance_is_hidden(intake: Intake) -> None:
    call = await queued(intake)
    await intake.reviewer_reads_the_queue()
    await intake.post(f"/v1/calls/{call}/updates", {"answers": {"intoxication": "yes"}})
    await intake.progress(call, view(2, "committed", assignment=assigned("offered")))
    assert (await intake.call(call))["status"] == "in_review"
    await intake.progress(call, view(3, "committed", assignment=assigned("accepted")))
    accepted = await intake.call(call)
    assert accepted["status"] == "accepted"
    assert accepted["review_by"] is not None


async def test_a_crew_that_is_lost_puts_the_call_back_into_the_queue(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", assignment=assigned("accepted")))
    await intake.progress(call, view(3, "waiting", assignment=assigned("withdrawing")))
    assert (await intake.call(call))["status"] == "queued"


async def test_intakes_own_deadline_follows_dispatchs(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", act_in_s=100, assignment=assigned("accepted")))
    [row] = await intake.rows("SELECT act_by - intake.clock() AS left FROM intake.call")
    assert timedelta(seconds=125) < row.left <= timedelta(seconds=130)
    shown = await intake.call(call)
    left = datetime.fromisoformat(shown["hand_back_by"]) - datetime.now(UTC)
    assert timedelta(seconds=180) < left <= timedelta(seconds=191)  # a minute after that, once a team has accepted


async def test_dispatchs_clock_does_not_matter_only_how_long_it_gives(intake: Intake) -> None:
    call = await queued(intake)
    ahead = datetime.now(UTC) + timedelta(days=300)
    news = view(2).model_copy(update={"at": ahead, "act_by": ahead + timedelta(seconds=50)})
    await intake.progress(call, news)
    [row] = await intake.rows("SELECT act_by - intake.clock() AS left FROM intake.call")
    assert timedelta(seconds=75) < row.left <= timedelta(seconds=80)


async def test_a_notice_shows_on_the_call_once_and_is_acknowledged(intake: Intake) -> None:
    call = await queued(intake)
    notice = {"id": str(uuid4()), "kind": "check_on_team", "text": "No word for 20 min.", "position": None,
              "at": datetime.now(UTC).isoformat()}  # fmt: skip
    for version in (2, 3):
        await intake.progress(call, view(version, "committed", assignment=assigned("on_scene"), notices=[notice]))
    [shown] = (await intake.call(call))["notices"]
    assert (shown["kind"], shown["acknowledged_at"]) == ("check_on_team", None)
    answer = await intake.post(f"/v1/calls/{call}/acknowledge", {"notice_id": notice["id"], "operator": "desk-4"})
    assert answer.json()["notices"][0]["acknowledged_at"] is not None
    again = await intake.post(f"/v1/calls/{call}/acknowledge", {"notice_id": notice["id"]})
    assert again.json()["version"] == answer.json()["version"]
    assert (await intake.post(f"/v1/calls/{call}/acknowledge", {"notice_id": str(uuid4())})).status_code == 404


async def test_news_of_an_unknown_call_is_404(intake: Intake) -> None:
    body = view(1).model_dump(mode="json", by_alias=True)
    assert (await intake.request("PUT", f"/v1/calls/{uuid4()}/progress", Role.SERVICE, json=body)).status_code == 404
    assert (await intake.request("PUT", f"/v1/calls/{uuid4()}/progress", Role.CAD, json=body)).status_code == 403


async def test_an_update_and_news_at_once_are_both_kept(intake: Intake) -> None:
    call = await queued(intake)
    for round_ in range(10):
        results = await asyncio.gather(
            intake.progress(call, view(10 + round_, "committed", assignment=assigned("accepted"))),
            intake.post(f"/v1/calls/{call}/updates", {"narrative": f"Still about parking, {round_}."}),
            intake.progress(call, view(30 + round_, "committed", assignment=assigned("en_route"))),
        )
        assert results[1].status_code == 200
    after = await intake.call(call)
    assert after["status"] == "en_route"
    assert len(after["statements"]) == 11
    [row] = await intake.rows("SELECT progress_version FROM intake.call")
    assert row.progress_version == 39


@pytest.mark.parametrize(
    ("at", "act_by"),
    [("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"), ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")],
)
async def test_a_deadline_of_no_time_of_ours_is_one_that_comes(intake: Intake, at: str, act_by: str) -> None:
    call = await queued(intake)
    news = view(2).model_dump(mode="json", by_alias=True) | {"at": at, "act_by": act_by}
    answer = await intake.request("PUT", f"/v1/calls/{call}/progress", Role.SERVICE, json=news)
    assert answer.status_code == 200, answer.text
    [row] = await intake.rows("SELECT act_by - intake.clock() AS left FROM intake.call")
    assert abs(row.left) < timedelta(days=32)
