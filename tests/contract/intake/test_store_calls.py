"""The one writing function of the call, on real PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.exc import IntegrityError

from services.intake.commands import reports
from services.intake.commands.wishes import withdrawal
from services.intake.domain.call import CallStatus
from services.intake.store.calls import Call, Event, Filing, file_call, lock_calls
from services.intake.store.progress import read_for_progress
from shared.ids import uuid7
from tests import pg
from tests.contract.intake.conftest import Intake, safe_report
from tests.contract.intake.test_progress import queued

NOW = datetime.now(UTC)


async def known(intake: Intake, call_id: str) -> Call:
    async with intake.db.autocommit() as unit:
        found = await read_for_progress(unit.conn, "los-angeles", UUID(call_id))
    assert found is not None
    return found.call


def filing(action: str = "tested", **more: object) -> Filing:
    return Filing(datetime.now(UTC), "updated", (Event(action, "test"),), **more)  # type: ignore[arg-type]


def next_of(call: Call, **changes: object) -> Call:
    return replace(call, version=call.version + 1, history_count=call.history_count + 1, **changes)  # type: ignore[arg-type]


async def counts(intake: Intake) -> tuple[int, int]:
    [row] = await intake.rows(
        "SELECT (SELECT count(*) FROM intake.call_event) AS e, (SELECT count(*) FROM intake.change) AS c"
    )
    return row.e, row.c


async def test_a_stale_version_writes_nothing_at_all(intake: Intake) -> None:
    call = await known(intake, await queued(intake))
    before = await counts(intake)
    stale = replace(call, version=call.version - 1)
    async with intake.db.autocommit() as unit:
        assert await file_call(unit.conn, stale, next_of(call), filing(wish=withdrawal("cancelled"))) is False
    assert await counts(intake) == before
    assert (await intake.rows("SELECT wanted FROM intake.wish"))[0].wanted == "civilian"


async def test_of_two_that_move_a_call_from_the_same_version_one_wins(intake: Intake) -> None:
    call = await known(intake, await queued(intake))
    before = await counts(intake)

    async def move(action: str) -> bool:
        async with intake.db.autocommit() as unit:
            return await file_call(unit.conn, call, next_of(call), filing(action))

    results = await asyncio.gather(*(move(f"mover_{n}") for n in range(16)))
    assert sum(results) == 1
    assert await counts(intake) == (before[0] + 1, before[1] + 1)


async def test_the_wishs_seq_rises_only_when_it_says_something_else(intake: Intake) -> None:
    call = await known(intake, await queued(intake))
    seqs = []
    for reason in ("cancelled", "cancelled", "risk_rose"):
        async with intake.db.autocommit() as unit:
            after = next_of(call)
            assert await file_call(unit.conn, call, after, filing(wish=withdrawal(reason)))
        call = after
        seqs.append((await intake.rows("SELECT seq FROM intake.wish"))[0].seq)
    assert seqs == [2, 2, 3]


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"act_by": None}, "call_live_has_deadline"),
        ({"verdict": "review"}, "call_queued_is_safe"),
        ({"status": CallStatus.IN_REVIEW}, "call_in_review_has_review_by"),
        ({"status": CallStatus.RETURNED, "final_at": NOW, "acknowledge_by": NOW}, "call_returned_has_reason"),
        ({"status": CallStatus.CLOSED}, "call_final_has_time"),
        ({"cancel_asked": True}, "call_queued_is_safe"),
    ],
)
async def test_the_database_itself_refuses_a_call_without_a_holder_or_a_deadline(
    intake: Intake, changes: dict[str, object], constraint: str
) -> None:
    call = await known(intake, await queued(intake))
    async with intake.db.autocommit() as unit:
        with pytest.raises(IntegrityError, match=constraint):
            await file_call(unit.conn, call, next_of(call, **changes), filing())


async def test_one_call_per_cad_event_and_attempt(intake: Intake, database: pg.Clone) -> None:
    await queued(intake)
    async with pg.connected(database.admin) as admin:
        with pytest.raises(asyncpg.UniqueViolationError, match="call_one_per_cad_event_attempt"):
            await admin.execute(
                "INSERT INTO intake.call SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid()))).* "
                "FROM intake.call c"
            )


@pytest.mark.parametrize(
    "table", ["statement", "decision", "review", "call_event", "progress_event", "change", "plan", "shadow_decision"]
)
async def test_history_cannot_be_changed_by_the_service(intake: Intake, table: str) -> None:
    for verb in (f"DELETE FROM intake.{table}", f"UPDATE intake.{table} SET at = at", f"TRUNCATE intake.{table}"):
        with pytest.raises(Exception, match="permission denied"):
            await intake.rows(verb)


async def test_calls_are_locked_in_the_order_of_their_reports_whatever_their_ids(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the process that makes an id may be behind: a call that joins a group must still be locked last."""
    low, high = sorted((uuid7(), uuid7()))
    ids = iter((high, uuid7(), low, uuid7()))  # of a call and its decision, and again
    monkeypatch.setattr(reports, "uuid7", lambda: next(ids))
    first, second = [UUID((await intake.report(safe_report()))["id"]) for _ in range(2)]
    assert (first, second) == (high, low)
    async with intake.db.transaction() as other:
        await lock_calls(other.conn, [first])

        async def lock_both() -> list[UUID]:
            async with intake.db.transaction() as unit:
                return list(await lock_calls(unit.conn, [second, first]))

        locking = asyncio.create_task(lock_both())
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE 'SELECT intake.call.id%'"
        )
        while not await intake.rows(waiting):
            assert not locking.done()
        free = await intake.rows("SELECT id FROM intake.call FOR UPDATE SKIP LOCKED")
        assert [row.id for row in free] == [second]  # it waits for the older one, and holds no other meanwhile
    assert await locking == [first, second]
