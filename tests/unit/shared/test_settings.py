"""What a service says of an environment that it cannot start with."""

import subprocess
import sys
from importlib import import_module

import pytest
from pydantic import ValidationError

from services.dispatch.settings import Settings as DispatchSettings
from services.migrate import ROOT
from services.servers import SERVICES
from shared.serve import read_settings

DSN = "postgresql://nobody:a-password@127.0.0.1/none"


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_takes_a_key_that_is_too_short(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = import_module(f"services.{service}.settings").Settings
    monkeypatch.setenv(f"{service.upper()}_DATABASE_DSN", DSN)
    monkeypatch.setenv(f"{service.upper()}_TOKEN_SECRET", "s" * 32)
    assert kind().token_secret.get_secret_value() == "s" * 32
    monkeypatch.setenv(f"{service.upper()}_TOKEN_SECRET", "s" * 31)
    with pytest.raises(ValidationError, match="at least 32 characters; this has 31"):
        kind()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_cannot_start_names_each_variable_at_fault_and_no_value(service: str) -> None:
    prefix = service.upper()
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={f"{prefix}_DATABASE_DSN": "no-address:a-password", f"{prefix}_PORT": "99999", f"{prefix}_LOG_LEVEL": "LOUD"},
    )  # fmt: skip
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    assert f"{prefix}_TOKEN_SECRET is missing." in lines
    for name in ("DATABASE_DSN", "PORT", "LOG_LEVEL"):
        assert [line for line in lines if line.startswith(f"{prefix}_{name} cannot be used: ")], name
    assert len(lines) == 4, "a line for each, and no traceback"
    assert "a-password" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"EQUITY_WEIGHTS": "{"}, "DISPATCH_EQUITY_WEIGHTS cannot be read: it must be JSON."),
        ({"ROUTER": "osrm"}, "DISPATCH_ROUTER needs DISPATCH_ROUTER_URL, an http address."),
        ({"TIMEZONE": "Mars/North"}, "DISPATCH_TIMEZONE cannot be used: 'Mars/North' is no time zone"),
    ],
)
def test_a_value_that_is_no_setting_is_said_in_a_line(
    variables: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"DATABASE_DSN": DSN, "TOKEN_SECRET": "s" * 32, **variables}.items():
        monkeypatch.setenv(f"DISPATCH_{name}", value)
    with pytest.raises(SystemExit) as ended:
        read_settings(DispatchSettings)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(says)


def test_intake_does_not_start_in_a_time_zone_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"DATABASE_DSN": DSN, "TOKEN_SECRET": "s" * 32, "TIMEZONE": "Mars/North"}.items():
        monkeypatch.setenv(f"INTAKE_{name}", value)
    with pytest.raises(SystemExit):
        read_settings(import_module("services.intake.settings").Settings)
    assert "INTAKE_TIMEZONE cannot be used: 'Mars/North' is no time zone" in capsys.readouterr().err
