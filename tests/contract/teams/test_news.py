"""The counter behind the availability's ETag: no order of commits hides a change, and who knows the tag costs no team row."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text

from services.teams import queries, store
from services.teams.api.snapshots import Snapshot, Snapshots
from services.teams.queries import News
from services.teams.scope import Scope
from shared.auth import Caller, Role
from shared.db import Database
from shared.edge import Tagged
from tests import pg
from tests.contract.teams.conftest import ALWAYS, Api

HERE = "los-angeles"
END = text("UPDATE teams.duty SET revision = revision + 1 WHERE team_id = :team")
TOLD = text("""
    INSERT INTO teams.team_event (jurisdiction, team_id, at, actor, kind, action, detail)
    VALUES ('los-angeles', :team, now(), 'test', 'duty', 'duty_changed', '{}')
""")


async def tag(api: Api, known: str | None = None) -> tuple[int, str]:
    headers = {"If-None-Match": known} if known else {}
    answer = await api("GET", "/v1/availability?all=true", role=Role.SERVICE, headers=headers)
    return answer.status_code, answer.headers["ETag"]


async def test_of_two_open_transactions_the_one_that_commits_last_still_shows(api: Api, teams_db: Database) -> None:
    first, second = await api.team_on_duty(), await api.team_on_duty()
    _, known = await tag(api)
    async with teams_db.transactions.connect() as earlier, teams_db.transactions.connect() as later:
        for conn, team in ((earlier, first), (later, second)):  # both are open, the earlier has the lower number
            await conn.execute(END, {"team": team})
            await conn.execute(TOLD, {"team": team})
        await later.commit()
        status, after_later = await tag(api, known)
        assert (status, after_later != known) == (200, True)
        assert await tag(api, after_later) == (304, after_later)
        await earlier.commit()
    status, after_earlier = await tag(api, after_later)
    assert (status, after_earlier != after_later) == (200, True)


async def test_counting_the_news_hides_none_that_is_still_open(api: Api, teams_db: Database) -> None:
    team_id = await api.team_on_duty()
    async with teams_db.transactions.connect() as slow:
        await slow.execute(TOLD, {"team": team_id})
        async with teams_db.autocommit() as unit:
            before = await queries.read_news(unit.conn, HERE)
            await store.fold_news(unit.conn)
            assert (await queries.read_news(unit.conn, HERE)).changes == before.changes
            assert (await unit.conn.execute(text("SELECT count(*) FROM teams.news"))).scalar_one() == 0
        await slow.commit()
    async with teams_db.autocommit() as unit:
        assert (await queries.read_news(unit.conn, HERE)).changes == before.changes + 1


async def test_an_unchanged_snapshot_is_answered_without_touching_a_team(api: Api, app: Any) -> None:
    await api.team_on_duty()
    _, known = await tag(api)
    seen: list[str] = []
    engine = app.state.db.statements.sync_engine

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    assert await tag(api, known) == (304, known)
    (statement,) = [one for one in seen if "news" in one or "teams.team" in one]
    assert "teams.team" not in statement


def ways_to_change(api: Api, team_id: UUID) -> tuple[Callable[[], Awaitable[Any]], ...]:
    """Everything that changes what availability shows of a team on duty; the last one retires it."""
    assignment_id = uuid4()
    ban = {"neighborhood": "boyle-heights", "reason": "a brother lives there", "until": "2999-01-01T00:00:00Z"}
    hand_over = f"/v1/teams/{team_id}/duty/hand-over"
    return (
        lambda: api.hold(team_id, assignment_id),
        lambda: api.release(assignment_id),
        lambda: api.duty(team_id, "break"),
        lambda: api.duty(team_id, "available"),
        lambda: api.ok("POST", hand_over, json={"crew": ["a", "c"]}, headers={"Idempotency-Key": str(uuid4())}),
        lambda: api.ok("PATCH", f"/v1/teams/{team_id}", json={"minimum_crew": 1}),
        lambda: api.ok("PATCH", f"/v1/teams/{team_id}", json={"do_not_send": [ban]}),
        lambda: api.ok("PUT", f"/v1/teams/{team_id}/shifts", json={}),
        lambda: api.ok("PUT", f"/v1/teams/{team_id}/shifts", json=ALWAYS),
        lambda: api.ok("DELETE", f"/v1/teams/{team_id}"),
    )


async def test_every_way_to_change_a_team_is_news(api: Api, teams_db: Database) -> None:
    counts: list[int] = []

    async def count() -> None:
        async with teams_db.autocommit() as unit:
            counts.append((await queries.read_news(unit.conn, HERE)).changes)

    await count()
    team_id = await api.team_on_duty()
    await count()
    for work in ways_to_change(api, team_id):
        await work()
        await count()
    assert counts == sorted(set(counts))


async def test_a_snapshot_made_of_what_is_kept_is_one_that_is_read_anew(api: Api, teams_db: Database) -> None:
    team_id, _other = await api.team_on_duty(), await api.team_on_duty()
    scope, kept, bodies = Scope(HERE, Caller(Role.SERVICE, "test"), lambda _key: None), Snapshots(), []

    async def look(snapshots: Snapshots) -> Tagged:
        async with teams_db.autocommit() as unit:
            return await snapshots.read(unit, scope, everybody=True, known=None)

    for work in (lambda: move(api, team_id), *ways_to_change(api, team_id)):
        await work()
        body = (await look(kept)).body()
        assert json.loads(body) == json.loads((await look(Snapshots())).body())
        bodies.append(body)
    assert (
        len(set(bodies)) == len(bodies) - 4
    )  # released, back, handed over to as many and on shift again, it is as before


async def test_what_is_committed_while_the_teams_are_read_shows_the_next_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    team_id, glance = await api.team_on_duty(), queries.glance

    async def read_just_before(*args: Any) -> Any:
        rows = await glance(*args)
        await api.hold(team_id)
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(queries, "glance", read_just_before)
        _, before = await tag(api)
    status, after = await tag(api, before)
    assert (status, after != before) == (200, True)


async def test_of_a_team_that_is_known_only_what_may_have_moved_is_sent(api: Api, teams_db: Database) -> None:
    team_id = await api.team_on_duty()
    await move(api, team_id)
    scope = Scope(HERE, Caller(Role.SERVICE, "test"), lambda _key: None)
    async with teams_db.autocommit() as unit:
        (whole,) = await queries.glance(unit.conn, scope, {})
        (known,) = await queries.glance(unit.conn, scope, {team_id: whole.revision})
        (other,) = await queries.glance(unit.conn, scope, {team_id: whole.revision - 1, uuid4(): whole.revision})
    sent = len(queries.ALWAYS_SENT)
    assert (known.id, known.revision) == (team_id, whole.revision)
    assert (known.lat_deg, known.received_at) == (whole.lat_deg, whole.received_at) != (None, None)
    assert set(known[sent:]) == {None}
    assert other[sent:] == whole[sent:]


async def move(api: Api, team_id: UUID) -> None:
    fix = {"lat_deg": 34.1, "lon_deg": -118.2, "at": datetime.now(UTC).isoformat()}
    await api.ok("POST", f"/v1/teams/{team_id}/positions", json={"fixes": [fix]}, role=Role.TEAM, team_id=team_id)


NOW = News(datetime.fromisoformat("2026-11-23T18:00:02+00:00"), 7, 3)


@pytest.mark.parametrize(
    ("change", "later_s", "settles", "current"),
    [
        ({}, 0, True, True),
        ({"changes": 8}, 0, False, False),
        ({"positions": 4}, 5, True, True),  # positions count from the next ten seconds on
        ({"positions": 4}, 10, False, False),
        ({}, 10, True, False),
        ({}, 10, False, True),
        ({}, 60, False, False),  # a shift ends
        ({}, -1, False, False),  # the clock went back
    ],
)
def test_how_long_a_tag_is_the_right_one(change: Any, later_s: int, settles: bool, current: bool) -> None:

    kept = Snapshot(Tagged(bytes, 'W/"a"'), NOW, NOW.now + timedelta(seconds=60), settles)
    news = NOW._replace(now=NOW.now + timedelta(seconds=later_s), **change)
    assert kept.is_current(news) is current


async def test_a_whole_snapshot_is_made_again_only_after_a_change_or_a_move(api: Api, app: Any) -> None:
    team_id = await api.team_on_duty()
    reads: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        reads.extend([statement] if "teams.shift_plan" in statement else [])

    async def body() -> Any:
        reads.clear()
        (item,) = (await api.ok("GET", "/v1/availability?all=true", role=Role.SERVICE))["items"]
        return item, len(reads)

    await body()
    event.listen(app.state.db.statements.sync_engine, "before_cursor_execute", note)
    same, first = await body()
    await move(api, team_id)
    moved, second = await body()
    assert (same["position"], moved["position"]["lat_deg"], second) == (None, 34.1, 1)
    await api.hold(team_id)
    held, third = await body()
    assert (held["reasons"], third) == (["held"], 1)
    assert first <= 1  # none, unless ten seconds were over


async def test_when_the_database_was_set_back_nothing_that_was_kept_is_believed(
    api: Api, teams_db: Database, fresh_database: pg.Clone
) -> None:
    team_id = await api.team_on_duty()
    scope, kept = Scope(HERE, Caller(Role.SERVICE, "test"), lambda _key: None), Snapshots()

    async def names() -> list[str]:
        async with teams_db.autocommit() as unit:
            tagged = await kept.read(unit, scope, everybody=True, known=None)
        return [item["team_name"] for item in json.loads(tagged.body())["items"]]

    [now] = await names()
    async with pg.connected(
        fresh_database.admin
    ) as admin:  # an older database: fewer changes, another team of that revision
        await admin.execute("DELETE FROM teams.news WHERE NOT is_position")
        await admin.execute("UPDATE teams.team SET name = 'As it was' WHERE id = $1", team_id)
    assert (now, await names()) == (now, ["As it was"])
    assert now != "As it was"
