"""What a service says of an environment that it cannot start with."""

from importlib import import_module

import pytest
from pydantic import ValidationError

from services.servers import SERVICES

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
