"""The feed of changes: every change once, in an order in which none can appear late."""

import asyncio
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from services.intake.queries.feed import BEGINNING, read_changes
from services.intake.store.feed import raise_epoch_if_restored
from shared.auth import Role
from shared.edge import cursor
from tests import pg
from tests.contract.intake.conftest import Intake, dangerous_report, safe_report
from tests.contract.intake.fakes import assigned, view
from tests.contract.intake.test_progress import queued

_ROW = (
    "INSERT INTO intake.change (epoch, jurisdiction, cad_system, what, at) "
    "VALUES (1, 'los-angeles', 'lapd-cad', '{}', intake.clock())"
)


async def changes(intake: Intake, after: str | None = None, **extra: Any) -> dict[str, Any]:
    query = f"?after={after}" if after else ""
    answer = await intake.get(f"/v1/changes{query}", **extra)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_each_change_shows_once_with_the_call_as_it_is_now(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", assignment=assigned("accepted")))
    page = await changes(intake)
    assert [item["what"] for item in page["items"]] == ["reported", "progress", "progress"]
    assert {item["call"]["status"] for item in page["items"]} == {"accepted"}
    assert (await changes(intake, page["next"]))["items"] == []
    middle = await changes(intake, page["items"][0]["cursor"])
    assert [item["cursor"] for item in middle["items"]] == [item["cursor"] for item in page["items"][1:]]


async def test_a_row_is_held_back_while_a_transaction_that_sorts_before_it_is_open(intake: Intake) -> None:
    db, seen = intake.db, []
    async with db.transaction() as first:
        await first.conn.execute(text(_ROW.format("reported")))
        async with db.transaction() as second:
            await second.conn.execute(text(_ROW.format("updated")))
        async with db.autocommit() as unit:  # the later transaction has committed, the earlier one has not
            page = await read_changes(unit.conn, "los-angeles", BEGINNING, cads=None, limit=10)
        assert page.items == []
        assert page.pending is True
        seen.append(page.reached)
    async with db.autocommit() as unit:
        page = await read_changes(unit.conn, "los-angeles", seen[0], cads=None, limit=10)
    assert [item.what for item in page.items] == ["reported", "updated"]


async def test_pages_follow_one_another_without_a_gap(intake: Intake) -> None:
    for _ in range(7):
        await intake.report(dangerous_report())
    found, after = [], None
    for _ in range(4):
        query = "?limit=2" + (f"&after={after}" if after else "")
        page = (await intake.get(f"/v1/changes{query}")).json()
        found += [item["call"]["id"] for item in page["items"]]
        after = page["next"]
    assert len(found) == len(set(found)) == 7


async def test_with_nothing_new_in_time_the_answer_is_empty_and_still_counts(intake: Intake) -> None:
    page = await changes(intake)
    answer = await intake.get(f"/v1/changes?after={page['next']}", headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    assert answer.json()["hand_back_by"] > page["hand_back_by"]


async def test_a_waiting_cad_is_woken(intake: Intake) -> None:
    page = await changes(intake)
    waiting = asyncio.create_task(intake.get(f"/v1/changes?after={page['next']}", headers={"Prefer": "wait=20"}))
    await asyncio.sleep(0.05)
    call = await intake.report(safe_report())
    answer = await asyncio.wait_for(waiting, 10)
    assert answer.json()["items"][0]["call"]["id"] == call["id"]


async def test_latest_begins_now(intake: Intake) -> None:
    await intake.report(dangerous_report())
    page = await changes(intake, "latest")
    assert page["items"] == []
    call = await intake.report(dangerous_report())
    assert [item["call"]["id"] for item in (await changes(intake, page["next"]))["items"]] == [call["id"]]


async def test_a_notice_without_a_call_shows_in_every_cads_feed_once(intake: Intake) -> None:
    notice = {
        "kind": "team_emergency",
        "team_id": str(uuid4()),
        "text": "Panic.",
        "position": None,
        "at": "2026-11-23T12:00:00Z",
    }
    id_ = uuid4()
    for _ in range(2):
        assert (await intake.request("PUT", f"/v1/notices/{id_}", Role.SERVICE, json=notice)).status_code == 200
    for cad in ("lapd-cad", "lafd-cad"):
        [item] = (await changes(intake, cads=frozenset({cad})))["items"]
        assert (item["what"], item["call"], item["notice"]["id"]) == ("notice", None, str(id_))
    alerts = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
    assert [alert["kind"] for alert in alerts] == ["team_emergency"]


async def test_after_a_restore_from_a_dump_the_cursor_still_finds_what_is_new(
    intake: Intake, database: pg.Clone
) -> None:
    await intake.report(dangerous_report())
    async with pg.connected(database.admin) as admin:  # as a dump restored on a server that has counted less far
        await admin.execute("UPDATE intake.change SET xid = xid + 1000000000")
    async with intake.db.autocommit() as unit:
        assert await raise_epoch_if_restored(unit.conn) is True
        assert await raise_epoch_if_restored(unit.conn) is False
    page = await changes(intake)
    assert len(page["items"]) == 1  # a row of an earlier epoch is shown, whatever its transaction's id
    call = await intake.report(dangerous_report())
    assert [item["call"]["id"] for item in (await changes(intake, page["items"][-1]["cursor"]))["items"]] == [
        call["id"]
    ]


async def test_a_cursor_from_a_future_that_was_lost_begins_again(intake: Intake) -> None:
    await intake.report(dangerous_report())
    ahead = cursor(1, 10**12, 5)
    assert len((await changes(intake, ahead))["items"]) == 1


async def test_a_cursor_that_is_not_ours_is_refused(intake: Intake) -> None:
    for wrong in ("nonsense", "W10", "WzEsMiwieCJd", "Wy0xLDIsM10"):
        assert (await intake.get(f"/v1/changes?after={wrong}")).status_code == 422
