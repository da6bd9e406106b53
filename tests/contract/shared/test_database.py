"""Units of work, the clock that steps back, alerts and health, on a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import Select, select, text
from sqlalchemy.exc import DBAPIError

from services.teams.tables import alert, clock_watch, idempotency_key
from shared import edge, idempotency
from shared.alerts import KEY, Alarm, Severity, alerts_router, raise_alert, resolve
from shared.auth import Caller, Role, issue
from shared.clock import clock, stepped_back
from shared.db import Database
from shared.health import database_check, health_router
from shared.wake import Hub
from tests import pg

SECRET = "only-for-tests-and-long-enough-for-anything"


async def test_effects_run_after_the_commit_and_never_without_one(teams_db: Database) -> None:
    seen: list[Any] = []
    async with teams_db.transaction() as unit:
        await unit.conn.execute(alert.insert().values(**row("a")))
        unit.then(lambda: seen.append("done"))
        assert seen == []
    assert seen == ["done"]

    async def fails() -> None:
        async with teams_db.transaction() as unit:
            await unit.conn.execute(alert.insert().values(**row("b")))
            unit.then(lambda: seen.append("never"))
            raise KeyError

    with pytest.raises(KeyError):
        await fails()
    assert seen == ["done"]
    async with teams_db.autocommit() as unit:
        assert (await unit.conn.execute(select(alert.c.kind))).scalars().all() == ["a"]


async def test_a_commit_that_fails_has_no_effect(teams_db: Database) -> None:
    seen: list[str] = []

    async def lost_before_the_commit() -> None:
        async with teams_db.transaction() as unit:
            await unit.conn.execute(alert.insert().values(**row("a")))
            unit.then(lambda: seen.append("never"))
            mine = await unit.conn.scalar(text("SELECT pg_backend_pid()"))
            await teams_db.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": mine})

    with pytest.raises((DBAPIError, OSError)):
        await lost_before_the_commit()
    assert seen == []
    assert await teams_db.scalar(select(alert.c.kind)) is None


async def test_a_statement_that_commits_by_itself_has_its_effect_though_the_caller_is_refused(
    teams_db: Database,
) -> None:
    """What is written is written: whoever waits for it must hear of it."""
    seen: list[str] = []

    async def refused_afterwards() -> None:
        async with teams_db.autocommit() as unit:
            await unit.conn.execute(alert.insert().values(**row("a")))
            unit.then(lambda: seen.append("woken"))
            raise KeyError

    with pytest.raises(KeyError):
        await refused_afterwards()
    assert seen == ["woken"]
    assert await teams_db.scalar(select(alert.c.kind)) == "a"


def row(kind: str) -> dict[str, Any]:
    return {
        "id": uuid4(), "kind": kind, "subject": "s", "severity": 2, "title": "t", "raised_at": clock("teams")
    }  # fmt: skip


@pytest.mark.parametrize("setting", ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"])
async def test_every_session_has_short_timeouts_and_utc(teams_db: Database, setting: str) -> None:
    for engine in (teams_db.transactions, teams_db.statements):
        async with engine.connect() as conn:
            assert await conn.scalar(text(f"SELECT current_setting('{setting}')")) not in {"0", ""}
            assert await conn.scalar(text("SHOW timezone")) == "UTC"


async def test_an_error_does_not_tell_what_was_sent(teams_db: Database) -> None:
    with pytest.raises(DBAPIError) as raised:
        await teams_db.scalar(text("SELECT CAST(:words AS integer)"), {"words": "he said that"})
    assert "he said that" not in str(raised.value).replace(str(raised.value.orig), "")


UNSENDABLE = {
    "half a pair": select(alert.c.id).where(alert.c.kind == "\ud800"),
    "too large": select(alert.c.id).limit(10**400),
}


@pytest.mark.parametrize("statement", UNSENDABLE.values(), ids=UNSENDABLE)
async def test_a_value_that_cannot_be_sent_leaves_no_lock(
    teams_db: Database, fresh_database: pg.Clone, statement: Select[Any]
) -> None:
    locks = """
        SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    async with pg.connected(fresh_database.admin) as admin:
        for unit in (teams_db.autocommit(), teams_db.transaction()):
            with pytest.raises(DBAPIError):
                async with unit as begun:
                    await begun.conn.execute(statement)
            assert await admin.fetchval(locks) == 0
    assert await teams_db.scalar(text("SELECT 1")) == 1


async def watch(db: Database) -> timedelta:
    async with db.transaction() as unit:
        return await stepped_back(unit.conn, clock_watch)


async def latest_in(admin: Any, ahead: timedelta) -> None:
    await admin.execute("UPDATE teams.clock_watch SET latest_at = clock_timestamp() + $1::interval", ahead)


async def test_time_that_goes_on_is_no_step(teams_db: Database) -> None:
    assert [await watch(teams_db) for _ in range(3)] == [timedelta(0)] * 3


@pytest.mark.parametrize("ahead_s", [6, 3600, 86_400 * 400])
async def test_a_step_back_of_over_5_s_is_seen_by_exactly_one_replica(
    teams_db: Database, fresh_database: pg.Clone, ahead_s: int
) -> None:
    await watch(teams_db)
    async with pg.connected(fresh_database.admin) as admin:
        await latest_in(admin, timedelta(seconds=ahead_s))
    steps = await asyncio.gather(*(watch(teams_db) for _ in range(8)))
    (step,) = [step for step in steps if step]
    assert timedelta(seconds=ahead_s - 2) < step <= timedelta(seconds=ahead_s)
    assert await watch(teams_db) == timedelta(0)


async def test_a_replica_that_looks_while_another_moves_the_deadlines_waits_and_sees_no_step(
    teams_db: Database, fresh_database: pg.Clone
) -> None:
    await watch(teams_db)
    async with pg.connected(fresh_database.admin) as admin:
        await latest_in(admin, timedelta(hours=1))
    async with teams_db.transaction() as moving:
        assert await stepped_back(moving.conn, clock_watch)
        other = asyncio.create_task(watch(teams_db))
        await asyncio.sleep(0.2)
        assert not other.done()
    assert await other == timedelta(0)


async def test_a_small_step_back_is_none_and_does_not_lower_the_latest_time(
    teams_db: Database, fresh_database: pg.Clone
) -> None:
    await watch(teams_db)
    async with pg.connected(fresh_database.admin) as admin:
        await latest_in(admin, timedelta(seconds=4))
        before = await admin.fetchval("SELECT latest_at FROM teams.clock_watch")
        assert await watch(teams_db) == timedelta(0)
        assert await admin.fetchval("SELECT latest_at FROM teams.clock_watch") == before


async def test_two_replicas_may_look_at_the_clock_for_the_first_time_at_once(teams_db: Database) -> None:
    assert await asyncio.gather(*(watch(teams_db) for _ in range(8))) == [timedelta(0)] * 8


@asynccontextmanager
async def running(db: Database, hub: Hub) -> AsyncIterator[httpx2.AsyncClient]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield

    app = edge.application(title="t", description="d", version="1", table=idempotency.PROBLEM, lifespan=lifespan)
    app.state.token_secret, app.state.db, app.state.hub = SECRET, db, hub
    app.state.idempotency_table = idempotency_key
    app.include_router(alerts_router(alert))
    token = issue(SECRET, Caller(Role.SUPERVISOR, "sam"))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://t", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        yield client


async def raised(db: Database, *alarms: Alarm) -> list[bool]:
    new = []
    for alarm in alarms:
        async with db.transaction() as unit:
            new.append(await raise_alert(unit.conn, alert, alarm))
    return new


async def test_alerts_are_listed_worst_first_then_by_when_one_must_act(teams_db: Database) -> None:
    minute = timedelta(minutes=1)
    await raised(
        teams_db,
        Alarm("later", "c", Severity.CALL, "t", then="the call is returned", within=5 * minute),
        Alarm("whenever", "c", Severity.CALL, "t"),
        Alarm("slow", "c", Severity.SERVICE, "t", within=minute),
        Alarm("sooner", "c", Severity.CALL, "t", within=minute),
        Alarm("danger", "c", Severity.LIFE, "t"),
    )
    async with running(teams_db, Hub("", "c")) as client:
        items = (await client.get("/v1/alerts")).json()["items"]
    assert [item["kind"] for item in items] == ["danger", "sooner", "later", "whenever", "slow"]
    assert (items[2]["then"], items[2]["act_by"] > items[2]["raised_at"]) == ("the call is returned", True)


async def test_one_matter_is_one_alert_until_it_is_over(teams_db: Database) -> None:
    alarm = Alarm("silent", "call-1", Severity.CALL, "t")
    assert await raised(teams_db, alarm, alarm, alarm._replace(subject="call-2")) == [True, False, True]
    results = await asyncio.gather(*(raised(teams_db, Alarm("x", "y", Severity.CALL, "t")) for _ in range(8)))
    assert sorted(results) == [[False]] * 7 + [[True]]
    async with teams_db.transaction() as unit:
        assert await resolve(unit.conn, alert, "call-1", "silent")
        assert not await resolve(unit.conn, alert, "call-1", "silent")
        assert not await resolve(unit.conn, alert, "call-2", "other kind")
    assert await raised(teams_db, alarm) == [True]
    async with teams_db.transaction() as unit:
        assert await resolve(unit.conn, alert, "call-2")


async def test_an_acknowledgement_names_the_first_who_gave_it_and_leaves_the_alert_open(teams_db: Database) -> None:
    await raised(teams_db, Alarm("silent", "call-1", Severity.CALL, "t"))
    async with running(teams_db, Hub("", "c")) as client:
        (item,) = (await client.get("/v1/alerts")).json()["items"]
        path = f"/v1/alerts/{item['id']}/acknowledge"
        first = await client.post(path)
        other = issue(SECRET, Caller(Role.SUPERVISOR, "alex"))
        second = await client.post(path, headers={"Authorization": f"Bearer {other}"})
        assert (first.json()["acknowledged_by"], second.json()) == ("supervisor:sam", first.json())
        assert (await client.get("/v1/alerts")).json()["items"] == [first.json()]
        assert (await client.post(f"/v1/alerts/{uuid4()}/acknowledge")).status_code == 404
        auditor = issue(SECRET, Caller(Role.AUDITOR, "a"))
        refused = await client.post(path, headers={"Authorization": f"Bearer {auditor}"})
        assert refused.status_code == 403


async def test_who_waits_for_alerts_hears_of_a_new_one_at_once(teams_db: Database) -> None:
    hub = Hub("", "c")
    async with running(teams_db, hub) as client:
        known = (await client.get("/v1/alerts")).headers["ETag"]
        waiting = asyncio.create_task(client.get("/v1/alerts", headers={"If-None-Match": known, "Prefer": "wait=30"}))
        await asyncio.sleep(0.1)
        await raised(teams_db, Alarm("danger", "c", Severity.LIFE, "t"))
        hub.wake(KEY)
        answer = await asyncio.wait_for(waiting, 10)
    assert [item["kind"] for item in answer.json()["items"]] == ["danger"]


async def health(db: Database, head: str | None, path: str) -> httpx2.Response:
    app = FastAPI()

    async def away() -> str | None:
        return "does not answer"

    app.include_router(health_router({"database": database_check(db, "teams", head)}, {"dispatch": away}))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://t") as client:
        return await client.get(path)


async def test_ready_means_a_database_at_our_migrations_and_a_peer_only_degrades(teams_db: Database) -> None:
    at = await teams_db.scalar(text("SELECT version_num FROM teams.alembic_version"))
    ready = await health(teams_db, at, "/readyz")
    assert (ready.status_code, ready.json()) == (
        200, {"ready": True, "failing": {}, "degraded": {"dispatch": "does not answer"}}
    )  # fmt: skip
    behind = await health(teams_db, "a_later_one", "/readyz")
    assert (behind.status_code, behind.json()["failing"]) == (
        503, {"database": f"migrations are at {at}, this code needs a_later_one"}
    )  # fmt: skip


async def test_without_a_database_the_process_is_alive_and_not_ready(dsn: str) -> None:
    away = Database(dsn.replace("@127.0.0.1:", "@127.0.0.1:1"), application="test")
    assert (await health(away, None, "/healthz")).json() == {"status": "alive"}
    unready = await health(away, None, "/readyz")
    assert unready.status_code == 503
    assert unready.json()["failing"]["database"].startswith("the database does not answer")
    assert b"process_start_time_seconds" in (await health(away, None, "/metrics")).content
    await away.close()
