"""The command line without a system behind it: tokens, ports, refusals in words."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from services import launcher, screen
from services.cli import main
from services.home import Home
from services.migrate import ROOT
from services.processes import free_port, port_is_free
from shared.auth import Role, verify

SECRET = "t" * 40


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if "DATABASE" in name or name.startswith("COMMONGROUND_"):
            monkeypatch.delenv(name)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["commonground", *arguments])
    return main()


def made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setenv("COMMONGROUND_TOKEN_SECRET", SECRET)
    assert run(monkeypatch, "token", *arguments) == 0
    return capsys.readouterr().out.strip()


def test_a_cad_token_is_bound_to_its_systems(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = made(monkeypatch, capsys, "cad", "--cad-system", "lapd-cad", "--cad-system", "lafd-cad", "--name", "desk 4")
    caller = verify(SECRET, token)
    assert (caller.role, caller.name, caller.cad_systems) == (Role.CAD, "desk 4", frozenset({"lapd-cad", "lafd-cad"}))
    assert not caller.speaks_for("another")


def test_team_and_supervisor_tokens_are_bound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    team, provider = uuid4(), uuid4()
    assert verify(SECRET, made(monkeypatch, capsys, "team", "--team", str(team))).team_id == team
    bound = verify(SECRET, made(monkeypatch, capsys, "supervisor", "--provider", str(provider)))
    assert bound.provider_id == provider
    assert verify(SECRET, made(monkeypatch, capsys, "supervisor")).provider_id is None


def test_a_token_can_expire(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import jwt

    token = made(monkeypatch, capsys, "auditor", "--days", "30")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert 29 * 86400 < claims["exp"] - __import__("time").time() <= 30 * 86400
    assert "exp" not in jwt.decode(made(monkeypatch, capsys, "auditor"), SECRET, algorithms=["HS256"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cad"], "--cad-system"),
        (["team"], "--team"),
        (["reviewer", "--team", str(uuid4())], "bound to no"),
        (["admin", "--cad-system", "x"], "bound to no"),
        (["reviewer", "--provider", str(uuid4())], "Only a supervisor"),
    ],
)
def test_a_token_that_would_be_bound_wrongly_is_refused(
    arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMMONGROUND_TOKEN_SECRET", SECRET)
    assert run(monkeypatch, "token", *arguments) == 1
    caught = capsys.readouterr()
    assert says in caught.err
    assert caught.out == ""


def test_without_any_secret_it_says_where_one_would_come_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "token", "auditor", "--home", str(tmp_path)) == 1
    assert "commonground up" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_migrate_refuses_the_secrets_of_the_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:change-me-1@127.0.0.1:1/none")
    assert run(monkeypatch, "migrate") == 1
    assert "DATABASE_URL" in capsys.readouterr().err


def test_migrate_without_a_server_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "migrate") == 1
    assert "Set DATABASE_URL" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_said_in_a_line_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://a:b@127.0.0.1:{free_port()}/none")
    monkeypatch.setenv("COMMONGROUND_SECRET", "s" * 32)
    assert run(monkeypatch, "migrate") == 1
    said = capsys.readouterr().err
    assert said.startswith("commonground: ")
    assert "Traceback" not in said


def test_help_names_every_command() -> None:
    command = [sys.executable, "-m", "services.cli", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in ("up", "migrate", "seed", "token", "replay", "import-neighborhoods", "openapi", "version"):
        assert f" {name} " in said


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_the_first_replicas_have_the_documented_ports_and_more_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "port_is_free", lambda _port: True)
    assert launcher.ports_of(launcher.Options(replicas=2), {}) == {
        "intake": [8001, 8004],
        "dispatch": [8002, 8005],
        "teams": [8003, 8006],
    }


def test_a_port_in_use_is_named_with_what_moves_it(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # the ports beside it may be anybody's
    monkeypatch.setattr(launcher, "port_is_free", lambda port: port != taken or port_is_free(port))
    with pytest.raises(launcher.CannotStartError) as refused:
        launcher.ports_of(launcher.Options(port_base=taken - 2), {})
    assert f"{taken} (dispatch)" in str(refused.value)
    for way in ("--port-base", "COMMONGROUND_PORTS", "DISPATCH_PORT"):
        assert way in str(refused.value)


def test_one_service_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "port_is_free", lambda port: port != 8002)
    ports = launcher.ports_of(launcher.Options(), {"DISPATCH_PORT": "8702"})
    assert ports == {"intake": [8001], "dispatch": [8702], "teams": [8003]}


def test_up_on_a_port_in_use_starts_nothing(taken: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.cli", "up", "--home", str(tmp_path), "--port-base", str(taken - 1)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"{taken} (intake)" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"lock"}


def test_the_pasted_line_is_a_fresh_valid_report_each_time() -> None:
    line = screen.curl("http://127.0.0.1:1", "TOKEN").replace("curl -s", "printf '%s\\n'", 1)
    words = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "Authorization: Bearer TOKEN" in words
    report = json.loads(words[-1])
    assert report["cad_event_id"].startswith("TRY-1")
    assert report["received_at"].endswith("Z")
    assert words[:2] == ["-X", "POST"]
    assert len(words) == 9, "the shell has split the report"


def test_the_secret_of_a_home_signs_its_tokens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from services.credentials import token_secret

    secret = Home(tmp_path).secret({})
    assert run(monkeypatch, "token", "admin", "--home", str(tmp_path)) == 0
    assert verify(token_secret(secret), capsys.readouterr().out.strip()).role is Role.ADMIN


def test_a_key_that_is_too_short_signs_no_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMMONGROUND_TOKEN_SECRET", "short")
    assert run(monkeypatch, "token", "auditor") == 1
    caught = capsys.readouterr()
    assert "COMMONGROUND_TOKEN_SECRET: It must have at least 32 characters" in caught.err
    assert (caught.out, "Traceback" in caught.err) == ("", False)


@pytest.mark.parametrize(
    ("arguments", "silent"),
    [
        (["seed"], "intake"),
        (["replay", str(ROOT / "samples/los-angeles-evening-shift.jsonl")], "intake"),
        (["evaluate", "--stored"], "the database"),
    ],
)
def test_where_no_system_answers_it_says_where_it_asked_and_how_to_have_one(
    arguments: list[str],
    silent: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    port = free_port()
    urls = dict.fromkeys(("intake", "dispatch", "teams"), f"http://127.0.0.1:{port}")
    tokens: dict[str, object] = dict.fromkeys(("cad", "reviewer", "supervisor", "admin", "auditor"), "") | {"team": {}}
    (tmp_path / "endpoints.json").write_text(json.dumps({**urls, "tokens": tokens}))
    monkeypatch.setenv("COMMONGROUND_HOME", str(tmp_path))
    monkeypatch.setenv("INTAKE_DATABASE_DSN", f"postgresql://nobody@127.0.0.1:{port}/none")
    assert run(monkeypatch, *arguments) != 0
    caught = capsys.readouterr()
    said = " ".join((caught.out + caught.err).split())
    assert re.search(
        rf"{silent} does not answer at (http://)?127\.0\.0\.1:{port}\. Start a system first: make run$", said
    )
    assert "Errno" not in said
