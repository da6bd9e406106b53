"""The process side of a running system, with a stand-in for the services: starting, breaking and ending them."""

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services import child as child_module
from services.child import ChildFailedError
from services.links import Cut
from services.servers import SERVICES
from services.system import Plan, System, free_ports

STUB = Path(__file__).with_name("stub_service.py")


def plan_of(tmp_path: Path, *, replicas: int = 1, behaviour: str = "well", cuttable: bool = False) -> Plan:
    return Plan(
        dsns={service: f"postgresql://{service}:secret@127.0.0.1/none" for service in SERVICES},
        token_secret="t" * 32,
        logs=tmp_path / "logs",
        ports=free_ports(replicas),
        time_rate=60.0,
        cuttable=cuttable,
        environment={
            **os.environ,
            "DATABASE_URL": "postgresql://admin",
            "COMMONGROUND_SECRET": "s" * 32,
            "PGHOST": "x",
        },
        command=lambda service: (sys.executable, str(STUB), service, behaviour),
    )


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with System(plan_of(tmp_path, replicas=2, cuttable=True)) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=3.0, trust_env=False) as client:
        yield client


async def look(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    seen: dict[str, Any] = (await http.get(f"{url}/look")).json()
    return seen


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


async def test_each_replica_gets_its_own_port_and_every_peers_addresses(
    system: System, http: httpx2.AsyncClient
) -> None:
    seen = (await look(http, system.url("dispatch", 1)))["environment"]
    assert seen["DISPATCH_PORT"] == str(system.plan.ports["dispatch"][1])
    assert len(seen["DISPATCH_INTAKE_URL"].split(",")) == 2
    assert len(seen["DISPATCH_TEAMS_URL"].split(",")) == 2
    asks = (await look(http, system.url("teams")))["environment"]["TEAMS_INTAKE_URL"]
    assert len(asks.split(",")) == 2
    assert seen["DISPATCH_TIME_RATE"] == "60.0"
    assert seen["DISPATCH_DATABASE_DSN"].startswith("postgresql://dispatch:")


async def test_no_service_sees_what_only_the_launcher_may_know(system: System, http: httpx2.AsyncClient) -> None:
    for service in SERVICES:
        seen = (await look(http, system.url(service)))["environment"]
        others = [other for other in SERVICES if other != service]
        assert not {"DATABASE_URL", "COMMONGROUND_SECRET", "PGHOST"} & seen.keys()
        assert not {f"{other.upper()}_DATABASE_DSN" for other in others} & seen.keys()


async def test_a_killed_replica_is_gone_and_comes_back_on_the_same_port(
    system: System, http: httpx2.AsyncClient
) -> None:
    before = (await look(http, system.url("teams")))["pid"]
    system.kill("teams", replica=0)
    with pytest.raises(httpx2.ConnectError):
        await http.get(system.url("teams"))
    assert (await look(http, system.url("teams", 1)))["pid"] != before
    await system.start("teams")
    assert (await look(http, system.url("teams")))["pid"] != before


async def test_one_killed_on_purpose_is_not_reported_dead_and_one_that_crashed_is(system: System) -> None:
    system.kill("teams", replica=0)
    assert system.dead() == []
    victim = system.children["dispatch"][1]
    os.kill(victim.pid, 9)
    assert eventually(lambda: system.dead() == [victim])


async def test_a_frozen_service_holds_its_connections_until_it_is_resumed(
    system: System, http: httpx2.AsyncClient
) -> None:
    system.pause("intake", replica=0)
    with pytest.raises(httpx2.ReadTimeout):
        await http.get(f"{system.url('intake')}/look", timeout=0.3)
    system.resume("intake")
    assert (await look(http, system.url("intake")))["pid"]


@pytest.mark.parametrize("how", list(Cut))
async def test_exactly_one_link_can_be_cut(system: System, http: httpx2.AsyncClient, how: Cut) -> None:
    await system.cut("intake", "dispatch", how)
    assert (await http.get(f"{system.url('intake')}/peer/dispatch")).status_code == 504
    assert (await http.get(f"{system.url('dispatch')}/peer/intake")).json()["path"] == "/from-dispatch"
    assert (await http.get(f"{system.url('dispatch')}/peer/teams")).status_code == 200
    await system.mend()
    assert (await http.get(f"{system.url('intake')}/peer/dispatch")).json()["path"] == "/from-intake"


async def test_what_was_sent_into_a_silent_link_arrives_late(system: System, http: httpx2.AsyncClient) -> None:
    await system.cut("intake", "dispatch", Cut.SILENT)
    assert (await http.get(f"{system.url('intake')}/peer/dispatch")).status_code == 504
    log = system.children["dispatch"][0].log
    assert "/from-intake" not in log.read_text()
    await system.mend("intake", "dispatch")
    async with asyncio.timeout(5):
        while "/from-intake" not in log.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)


async def test_make_whole_undoes_everything(system: System, http: httpx2.AsyncClient) -> None:
    system.kill("teams")
    system.pause("dispatch")
    await system.cut("dispatch", "intake", Cut.REFUSED)
    await system.make_whole()
    for service in SERVICES:
        for replica in range(2):
            assert (await look(http, system.url(service, replica)))["pid"]
    assert (await http.get(f"{system.url('dispatch')}/peer/intake")).status_code == 200


@pytest.mark.parametrize("behaviour", ["well", "deaf"])
async def test_nothing_runs_after_the_end_not_even_what_ignores_the_request(
    tmp_path: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module.Child.stopped, "__defaults__", (0.5,))
    async with System(plan_of(tmp_path, behaviour=behaviour)) as running:
        running.pause("teams")
        pids = [child.pid for children in running.children.values() for child in children]
        assert all(is_running(pid) for pid in pids)
    assert not any(is_running(pid) for pid in pids)


async def test_a_service_that_dies_while_starting_is_named_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError, match=r"ended with code 1:[\s\S]*no such thing"):
        async with System(plan_of(tmp_path, behaviour="dies")):
            pass


async def test_a_start_that_fails_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(tmp_path, behaviour="well")
    broken = replace(plan, command=lambda s: (sys.executable, str(STUB), s, "dies" if s == "teams" else "slow"))
    failing = System(broken)
    started: list[int] = []
    spawn = child_module.Child.spawn

    def remembering(child: child_module.Child) -> None:
        spawn(child)
        started.append(child.pid)

    monkeypatch.setattr(child_module.Child, "spawn", remembering)
    with pytest.raises(ChildFailedError, match="teams ended"):
        async with failing:
            pass
    assert len(started) == 3
    assert not any(is_running(pid) for pid in started)


async def test_one_that_is_never_ready_is_given_up_with_what_readyz_said(tmp_path: Path) -> None:
    running = System(plan_of(tmp_path, behaviour="never-ready"))
    child = running.children["intake"][0]
    child.spawn()
    try:
        with pytest.raises(ChildFailedError, match=r"not ready within 1 s; /readyz: .*as told"):
            await child.ready(within_s=1)
    finally:
        await running.stop()


PARENT = """
    import asyncio, sys, time
    from pathlib import Path
    from tests.unit.launcher.test_system import plan_of
    from services.system import System

    async def main():
        async with System(plan_of(Path(sys.argv[1]))) as running:
            print(*(child.pid for children in running.children.values() for child in children), flush=True)
            time.sleep(60)

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_no_service_outlives_a_launcher_killed_with_kill_9(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        parent.kill()
    assert eventually(lambda: not any(is_running(pid) for pid in pids))
