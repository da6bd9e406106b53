"""`Idempotency-Key`: one effect whatever happens, also when the twin comes while the first is under way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import text

from services.teams.tables import idempotency_key
from shared import edge, idempotency
from shared.auth import Caller, Role, allow, issue
from shared.db import Database, Unit
from shared.errors import NotFound
from shared.idempotency import OnceOnly, forget_old_keys
from tests import pg

SECRET = "only-for-tests-and-long-enough-for-anything"


class Order(BaseModel):
    name: str


class Shop:
    """An application whose one effect is a row, and whose work can be held up or made to fail."""

    def __init__(self, db: Database) -> None:
        self.calls = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.fails = False
        self.as_response = False

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            yield

        self.app = edge.application(
            title="t", description="d", version="1", table=idempotency.PROBLEM, lifespan=lifespan
        )
        self.app.state.token_secret = SECRET
        self.app.state.db = db
        self.app.state.idempotency_table = idempotency_key

        @self.app.post("/orders", status_code=201)
        async def order(body: Order, once: OnceOnly, _caller: Annotated[Caller, allow(Role.ADMIN)]) -> dict[str, Any]:
            async def work(unit: Unit) -> Any:
                self.calls += 1
                await unit.conn.execute(
                    text(
                        "INSERT INTO teams.provider (id, jurisdiction, name, kind, contact, version, created_at, retired_at)"
                        " VALUES (gen_random_uuid(), 'x', :name, 'city', '{}', 1, teams.clock(), teams.clock())"
                    ),
                    {"name": body.name},
                )
                await self.go_on.wait()
                if self.fails:
                    raise NotFound("No.")
                answer = {"name": body.name, "call": self.calls}
                return JSONResponse(answer, 202) if self.as_response else answer

            return await once(work, status=201)  # type: ignore[no-any-return]  # a replayed answer is a response

    async def post(self, key: str | None, name: str = "one", caller: str = "a") -> httpx2.Response:
        token = issue(SECRET, Caller(Role.ADMIN, caller))
        headers = {"Authorization": f"Bearer {token}", **({} if key is None else {"Idempotency-Key": key})}
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app), base_url="http://t", timeout=30
        ) as client:
            return await client.post("/orders", json={"name": name}, headers=headers)


@pytest.fixture
def shop(teams_db: Database) -> Shop:
    return Shop(teams_db)


async def effects(db: Database) -> int:
    count: int = await db.scalar(text("SELECT count(*) FROM teams.provider"))
    return count


async def somebody_waits(db: Database) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(500):
        if await db.scalar(text(waiting)):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waited")


async def test_the_same_again_replays_the_first_answer(shop: Shop, teams_db: Database) -> None:
    first = await shop.post("k")
    again = await shop.post("k")
    assert (first.status_code, "Idempotency-Replayed" in first.headers) == (201, False)
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert (shop.calls, await effects(teams_db)) == (1, 1)


async def test_a_twin_in_flight_waits_for_the_first_and_gets_its_answer(shop: Shop, teams_db: Database) -> None:
    shop.go_on.clear()
    first = asyncio.create_task(shop.post("k"))
    while shop.calls == 0:  # noqa: ASYNC110 - the first is inside its work
        await asyncio.sleep(0.01)
    twin = asyncio.create_task(shop.post("k"))
    await somebody_waits(teams_db)
    assert not twin.done()
    shop.go_on.set()
    one, two = await first, await twin
    assert one.json() == two.json() == {"name": "one", "call": 1}
    assert two.headers["Idempotency-Replayed"] == "true"
    assert (shop.calls, await effects(teams_db)) == (1, 1)


async def test_a_twin_of_one_that_fails_does_the_work_itself(shop: Shop, teams_db: Database) -> None:
    shop.go_on.clear()
    shop.fails = True
    first = asyncio.create_task(shop.post("k"))
    while shop.calls == 0:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.01)
    twin = asyncio.create_task(shop.post("k"))
    await somebody_waits(teams_db)
    shop.go_on.set()
    assert (await first).status_code == 404
    shop.fails = False
    done = await twin
    if done.status_code == 404:  # it had begun before we turned the failure off
        done = await shop.post("k")
    assert done.status_code == 201
    assert await effects(teams_db) == 1


async def test_sixteen_at_once_have_one_effect_and_one_answer(shop: Shop, teams_db: Database) -> None:
    answers = await asyncio.gather(*(shop.post("k") for _ in range(16)))
    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json() for answer in answers] == [answers[0].json()] * 16
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert await effects(teams_db) == 1


async def test_another_body_under_the_key_is_refused(shop: Shop, teams_db: Database) -> None:
    await shop.post("k", "one")
    other = await shop.post("k", "two")
    assert (other.status_code, other.json()["type"]) == (422, "urn:commonground:problem:idempotency-key-reused")
    assert await effects(teams_db) == 1


async def test_a_refusal_leaves_no_key_behind(shop: Shop, teams_db: Database) -> None:
    shop.fails = True
    assert (await shop.post("k")).status_code == 404
    assert await effects(teams_db) == 0
    shop.fails = False
    assert (await shop.post("k")).status_code == 201


async def test_keys_belong_to_their_caller(shop: Shop, teams_db: Database) -> None:
    assert (await shop.post("k", caller="a")).status_code == 201
    other = await shop.post("k", caller="b")
    assert "Idempotency-Replayed" not in other.headers
    assert await effects(teams_db) == 2


async def test_without_a_key_every_request_counts(shop: Shop, teams_db: Database) -> None:
    await shop.post(None)
    assert (await shop.post(None, "two")).status_code == 201
    assert await effects(teams_db) == 2


async def test_an_answer_that_was_a_response_is_replayed_whole(shop: Shop) -> None:
    shop.as_response = True
    first, again = await shop.post("k"), await shop.post("k")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json() == {"name": "one", "call": 1}


@pytest.mark.parametrize(("key", "status"), [("", 422), ("x" * 201, 422), ("x" * 200, 201)])
async def test_a_key_has_1_to_200_characters(shop: Shop, key: str, status: int) -> None:
    assert (await shop.post(key)).status_code == status


async def test_keys_last_24_hours(shop: Shop, teams_db: Database, fresh_database: pg.Clone) -> None:
    await shop.post("young")
    await shop.post("old", "two")
    async with pg.connected(fresh_database.admin) as admin:
        await admin.execute(
            "UPDATE teams.idempotency_key SET created_at = created_at - interval '24 h 1 min' WHERE key = 'old'"
        )
        await admin.execute(
            "UPDATE teams.idempotency_key SET created_at = created_at - interval '23 h 59 min' WHERE key = 'young'"
        )
        await forget_old_keys(teams_db, idempotency_key)
        assert [row[0] for row in await admin.fetch("SELECT key FROM teams.idempotency_key")] == ["young"]
