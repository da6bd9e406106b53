"""The queries that run all day find their rows by index, however much history lies beside them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from services.teams import queries, store
from services.teams.commands.holds import put_hold, release_hold
from services.teams.scope import Scope
from shared.auth import Caller, Role
from shared.db import Database, Unit
from tests import pg

SCOPE = Scope("los-angeles", Caller(Role.SERVICE, "dispatch"), lambda _: None)
TEAM = UUID(int=1)
FILL = """
    INSERT INTO teams.provider VALUES ('00000000-0000-0000-0000-00000000000a', 'los-angeles', 'P', 'city', '{}', 1, now());
    INSERT INTO teams.provider SELECT gen_random_uuid(), 'los-angeles', 'Q' || n, 'city', '{}', 1, now() FROM generate_series(1, 1000) n;
    INSERT INTO teams.team SELECT lpad(to_hex(n), 32, '0')::uuid, 'los-angeles', '00000000-0000-0000-0000-00000000000a',
        'T' || n, ARRAY['mediator'], ARRAY['en'], '{}', 2, 34, -118, '[{"id": "a", "name": "A"}]', '[]', '{}', 1, now()
        FROM generate_series(1, 3000) n;
    INSERT INTO teams.duty SELECT id, jurisdiction, 'available', '{}', NULL, NULL, now(), 1, NULL, 1 FROM teams.team;
    INSERT INTO teams.shift_plan SELECT id, jurisdiction, '{}', 1 FROM teams.team;
    INSERT INTO teams.hold SELECT gen_random_uuid(), 'los-angeles', lpad(to_hex(n % 3000 + 1), 32, '0')::uuid,
        gen_random_uuid(), now(), now() FROM generate_series(1, 20000) n;
    INSERT INTO teams.team_event (jurisdiction, team_id, at, actor, kind, action, detail)
        SELECT 'los-angeles', lpad(to_hex(n % 3000 + 1), 32, '0')::uuid, now(), 'x', 'duty', 'x', '{}'
        FROM generate_series(1, 20000) n;
    INSERT INTO teams.position_trace SELECT lpad(to_hex(n % 3000 + 1), 32, '0')::uuid,
        date_trunc('minute', now()) - n * interval '4.3 s', 'los-angeles', 34, -118 FROM generate_series(1, 20000) n;
    INSERT INTO teams.position SELECT id, jurisdiction, 34, -118, 5, now(), now() FROM teams.team;
    ANALYZE
"""


async def hold(unit: Unit) -> None:
    with pytest.raises(Exception, match="cannot be held"):
        await put_hold(unit, SCOPE, UUID(int=7), TEAM, UUID(int=8), restore=False)
    await put_hold(unit, SCOPE, UUID(int=7), TEAM, UUID(int=8), restore=True)


WORK: dict[str, Callable[[Unit], Awaitable[Any]]] = {
    "one team": lambda unit: queries.find_team(unit.conn, SCOPE, TEAM),
    "live holds": lambda unit: queries.live_holds(unit.conn, SCOPE),
    "history": lambda unit: queries.history(unit.conn, SCOPE, TEAM, before=None, limit=50),
    "hold": hold,
    "release": lambda unit: release_hold(unit, SCOPE, UUID(int=9)),
    "what ends": lambda unit: store.end_duties(unit.conn, "los-angeles", {"break": "available"}, "x"),
    "old traces": lambda unit: store.forget_traces(unit.conn, "los-angeles", timedelta(hours=24)),
}


@pytest.fixture
async def filled(fresh_database: pg.Clone) -> None:
    async with pg.connected(fresh_database.admin) as admin:
        await admin.execute(FILL)


@pytest.mark.parametrize("name", WORK)
async def test_no_table_that_grows_is_read_whole(filled: None, teams_db: Database, name: str) -> None:
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen.append((statement, parameters))

    engine = teams_db.statements.sync_engine
    async with teams_db.autocommit() as unit:
        event.listen(engine, "before_cursor_execute", note)
        await WORK[name](unit)
        event.remove(engine, "before_cursor_execute", note)
        assert seen
        for statement, parameters in seen:
            rows = await unit.conn.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            plan = "\n".join(row[0] for row in rows)
            assert "Seq Scan" not in plan, plan
