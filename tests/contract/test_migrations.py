"""The migrations make what the code expects, and the database itself keeps the services apart."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from migrations.clock import create_clock, drop_clock
from migrations.grants import grant_history, grant_sequence, grant_state
from services.credentials import WeakSecretError, derive, scram_verifier
from services.migrate import alembic_config, head, migrate, set_clock
from services.servers import SERVICES, Server, as_text, login_role, one_server, owner_role
from shared.db import migration_engine
from tests import pg

WITH_REVISIONS = [service for service in SERVICES if head(service) is not None]


@pytest.fixture
async def empty(postgres_dsn: str) -> AsyncIterator[dict[str, Server]]:
    """A name for a database that does not exist yet."""
    url = one_server(postgres_dsn)["intake"].migrating.set(database=f"empty_{uuid4().hex}")
    yield one_server(as_text(url))
    async with pg.connected(postgres_dsn) as admin:
        await admin.execute(f"DROP DATABASE IF EXISTS {url.database} WITH (FORCE)")


@pytest.mark.parametrize("service", WITH_REVISIONS)
async def test_the_revisions_make_exactly_the_tables_of_the_code(database: pg.Clone, service: str) -> None:
    metadata = import_module(f"services.{service}.tables").metadata

    def differences(connection: Connection) -> list[object]:
        options = {
            "include_schemas": True,
            "version_table_schema": service,
            "include_name": lambda name, kind, _: name == service if kind == "schema" else name != "alembic_version",
            "compare_type": True,
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    engine = migration_engine(database.admin)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("service", WITH_REVISIONS)
def test_revision_files_say_when_whose_and_what(service: str, repository: Path) -> None:
    names = [path.name for path in (repository / "migrations" / service).glob("*.py")]
    assert names
    assert [
        name for name in names if not re.fullmatch(rf"\d{{4}}_\d\d_\d\d_\d{{4}}_{service}_[a-z0-9_]+\.py", name)
    ] == []


@pytest.mark.parametrize("service", WITH_REVISIONS)
def test_the_newest_revision_is_the_one_that_alembic_would_go_to(service: str) -> None:
    assert head(service) == ScriptDirectory.from_config(alembic_config(service)).get_current_head()


HISTORY = {
    "intake": {
        "area", "area_layer", "call_event", "call_link", "change", "decision", "feed_epoch", "neighborhood",
        "neighborhood_layer", "plan", "plan_draft_event", "progress_event", "protocol_version", "review",
        "shadow_decision", "statement",
    },
    "dispatch": {"incident_event", "notice"},
    "teams": {"team_event"},
}  # fmt: skip


@pytest.mark.parametrize("service", WITH_REVISIONS)
async def test_the_login_role_may_never_change_or_empty_history(database: pg.Clone, service: str) -> None:
    query = """
        SELECT tablename AS name, array(
            SELECT held FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS held
            WHERE has_table_privilege($2, format('%I.%I', schemaname, tablename), held)
               OR (held = 'UPDATE' AND has_any_column_privilege($2, format('%I.%I', schemaname, tablename), held))
        ) AS rights
        FROM pg_tables WHERE schemaname = $1
    """
    async with pg.connected(database.admin) as admin:
        rows = await admin.fetch(query, service, login_role(service))
    assert {row["name"] for row in rows if row["rights"] == ["INSERT"]} == HISTORY[service]
    assert [row["name"] for row in rows if "TRUNCATE" in row["rights"]] == []


async def test_no_login_role_reads_another_schema(database: pg.Clone) -> None:
    async with pg.connected(database.admin) as admin:
        allowed = [
            (reader, schema)
            for reader in SERVICES
            for schema in SERVICES
            if await admin.fetchval("SELECT has_schema_privilege($1, $2, 'USAGE')", login_role(reader), schema)
        ]
    assert allowed == [(service, service) for service in SERVICES]


@pytest.mark.parametrize("service", SERVICES)
async def test_the_login_role_owns_nothing_and_makes_nothing(database: pg.Clone, service: str) -> None:
    async with pg.connected(database.login[service]) as login:
        for forbidden in (
            f"CREATE TABLE {service}.mine (n int)",
            "CREATE TABLE public.mine (n int)",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            f"SET ROLE {owner_role(service)}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(forbidden)


MIGRATE = """
import asyncio, sys
from services.migrate import migrate
from services.servers import one_server
print(asyncio.run(migrate(one_server(sys.argv[1]), sys.argv[2])))
"""


async def test_migrating_twice_at_once_and_then_again_changes_nothing(empty: dict[str, Server]) -> None:
    """Two containers that start together both migrate; one waits for the other."""
    command = (sys.executable, "-c", MIGRATE, as_text(empty["intake"].migrating), pg.SECRET)
    both = [await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(2)]
    said = [(await process.communicate())[0].decode().strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    done = await migrate(empty, pg.SECRET)
    assert said == [str(done), str(done)]
    for service in SERVICES:
        assert done[service].lost == ()
        assert done[service].revision == head(service)
        async with pg.connected(done[service].login_dsn) as login:
            assert await login.fetchval("SELECT current_user") == login_role(service)


async def test_an_old_database_that_lets_everybody_make_tables_does_so_no_more(
    empty: dict[str, Server], postgres_dsn: str
) -> None:
    async with pg.connected(postgres_dsn) as admin:
        await admin.execute(f"CREATE DATABASE {empty['intake'].migrating.database}")
    async with pg.connected(as_text(empty["intake"].migrating)) as admin:
        await admin.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    done = await migrate(empty, pg.SECRET)
    async with pg.connected(done["intake"].login_dsn) as login:
        for forbidden in ("CREATE TABLE public.mine (n int)", "CREATE TEMPORARY TABLE mine (n int)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(forbidden)


async def test_a_short_secret_is_refused_before_anything_is_made(empty: dict[str, Server], postgres_dsn: str) -> None:
    with pytest.raises(WeakSecretError, match="at least 32 characters"):
        await migrate(empty, "short")
    async with pg.connected(postgres_dsn) as admin:
        made = await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", empty["intake"].migrating.database)
    assert made is None


async def test_where_roles_may_not_be_made_it_says_what_is_lost_and_goes_on(
    empty: dict[str, Server], postgres_dsn: str
) -> None:
    user, database = f"plain_{uuid4().hex[:8]}", empty["intake"].migrating.database
    async with pg.connected(postgres_dsn) as admin:
        await admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'plain'")
        await admin.execute(f"CREATE DATABASE {database} OWNER {user}")
    plain = one_server(as_text(empty["intake"].migrating.set(username=user, password="plain")))
    done = await migrate(plain, pg.SECRET)
    for service in SERVICES:
        assert "may not create roles" in done[service].lost[0]
        async with pg.connected(done[service].login_dsn) as login:
            assert await login.fetchval("SELECT current_user") == user
            assert await login.fetchval("SELECT to_regnamespace($1) IS NOT NULL", service)
    async with pg.connected(postgres_dsn) as admin:
        await admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
        await admin.execute(f"DROP ROLE {user}")


async def test_a_user_of_the_operators_own_gets_the_login_roles_rights_and_no_more(
    empty: dict[str, Server], postgres_dsn: str
) -> None:
    user = f"own_{uuid4().hex[:8]}"
    async with pg.connected(postgres_dsn) as admin:
        await admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'own'")
    login = empty["teams"].migrating.set(username=user, password="own")
    done = await migrate(empty | {"teams": replace(empty["teams"], login=login)}, pg.SECRET)
    assert done["teams"].login_dsn == as_text(login)
    async with pg.connected(done["teams"].login_dsn) as own:
        assert await own.fetchval("SELECT has_schema_privilege('teams', 'USAGE')")
        assert not await own.fetchval("SELECT has_schema_privilege('intake', 'USAGE')")
        assert not await own.fetchval("SELECT has_schema_privilege('teams', 'CREATE')")
    async with pg.connected(as_text(empty["teams"].migrating)) as admin:
        await admin.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


def test_every_role_has_a_password_of_its_own() -> None:
    passwords = {server.password(pg.SECRET) for server in one_server("postgresql://a:b@c/d").values()}
    assert len(passwords) == len(SERVICES)
    assert derive(pg.SECRET, "token") not in passwords


async def test_postgresql_takes_our_verifier_for_the_password(postgres_dsn: str) -> None:
    user = f"verified_{uuid4().hex[:8]}"
    url = one_server(postgres_dsn)["intake"].migrating.set(username=user)
    async with pg.connected(postgres_dsn) as admin:
        await admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{scram_verifier('right')}'")
        try:
            async with pg.connected(as_text(url.set(password="right"))) as login:
                assert await login.fetchval("SELECT current_user") == user
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(as_text(url.set(password="wrong")))
        finally:
            await admin.execute(f"DROP ROLE {user}")


@pytest.fixture
async def workshop(database: pg.Clone) -> AsyncIterator[AsyncConnection]:
    """A connection as the owner of intake's schema, on which the revisions' helpers can be tried; undone after."""
    engine = migration_engine(database.owner["intake"])
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()
    await engine.dispose()


def operate(connection: Connection, *steps: object) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        for step in steps:
            assert callable(step)
            step()


async def rights(connection: AsyncConnection, table: str) -> set[str]:
    every = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    query = text("SELECT has_table_privilege('commonground_intake', :table, :right)")
    return {right for right in every if await connection.scalar(query, {"table": table, "right": right})}


async def test_the_grants_are_those_of_history_and_of_state(workshop: AsyncConnection) -> None:
    for statement in (
        "CREATE TABLE intake.a_history (n int)",
        "CREATE TABLE intake.a_state (n serial)",
        "CREATE SEQUENCE intake.a_sequence",
    ):
        await workshop.execute(text(statement))
    await workshop.run_sync(
        operate,
        lambda: grant_history("intake.a_history"),
        lambda: grant_state("intake.a_state"),
        lambda: grant_sequence("intake.a_sequence"),
    )
    assert await rights(workshop, "intake.a_history") == {"SELECT", "INSERT"}
    await workshop.run_sync(operate, lambda: grant_state("intake.a_history"), lambda: grant_history("intake.a_history"))
    assert await rights(workshop, "intake.a_history") == {"SELECT", "INSERT"}, "an earlier grant must not outlive"
    assert await rights(workshop, "intake.a_state") == {"SELECT", "INSERT", "UPDATE", "DELETE"}
    for sequence in ("intake.a_sequence", "intake.a_state_n_seq"):
        query = text("SELECT has_sequence_privilege('commonground_intake', :sequence, 'USAGE')")
        assert await workshop.scalar(query, {"sequence": sequence})


async def test_grants_do_nothing_where_there_is_no_login_role(postgres_dsn: str) -> None:
    engine = migration_engine(postgres_dsn)
    async with engine.connect() as connection:
        await connection.execute(text("CREATE SCHEMA nobodys"))
        await connection.execute(text("CREATE TABLE nobodys.a (n int)"))
        await connection.run_sync(operate, lambda: grant_history("nobodys.a"))
        await connection.rollback()
    await engine.dispose()


def test_a_grant_without_a_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="Name the schema"):
        grant_history("call")


@pytest.fixture
async def clocked(empty: dict[str, Server]) -> dict[str, str]:
    """Login DSNs of a database in which every service has the function `trial_clock` under a schema of its own."""
    done = await migrate(empty, pg.SECRET)
    engine = migration_engine(as_text(empty["intake"].migrating))
    async with engine.begin() as connection:
        for service in SERVICES:
            await connection.execute(text(f"CREATE SCHEMA trial_{service}"))
            await connection.run_sync(operate, lambda service=service: create_clock(f"trial_{service}"))
            await connection.execute(text(f"GRANT USAGE ON SCHEMA trial_{service} TO {login_role(service)}"))
    await engine.dispose()
    return {service: done[service].login_dsn for service in SERVICES}


async def seen(dsn: str, service: str) -> datetime:
    async with pg.connected(dsn) as login:
        now: datetime = await login.fetchval(f"SELECT trial_{service}.clock()")
    return now


def near(one: datetime, other: datetime) -> bool:
    return abs(one - other) < timedelta(seconds=3)


async def test_the_clock_is_the_real_time_unless_bent(clocked: dict[str, str]) -> None:
    assert near(await seen(clocked["teams"], "teams"), datetime.now(UTC))


async def test_the_clock_moves_within_a_transaction(clocked: dict[str, str]) -> None:
    async with pg.connected(clocked["intake"]) as login, login.transaction():
        first = await login.fetchval("SELECT trial_intake.clock()")
        assert await login.fetchval("SELECT trial_intake.clock()") > first


async def test_an_offset_bends_one_service_and_can_be_taken_back(
    clocked: dict[str, str], empty: dict[str, Server]
) -> None:
    async with pg.connected(as_text(empty["intake"].migrating)) as admin:
        await set_clock(admin, "dispatch", offset=timedelta(hours=-3))
        assert near(await seen(clocked["dispatch"], "dispatch"), datetime.now(UTC) - timedelta(hours=3))
        assert near(await seen(clocked["intake"], "intake"), datetime.now(UTC))
        await set_clock(admin, "dispatch")
    assert near(await seen(clocked["dispatch"], "dispatch"), datetime.now(UTC))


async def test_a_rate_makes_time_run_faster_from_now_on_and_adds_to_an_offset(
    clocked: dict[str, str], empty: dict[str, Server]
) -> None:
    async with pg.connected(as_text(empty["intake"].migrating)) as admin:
        await set_clock(admin, "intake", rate=3600, offset=timedelta(days=100))
    async with pg.connected(clocked["intake"]) as login:
        real, bent = await login.fetchrow("SELECT clock_timestamp(), trial_intake.clock()")
        await login.execute("SELECT pg_sleep(0.1)")
        real_later, bent_later = await login.fetchrow("SELECT clock_timestamp(), trial_intake.clock()")
    assert timedelta(days=100) <= bent - real < timedelta(days=101)
    assert (bent_later - bent) / (real_later - real) == pytest.approx(3600, rel=0.05)


async def test_the_clock_costs_no_function_call(clocked: dict[str, str]) -> None:
    async with pg.connected(clocked["intake"]) as login:
        plan = await login.fetchval("EXPLAIN (VERBOSE, FORMAT JSON) SELECT trial_intake.clock()")
    assert "clock_timestamp" in plan
    assert "trial_intake.clock" not in plan


async def test_the_clock_can_be_removed(clocked: dict[str, str], empty: dict[str, Server]) -> None:
    engine = migration_engine(as_text(empty["intake"].migrating))
    async with engine.begin() as connection:
        await connection.run_sync(operate, lambda: drop_clock("trial_intake"))
    await engine.dispose()
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await seen(clocked["intake"], "intake")
