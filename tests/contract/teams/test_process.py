"""One replica as a process of its own: it says when it is ready, and at its end nobody who waits is cut off."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from time import monotonic

import httpx2

from services.processes import free_port
from shared.auth import Caller, Role, issue
from tests.contract.teams.conftest import SECRET


async def ready(client: httpx2.AsyncClient) -> None:
    for _ in range(300):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("it never was ready")


async def test_at_the_end_of_a_process_those_who_wait_are_answered(
    database_dsns: Mapping[str, str], repository: object
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "TEAMS_DATABASE_DSN": database_dsns["teams"],
        "TEAMS_TOKEN_SECRET": SECRET,
        "TEAMS_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.teams", env=environment, cwd=str(repository),
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        token = issue(SECRET, Caller(Role.SERVICE, "dispatch"))
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as client:
            await ready(client)
            waiting = [
                asyncio.create_task(client.get("/v1/availability", headers={"Prefer": "wait=50"})) for _ in range(5)
            ]
            await asyncio.sleep(0.5)
            assert not any(task.done() for task in waiting)
            started = monotonic()
            process.send_signal(signal.SIGTERM)
            answers = await asyncio.wait_for(asyncio.gather(*waiting), 10)
            assert {answer.status_code for answer in answers} == {200}
            _, errors = await asyncio.wait_for(process.communicate(), 10)
            assert monotonic() - started < 10  # a machine that is busy; a wait for the long-polls would be 50
            assert b'"level": "error"' not in errors
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
