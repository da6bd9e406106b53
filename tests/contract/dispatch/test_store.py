"""What each writing statement promises: fenced, guarded in the statement itself, whole, and never rewriting history."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from services.dispatch import store
from services.dispatch.case import Case
from services.dispatch.domain import assignment as assignments
from services.dispatch.domain import incident as incidents
from services.dispatch.domain.assignment import Action
from services.dispatch.domain.deadlines import Durations
from services.dispatch.domain.guards import Wish
from services.dispatch.step import Step
from shared.db import Database
from tests import pg
from tests.contract.dispatch import fakes

SAFE = Wish("civilian", may_offer=True, may_depart=True, verdict="safe")


@pytest.fixture
async def db(dispatch_db: Database) -> Database:
    """Dispatch's database, intake heard just now."""
    await hear(dispatch_db, 0)
    return dispatch_db


async def hear(db: Database, ago_s: float) -> None:
    async with db.autocommit() as unit:
        await unit.conn.exec_driver_sql(
            "INSERT INTO dispatch.link (jurisdiction, heard_as_of, applied) "
            f"VALUES ('here', dispatch.clock() - interval '{ago_s} s', 0) "
            "ON CONFLICT (jurisdiction) DO UPDATE SET heard_as_of = EXCLUDED.heard_as_of"
        )


async def receive(db: Database, wish: Wish = SAFE) -> UUID:
    call_id = uuid4()
    assign_by = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    new = store.NewIncident(
        call_id, "here", incidents.Status.WAITING, 1, wish, 2, fakes.facts(), assign_by, 900, None, None
    )
    async with db.autocommit() as unit:
        assert await store.receive(unit.conn, new, actor="test")
    return call_id


async def case_of(db: Database, call_id: UUID) -> Case:
    async with db.autocommit() as unit:
        case = await store.read_case(unit.conn, call_id)
    assert case is not None
    return case


async def commit(db: Database, case: Case, team_id: UUID) -> UUID | None:
    step = Step(case, "test", Durations()).incident(incidents.Action.COMMIT)
    new = store.NewAssignment(uuid4(), team_id, "Team", None, {"team": {}}, scheduled=False, drive_s=300, position=None)
    async with db.autocommit() as unit:
        made = await store.commit(unit.conn, step, new, hold_by=(case.now + timedelta(seconds=10)).isoformat())
    return new.id if made else None


async def write(db: Database, step: Step) -> int | None:
    async with db.autocommit() as unit:
        return await store.write(unit.conn, step)


async def reach(db: Database, *actions: Action, wish: Wish = SAFE) -> Case:
    """Return a case whose assignment went through `actions`."""
    call_id = await receive(db, wish)
    assert await commit(db, await case_of(db, call_id), uuid4()) is not None
    for action in actions:
        case = await case_of(db, call_id)
        row = case.committed
        assert row is not None
        assert await write(db, Step(case, "test", Durations()).assignment(row, action)) is not None
    return await case_of(db, call_id)


def step_of(case: Case, action: Action) -> Step:
    row = case.committed
    assert row is not None
    return Step(case, "test", Durations()).assignment(row, action)


async def counted(database: pg.Clone, query: str, *values: Any) -> int:
    async with pg.connected(database.admin) as admin:
        found: int = await admin.fetchval(query, *values)
    return found


async def test_a_stale_case_writes_nothing(db: Database, database: pg.Clone) -> None:
    stale = await reach(db, Action.OFFER)
    assert await write(db, step_of(stale, Action.ACCEPT)) is not None
    before = await counted(database, "SELECT count(*) FROM dispatch.incident_event")
    assert await write(db, step_of(stale, Action.DECLINE)) is None
    assert await write(db, step_of(stale, Action.ACCEPT)) is None
    assert await counted(database, "SELECT count(*) FROM dispatch.incident_event") == before


async def test_a_move_is_fenced_on_the_assignments_version_and_status_too(db: Database, database: pg.Clone) -> None:
    """Whatever wrote past the incident's version (a hand in the database) does not fool the fence."""
    stale = await reach(db, Action.OFFER)
    async with pg.connected(database.admin) as admin:
        await admin.execute("UPDATE dispatch.assignment SET version = version + 1")
    assert await write(db, step_of(stale, Action.ACCEPT)) is None


async def test_a_move_decided_on_an_older_incident_moves_nothing(db: Database, database: pg.Clone) -> None:
    """A wish came in between and changed the incident alone: what was decided before it does not count."""
    stale = await reach(db, Action.OFFER)
    assert await write(db, Step(stale, "intake", Durations()).note("wish", "wish", may_depart=False)) is not None
    assert await write(db, step_of(stale, Action.ACCEPT)) is None
    assert await counted(database, "SELECT count(*) FROM dispatch.assignment WHERE status = 'offered'") == 1


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), Action.OFFER),
        ((Action.OFFER,), Action.ACCEPT),
        ((Action.OFFER, Action.ACCEPT), Action.DEPART),
        ((Action.OFFER, Action.ACCEPT), Action.ARRIVE),
        ((Action.OFFER, Action.ACCEPT, Action.DEPART), Action.ARRIVE),
    ],
)
async def test_the_statement_itself_refuses_to_send_anybody_in_silence(
    db: Database, before: tuple[Action, ...], action: Action
) -> None:
    """The case still says that intake was heard; only the statement sees that it no longer is."""
    case = await reach(db, *before)
    assert case.is_heard
    await hear(db, 31)
    assert await write(db, step_of(case, action)) is None
    await hear(db, -60)
    assert await write(db, step_of(case, action)) is None, "heard in the future is silence"
    await hear(db, 29)
    assert await write(db, step_of(case, action)) is not None


@pytest.mark.parametrize("action", [Action.CHECK_IN, Action.CLEAR, Action.ESCALATE])
async def test_the_statement_lets_a_crew_on_scene_do_what_it_must_in_silence(db: Database, action: Action) -> None:
    case = await reach(db, Action.OFFER, Action.ACCEPT, Action.ARRIVE)
    await hear(db, 3600)
    assert await write(db, step_of(case, action)) is not None


@pytest.mark.parametrize(
    ("column", "value", "refused"),
    [
        ("wanted", "'withdrawn'", {Action.OFFER, Action.ACCEPT, Action.DEPART, Action.ARRIVE}),
        ("verdict", "'review'", {Action.OFFER, Action.ACCEPT, Action.DEPART, Action.ARRIVE}),
        ("verdict", "NULL", {Action.OFFER, Action.ACCEPT, Action.DEPART, Action.ARRIVE}),
        ("may_offer", "false", {Action.OFFER, Action.ACCEPT}),
        ("may_depart", "false", {Action.DEPART, Action.ARRIVE}),
    ],
)
async def test_the_statement_itself_reads_the_newest_wish(
    db: Database, database: pg.Clone, column: str, value: str, refused: set[Action]
) -> None:
    """The wish is changed under the case without its version: only the statement's own guard is left."""
    for before, action in (
        ((), Action.OFFER), ((Action.OFFER,), Action.ACCEPT), ((Action.OFFER, Action.ACCEPT), Action.DEPART),
        ((Action.OFFER, Action.ACCEPT), Action.ARRIVE),
    ):  # fmt: skip
        case = await reach(db, *before)
        async with pg.connected(database.admin) as admin:
            await admin.execute(f"UPDATE dispatch.incident SET {column} = {value} WHERE id = $1", case.incident.id)
        assert (await write(db, step_of(case, action)) is None) == (action in refused), action


async def test_nobody_accepts_an_offer_whose_time_has_passed(db: Database, database: pg.Clone) -> None:
    case = await reach(db, Action.OFFER)
    async with pg.connected(database.admin) as admin:
        await admin.execute("UPDATE dispatch.assignment SET respond_by = dispatch.clock() - interval '1 ms'")
    assert await write(db, step_of(case, Action.ACCEPT)) is None


@pytest.mark.parametrize(
    "wish",
    [
        SAFE._replace(may_offer=False),
        SAFE._replace(verdict="review"),
        SAFE._replace(verdict=None),
        SAFE._replace(wanted="withdrawn"),
    ],
)
async def test_no_team_is_committed_to_a_call_that_may_not_be_offered(db: Database, wish: Wish) -> None:
    assert await commit(db, await case_of(db, await receive(db, wish)), uuid4()) is None


async def test_no_team_is_committed_in_silence(db: Database) -> None:
    case = await case_of(db, await receive(db))
    await hear(db, 31)
    assert await commit(db, case, uuid4()) is None


async def test_a_team_is_never_in_two_places(db: Database, database: pg.Clone) -> None:
    team = uuid4()
    first, second = await receive(db), await receive(db)
    assert await commit(db, await case_of(db, first), team) is not None
    assert await commit(db, await case_of(db, second), team) is None
    case = await case_of(db, second)
    assert (case.incident.status, case.incident.version) == (incidents.Status.WAITING, 1)
    async with pg.connected(database.admin) as admin:
        with pytest.raises(asyncpg.UniqueViolationError, match="assignment_one_live_per_team"):
            await admin.execute(COPY.format(incident="$2", team="team_id"), uuid4(), second)


COPY = """
    INSERT INTO dispatch.assignment (id, jurisdiction, incident_id, team_id, team_name, status, version, created_at, choice, scheduled,
        act_by, watch, stage, hold_released)
    SELECT $1, jurisdiction, {incident}, {team}, team_name, status, version, created_at, choice, scheduled, act_by, watch, stage,
        hold_released FROM dispatch.assignment
"""
"""What no code of ours does: a second live assignment beside the first."""


async def test_the_database_itself_keeps_a_call_from_having_two_teams(db: Database, database: pg.Clone) -> None:
    await reach(db, Action.OFFER)
    async with pg.connected(database.admin) as admin:
        with pytest.raises(asyncpg.UniqueViolationError, match="assignment_one_live_per_incident"):
            await admin.execute(COPY.format(incident="incident_id", team="$2"), uuid4(), uuid4())


async def test_no_call_has_two_teams(db: Database) -> None:
    call = await receive(db)
    case = await case_of(db, call)
    results = await asyncio.gather(*(commit(db, case, uuid4()) for _ in range(8)))
    assert sum(made is not None for made in results) == 1


async def test_when_many_calls_race_for_one_team_exactly_one_gets_it(db: Database, database: pg.Clone) -> None:
    for _ in range(10):
        team = uuid4()
        cases = [await case_of(db, await receive(db)) for _ in range(16)]
        results = await asyncio.gather(*(commit(db, case, team) for case in cases))
        assert sum(made is not None for made in results) == 1
        query = "SELECT count(*) FROM dispatch.assignment WHERE team_id = $1"
        assert await counted(database, query, team) == 1


@pytest.mark.parametrize(
    "pair", [(Action.ACCEPT, Action.DECLINE), (Action.ACCEPT, Action.EXPIRE), (Action.ACCEPT, Action.RECALL)]
)
async def test_when_two_moves_race_exactly_one_is_recorded(
    db: Database, database: pg.Clone, pair: tuple[Action, Action]
) -> None:
    for _ in range(10):
        case = await reach(db, Action.OFFER)
        results = await asyncio.gather(*(write(db, step_of(case, action)) for action in pair))
        assert sum(version is not None for version in results) == 1
        query = "SELECT count(*) FROM dispatch.incident_event WHERE incident_id = $1 AND before = 'offered'"
        assert await counted(database, query, case.incident.id) == 1


async def test_history_is_numbered_without_gaps_and_cannot_be_rewritten(db: Database) -> None:
    case = await reach(db, Action.OFFER, Action.ACCEPT, Action.ARRIVE, Action.CHECK_IN)
    async with db.autocommit() as unit:
        found = await unit.conn.exec_driver_sql(
            "SELECT array_agg(seq ORDER BY seq) FROM dispatch.incident_event WHERE incident_id = $1",
            (case.incident.id,),
        )
        assert found.scalar() == [1, 2, 3, 4, 5, 6]
        for statement in ("UPDATE dispatch.incident_event SET actor = 'nobody'", "DELETE FROM dispatch.notice"):
            with pytest.raises(DBAPIError, match="permission denied"):
                await unit.conn.exec_driver_sql(statement)


async def test_only_moves_raise_an_assignments_version(db: Database) -> None:
    case = await reach(db, Action.OFFER, Action.ACCEPT, Action.ARRIVE)
    assert case.committed is not None
    marked = await reach(db, Action.OFFER, Action.ACCEPT, Action.ARRIVE, Action.CHECK_IN, Action.CHECK_IN)
    assert marked.committed is not None
    assert marked.committed.version == case.committed.version
    assert marked.incident.version == case.incident.version + 2


async def test_a_live_assignment_without_a_deadline_cannot_be_stored(db: Database, database: pg.Clone) -> None:
    await reach(db, Action.OFFER)
    async with pg.connected(database.admin) as admin:
        with pytest.raises(asyncpg.CheckViolationError, match="assignment_live_has_a_deadline"):
            await admin.execute("UPDATE dispatch.assignment SET act_by = NULL, watch = NULL")
        with pytest.raises(asyncpg.CheckViolationError, match="incident_waiting_has_a_deadline"):
            await admin.execute("UPDATE dispatch.incident SET status = 'waiting', act_by = NULL")


async def test_a_withdrawing_team_does_not_keep_the_call_from_another(db: Database) -> None:
    case = await reach(db, Action.OFFER, Action.ACCEPT)
    row = case.committed
    assert row is not None
    step = Step(case, "test", Durations()).assignment(row, Action.EXPIRE, reason="not_departed")
    step.incident(incidents.Action.REQUEUE, act_by=case.now + timedelta(minutes=1))
    assert await write(db, step) is not None
    again = await case_of(db, case.incident.id)
    assert [one.status for one in again.assignments] == [assignments.Status.WITHDRAWING]
    assert await commit(db, again, uuid4()) is not None
    assert await commit(db, await case_of(db, await receive(db)), row.team_id) is None, "it is still held"
