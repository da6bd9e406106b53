"""Lists, long-polls and history over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.queries import history
from shared.auth import Role
from tests.contract.intake.conftest import Intake, dangerous_report, doubtful_report, safe_report
from tests.contract.intake.fakes import assigned, view
from tests.contract.intake.test_progress import queued


async def test_calls_are_filtered_and_come_newest_first_in_pages(intake: Intake) -> None:
    made = [await intake.report(dangerous_report()) for _ in range(5)]
    await intake.report(safe_report())
    newest_first = [call["id"] for call in reversed(made)]
    found, cursor = [], ""
    for _ in range(3):
        page = (await intake.get(f"/v1/calls?verdict=unsafe&limit=2{cursor}", Role.AUDITOR)).json()
        found += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert found == newest_first
    for query, count in (
        ("status=queued", 1), ("status=returned", 5), ("neighborhood=boyle-heights", 6), ("neighborhood=venice", 0),
        (f"cad_event_id={made[0]['cad_event_id']}", 1), ("verdict=safe&status=returned", 0),
    ):  # fmt: skip
        assert len((await intake.get(f"/v1/calls?{query}")).json()["items"]) == count, query


async def test_received_from_and_to_bound_the_time_of_the_cad(intake: Intake) -> None:
    old = datetime.now(UTC) - timedelta(hours=3)
    call = await intake.report(dangerous_report(received_at=old.isoformat()))
    await intake.report(dangerous_report())
    bounds = {
        "received_from": (old - timedelta(minutes=1)).isoformat(),
        "received_to": (old + timedelta(minutes=1)).isoformat(),
    }
    answer = await intake.get("/v1/calls", params=bounds)
    assert [item["id"] for item in answer.json()["items"]] == [call["id"]]
    assert (await intake.get("/v1/calls?received_from=2026-11-23T10:00:00")).status_code == 422


async def test_wrong_filters_are_refused_and_named(intake: Intake) -> None:
    for query, pointer in (
        ("status=asleep", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
    ):
        answer = await intake.get(f"/v1/calls?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), query


async def test_a_long_poll_of_a_call_ends_with_its_next_change(intake: Intake) -> None:
    call = await queued(intake)
    first = await intake.get(f"/v1/calls/{call}")
    tag = {"If-None-Match": first.headers["etag"], "Prefer": "wait=20"}
    waiting = asyncio.create_task(intake.get(f"/v1/calls/{call}", headers=tag))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await intake.progress(call, view(2, "committed", assignment=assigned("accepted")))
    answer = await asyncio.wait_for(waiting, 10)
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")


async def test_nothing_new_in_time_is_304(intake: Intake) -> None:
    call = await queued(intake)
    tag = (await intake.get(f"/v1/calls/{call}")).headers["etag"]
    answer = await intake.get(f"/v1/calls/{call}", headers={"If-None-Match": tag, "Prefer": "wait=1"})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, tag, b"")
    assert datetime.fromisoformat(answer.headers["hand-back-by"]) > datetime.now(UTC) + timedelta(seconds=115)


async def test_a_waiting_reviewer_is_woken_and_counts_as_there(intake: Intake) -> None:
    empty = await intake.get("/v1/calls?review=open", Role.REVIEWER)
    headers = {"If-None-Match": empty.headers["etag"], "Prefer": "wait=20"}
    waiting = asyncio.create_task(intake.get("/v1/calls?review=open", Role.REVIEWER, headers=headers))
    await asyncio.sleep(0.05)
    call = await intake.report(doubtful_report())
    answer = await asyncio.wait_for(waiting, 10)
    assert [item["id"] for item in answer.json()["items"]] == [call["id"]]


async def test_the_queue_shows_the_soonest_deadline_first(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    made = [(await intake.report(doubtful_report()))["id"] for _ in range(3)]
    first = (await intake.get("/v1/calls?review=open&limit=2", Role.REVIEWER)).json()
    rest = (await intake.get(f"/v1/calls?review=open&limit=2&cursor={first['next']}", Role.REVIEWER)).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made
    assert rest["next"] is None


async def test_every_decision_shows_the_evidence_that_it_read_and_its_digest(intake: Intake) -> None:
    other = await intake.report(safe_report())
    call = await intake.report(safe_report(linked_to=[other["cad_event_id"]]))
    await intake.post(f"/v1/calls/{call['id']}/updates", {"narrative": "Still arguing about parking."})
    page = (await intake.get(f"/v1/calls/{call['id']}/decisions?limit=1", Role.AUDITOR)).json()
    rest = (await intake.get(f"/v1/calls/{call['id']}/decisions?cursor={page['next']}", Role.AUDITOR)).json()
    [first], [second] = page["items"], rest["items"]
    assert [len(item["statements"]) for item in (first, second)] == [2, 3]
    assert first["evidence_digest"] != second["evidence_digest"]
    assert {statement["call_id"] for statement in first["statements"]} == {call["id"], other["id"]}
    assert first["code_version"]
    assert (await intake.get(f"/v1/calls/{call['id']}/decisions", Role.CAD)).status_code == 403


async def test_a_page_of_decisions_reads_no_statements_of_other_pages(intake: Intake) -> None:
    call = await intake.report(safe_report())
    for number in range(6):
        await intake.post(
            f"/v1/calls/{call['id']}/updates", {"narrative": f"Still arguing about parking, part {number}."}
        )
    read: list[int] = []

    class Counting:
        def __init__(self, conn: AsyncConnection) -> None:
            self._conn = conn

        async def execute(self, statement: Any, *values: Any) -> Any:
            if statement is not history._STATEMENTS:
                return await self._conn.execute(statement, *values)
            rows = (await self._conn.execute(statement, *values)).all()
            read.append(len(rows))
            return rows

    async def page(after: int, limit: int) -> list[tuple[int, int]]:
        async with intake.db.autocommit() as unit:
            conn: Any = Counting(unit.conn)
            found = await history.decisions(conn, UUID(call["id"]), after=after, limit=limit)
            return [(row.seq, len(row.statements)) for row in found]

    assert await page(2, 2) == [(3, 3), (4, 4)]
    assert await page(6, 50) == [(7, 7)]
    assert await page(7, 50) == []
    assert read == [2, 1]


async def test_the_timeline_pages(intake: Intake) -> None:
    call = await queued(intake)
    first = (await intake.get(f"/v1/calls/{call}/timeline?limit=1")).json()
    rest = (await intake.get(f"/v1/calls/{call}/timeline?cursor={first['next']}")).json()
    assert [item["action"] for item in first["items"] + rest["items"]] == ["reported", "decided"]
    assert rest["next"] is None
