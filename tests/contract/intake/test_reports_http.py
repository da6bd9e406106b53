"""Reporting a call over HTTP."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.intake.api.schemas.reports import Report
from services.intake.commands import reports
from services.intake.store.calls import lock_calls
from shared.auth import Caller, Role
from tests.contract.intake.conftest import (
    DENIED,
    Intake,
    dangerous_report,
    doubtful_report,
    eventually,
    safe_report,
)


async def test_a_safe_call_is_queued_and_dispatch_hears_all_it_needs(intake: Intake) -> None:
    call = await intake.report(safe_report())
    assert (call["status"], call["version"], call["decision"]["verdict"]) == ("queued", 2, "safe")
    assert call["neighborhood"] == {"slug": "boyle-heights", "name": "Boyle Heights"}
    assert call["recommended_response"] is None
    assert call["hand_back_by"] is not None
    await eventually(lambda: intake.dispatch.wishes)
    [wish] = intake.dispatch.wishes
    assert (str(wish.call_id), wish.seq, wish.wanted, wish.may_offer, wish.may_depart) == (
        call["id"], 1, "civilian", True, True,
    )  # fmt: skip
    assert wish.facts is not None
    assert wish.facts["disciplines"] == ["mediator"]
    assert wish.facts["languages"]["required"] == ["es"]
    assert wish.facts["catchment"] == ["boyle-heights"]
    assert any("parking" in words["text"] for words in wish.facts["briefing"]["words"])
    assert "suicidal" in wish.facts["briefing"]["unknown"]


async def test_the_wish_goes_with_the_call_in_one_transaction(intake: Intake) -> None:
    intake.dispatch.silent = True
    call = await intake.report(safe_report())
    [row] = await intake.rows(
        "SELECT seq, wanted, confirmed_seq, next_try_at FROM intake.wish WHERE call_id = :id", id=call["id"]
    )
    assert (row.seq, row.wanted, row.confirmed_seq) == (1, "civilian", 0)
    assert row.next_try_at is not None


async def test_a_dangerous_call_is_returned_in_the_answer_and_needs_no_acknowledgement(intake: Intake) -> None:
    call = await intake.report(dangerous_report())
    assert (call["status"], call["return_reason"], call["decision"]["verdict"]) == ("returned", "unsafe", "unsafe")
    assert call["recommended_response"] == "police"
    assert call["hand_back_by"] is None
    assert call["acknowledged_at"] is not None
    assert await intake.rows("SELECT 1 FROM intake.wish") == []


async def test_without_a_reviewer_a_doubtful_call_goes_back_at_once(intake: Intake) -> None:
    call = await intake.report(doubtful_report())
    assert (call["status"], call["return_reason"], call["decision"]["verdict"]) == ("returned", "no_reviewer", "review")


async def test_with_a_reviewer_a_doubtful_call_waits_for_him(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    call = await intake.report(doubtful_report())
    assert (call["status"], call["recommended_response"]) == ("in_review", "police")
    reported = datetime.fromisoformat(call["reported_at"])
    assert datetime.fromisoformat(call["review_by"]) == reported + timedelta(seconds=60)
    [waiting] = await intake.reviewer_reads_the_queue()
    assert waiting["id"] == call["id"]
    assert waiting["statements"][0]["body"]["narrative"].startswith("RP and downstairs")


async def test_the_cads_own_reading_of_the_queue_is_no_reviewer(intake: Intake) -> None:
    assert (await intake.get("/v1/calls?review=open")).status_code == 200
    assert (await intake.report(doubtful_report()))["return_reason"] == "no_reviewer"


async def test_the_same_report_again_answers_the_call_as_it_is_and_decides_nothing(intake: Intake) -> None:
    body = safe_report()
    first = await intake.report(body)
    again = await intake.report(body, status=200)
    assert again["id"] == first["id"]
    assert again["decision"] == first["decision"]
    assert len(await intake.rows("SELECT 1 FROM intake.decision")) == 1


async def test_a_report_that_differs_is_an_update(intake: Intake) -> None:
    body = safe_report()
    first = await intake.report(body)
    worse = await intake.report({**body, "answers": {**DENIED, "weapons": "yes"}}, status=200)
    assert worse["id"] == first["id"]
    assert (worse["status"], worse["return_reason"]) == ("returned", "risk_rose")
    await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")
    assert intake.dispatch.wishes[-1].reason == "risk_rose"


async def answered(intake: Intake, body: Any) -> Any:
    """Post as a CAD does: again after a second while the service is too busy (503)."""
    for _ in range(10):
        answer = await intake.post("/v1/calls", body)
        if answer.status_code != 503:
            break
        await asyncio.sleep(1)
    return answer


async def test_fifty_copies_at_once_make_one_call_with_one_decision(intake: Intake) -> None:
    body = safe_report()
    answers = await asyncio.gather(*(answered(intake, body) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert [answer.status_code for answer in answers].count(201) <= 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({str(answer.json()["decision"]) for answer in answers}) == 1
    assert len(await intake.rows("SELECT 1 FROM intake.call")) == 1
    assert len(await intake.rows("SELECT 1 FROM intake.wish")) == 1


async def test_a_cad_reports_only_in_its_own_name_and_sees_only_its_own_calls(intake: Intake) -> None:
    mine, other = frozenset({"lapd-cad"}), frozenset({"lafd-cad"})
    call = (await intake.post("/v1/calls", safe_report(), cads=mine)).json()
    assert (await intake.post("/v1/calls", safe_report(), cads=other)).status_code == 403
    assert (await intake.get(f"/v1/calls/{call['id']}", cads=other)).status_code == 404
    assert (await intake.get(f"/v1/calls/{call['id']}", cads=mine)).status_code == 200
    assert (await intake.post(f"/v1/calls/{call['id']}/updates", {"narrative": "x"}, cads=other)).status_code == 404
    assert (await intake.get("/v1/calls", cads=other)).json()["items"] == []
    assert (await intake.get("/v1/changes", cads=other)).json()["items"] == []


async def test_a_call_is_also_named_by_the_cads_own_id(intake: Intake) -> None:
    call = await intake.report(dangerous_report(cad_event_id="LPD 7".replace(" ", "-")))
    for ref in ("lapd-cad:LPD-7", "lapd-cad%3ALPD-7", "lapd-cad%3ALPD-7%3A1", call["id"]):
        assert (await intake.get(f"/v1/calls/{ref}")).json()["id"] == call["id"], ref
    for ref in ("lapd-cad:LPD-7:2", "lapd-cad:other", "lapd-cad", ":", "a:b:c:d", "lapd-cad:LPD-7:0"):
        assert (await intake.get(f"/v1/calls/{ref}")).status_code == 404, ref


async def test_a_returned_call_may_be_tried_again_and_old_danger_counts(intake: Intake) -> None:
    body = dangerous_report()
    first = await intake.report(body)
    await intake.reviewer_reads_the_queue()
    second = await intake.report({**safe_report(), "cad_event_id": body["cad_event_id"], "attempt": 2})
    assert second["id"] != first["id"]
    assert second["status"] == "returned"
    assert second["decision"]["verdict"] == "unsafe"  # a yes of the earlier attempt is shared
    newest = await intake.get(f"/v1/calls/lapd-cad:{body['cad_event_id']}")
    assert newest.json()["id"] == second["id"]


@pytest.mark.parametrize("earlier", [None, safe_report()])
async def test_an_attempt_needs_the_one_before_it_to_be_over(intake: Intake, earlier: dict[str, Any] | None) -> None:
    body = earlier or safe_report()
    if earlier:
        await intake.report(earlier)
    answer = await intake.post("/v1/calls", {**body, "attempt": 2})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/attempt"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"location": {"lat_deg": 999, "lon_deg": 0}}, "/location/lat_deg"),
        ({"surprise": 1}, "/surprise"),
        ({"narrative": "x" * 20_000}, "/narrative"),
        ({"narrative": ["a", "b"]}, "/narrative"),
        ({"received_at": "2026-11-23T18:04:11"}, "/received_at"),
        ({"received_at": 1763949851}, "/received_at"),
        ({"received_at": "1999-12-31T23:59:59Z"}, "/received_at"),
        ({"received_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}, "/received_at"),
        ({"narrative": "a\x00b"}, "/narrative"),
        ({"answers": {"weapons": "maybe"}}, "/answers/weapons"),
        ({"answers": {"unheard_of": "yes"}}, "/answers/unheard_of"),
        ({"cad_event_id": "a/b"}, "/cad_event_id"),
        ({"attempt": 0}, "/attempt"),
        ({"location": {"lat_deg": 34.0}}, "/location"),
    ],
)
async def test_a_wrong_report_is_refused_and_the_field_named(
    intake: Intake, wrong: dict[str, Any], pointer: str
) -> None:
    answer = await intake.post("/v1/calls", {**safe_report(), **wrong})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert await intake.rows("SELECT 1 FROM intake.call") == []


async def test_half_a_surrogate_pair_is_refused(intake: Intake) -> None:
    body = json.dumps({**safe_report(), "narrative": "\ud83d"}).encode()
    headers = {"content-type": "application/json"}
    answer = await intake.request("POST", "/v1/calls", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/narrative")


async def test_an_answer_given_twice_is_refused_whichever_comes_last(intake: Intake) -> None:
    body = json.dumps(safe_report()).replace('"weapons": "no"', '"weapons": "yes", "weapons": "no"').encode()
    headers = {"content-type": "application/json"}
    answer = await intake.request("POST", "/v1/calls", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/answers/weapons")
    assert await intake.rows("SELECT 1 FROM intake.call") == []


async def test_a_body_over_64_kib_is_refused(intake: Intake) -> None:
    assert (await intake.post("/v1/calls", safe_report(narrative="x" * 100_000))).status_code == 413


async def test_a_late_report_is_accepted_and_flagged(intake: Intake) -> None:
    early = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    assert (await intake.report(safe_report(received_at=early)))["late"] is True
    assert (await intake.report(safe_report()))["late"] is False


async def test_null_means_absent(intake: Intake) -> None:
    body = safe_report()
    await intake.report(body)
    nulls = {**body, "attempt": None, "linked_to": None, "answers": {**body["answers"], "suicidal": None}}
    await intake.report(nulls, status=200)
    assert len(await intake.rows("SELECT 1 FROM intake.statement")) == 1


async def test_a_call_outside_every_neighborhood_goes_back(intake: Intake) -> None:
    call = await intake.report(safe_report(location={"lat_deg": 40.7, "lon_deg": -74.0}))
    assert (call["status"], call["return_reason"]) == ("returned", "outside_service_area")


async def test_a_partial_report_is_triaged_as_what_it_is(intake: Intake) -> None:
    bare = {"cad_system": "lapd-cad", "cad_event_id": "bare", "received_at": datetime.now(UTC).isoformat()}
    call = await intake.report(bare)
    assert call["decision"]["verdict"] == "review"
    assert call["neighborhood"] is None


async def test_triage_without_a_call_says_the_same_and_keeps_nothing(intake: Intake) -> None:
    body = safe_report()
    said = await intake.post("/v1/triage", body, Role.SUPERVISOR)
    assert said.status_code == 200
    assert await intake.rows("SELECT 1 FROM intake.call") == []
    assert await intake.rows("SELECT 1 FROM intake.statement") == []
    told = await intake.report(body)
    ignored = {"decided_at": None}
    assert {**said.json()["decision"], **ignored} == {**told["decision"], **ignored}


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.SUPERVISOR, Role.AUDITOR, Role.SERVICE])
async def test_only_a_cad_reports(intake: Intake, role: Role) -> None:
    assert (await intake.post("/v1/calls", safe_report(), role)).status_code == 403


async def test_nobody_without_a_token_is_heard(intake: Intake) -> None:
    assert (await intake.client.post("/v1/calls", json=safe_report())).status_code == 401


async def test_two_new_calls_that_name_each_other_at_once_share_their_danger(intake: Intake) -> None:
    one, other = safe_report(), safe_report()
    one["linked_to"], other["linked_to"] = [other["cad_event_id"]], [one["cad_event_id"]]
    other["answers"] = {**DENIED, "weapons": "yes"}
    for answer in await asyncio.gather(answered(intake, one), answered(intake, other)):
        assert answer.status_code in {200, 201}, answer.text
    statuses = {
        row.cad_event_id: row.verdict for row in await intake.rows("SELECT cad_event_id, verdict FROM intake.call")
    }
    assert statuses == {one["cad_event_id"]: "unsafe", other["cad_event_id"]: "unsafe"}


class TestReportsThatMeetALinkedCall:
    """A call that names events which nobody has reported yet is locked here, so that what is begun meanwhile comes in that order."""

    async def in_order(self, intake: Intake, held: str, *requests: Coroutine[Any, Any, Any]) -> list[Any]:
        """Begin one request after the other, each when the one before waits for the call that is held; return the answers."""
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE 'SELECT intake.call.id%'"
        )
        tasks = []
        async with intake.db.transaction() as unit:
            await lock_calls(unit.conn, [UUID(held)])
            for number, request in enumerate(requests, 1):
                tasks.append(asyncio.create_task(request))
                while len(await intake.rows(waiting)) < number:
                    assert not tasks[-1].done(), tasks[-1].result()
        answers = await asyncio.gather(*tasks)
        assert all(answer.status_code in {200, 201} for answer in answers), [answer.text for answer in answers]
        return answers

    @pytest.mark.parametrize("update_first", [False, True])
    async def test_the_first_report_of_an_event_that_a_call_names_shares_the_danger_that_call_is_told_of_meanwhile(
        self, intake: Intake, update_first: bool
    ) -> None:
        new = safe_report()
        call = await intake.report(safe_report(linked_to=[new["cad_event_id"]]))
        danger = intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"weapons": "yes"}})
        reported = intake.post("/v1/calls", new)
        await self.in_order(intake, call["id"], *((danger, reported) if update_first else (reported, danger)))
        ended = await intake.rows("SELECT status, verdict FROM intake.call")
        assert [(row.status, row.verdict) for row in ended] == [("returned", "unsafe")] * 2
        sent = await intake.rows("SELECT wanted FROM intake.wish")
        assert {row.wanted for row in sent} == {"withdrawn"}

    @pytest.mark.parametrize("danger_first", [False, True])
    async def test_two_events_that_a_call_names_reported_at_once_share_their_danger(
        self, intake: Intake, danger_first: bool
    ) -> None:
        bad, calm = dangerous_report(), safe_report()
        call = await intake.report(safe_report(linked_to=[bad["cad_event_id"], calm["cad_event_id"]]))
        both = (bad, calm) if danger_first else (calm, bad)
        await self.in_order(intake, call["id"], *(intake.post("/v1/calls", body) for body in both))
        ended = await intake.rows("SELECT status, verdict FROM intake.call")
        assert [(row.status, row.verdict) for row in ended] == [("returned", "unsafe")] * 3

    async def test_a_newcomer_waits_for_nobody_but_its_own_links(self, intake: Intake) -> None:
        new, other = safe_report(), await intake.report(safe_report())
        call = await intake.report(safe_report(linked_to=[new["cad_event_id"]]))
        async with intake.db.transaction() as unit:
            await lock_calls(unit.conn, [UUID(call["id"])])
            reporting = asyncio.create_task(intake.post("/v1/calls", new))
            assert (await intake.report(safe_report()))["status"] == "queued"  # or no lock in 3 s, and so 503
            told = await intake.post(f"/v1/calls/{other['id']}/updates", {"narrative": "Still about parking."})
            assert (told.status_code, reporting.done()) == (200, False)
        assert (await reporting).status_code == 201

    async def test_reports_that_are_not_linked_do_not_wait_for_each_other(self, intake: Intake) -> None:
        desk, caller = intake.app.state.desk, Caller(Role.CAD, "test", cad_systems=frozenset({"*"}))
        other = await intake.report(safe_report())
        async with intake.db.transaction() as unit:
            first = Report.model_validate(safe_report()).command(caller.actor)
            view, opened = await reports.report(unit, desk, caller, first)  # and has not ended yet
            assert (opened, view.call.status) == (True, "queued")
            assert (await intake.report(safe_report()))["status"] == "queued"  # or no lock in 3 s, and so 503
            told = await intake.post(f"/v1/calls/{other['id']}/updates", {"narrative": "Still about parking."})
            assert told.status_code == 200
