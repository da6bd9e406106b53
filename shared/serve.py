"""Serving one replica: it says what its environment lacks, and at its end whoever is still waiting is answered."""

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

from shared import loading

_Settings = TypeVar("_Settings", bound=BaseSettings)
_MISFIT: Final = 2

_LAST_ANSWERS_WITHIN_S: Final = 3
"""A request that takes longer than this after the signal is cut off."""
KEEP_ALIVE_S: Final = 75
"""How long a connection without a request stays open: longer than clients (5 s) and common load balancers (60 s) keep theirs.

The side that waits longer never closes the connection under a request that is just being sent on it.
"""


class _Server(uvicorn.Server):
    """Uvicorn waits for every request before it tells the application of the end; a long-poll would keep it waiting for a minute."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as usual; all is loaded then."""
        await super().startup(sockets)
        loading.end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer every long-poll now with what is known (its client asks again, and finds another replica), then end as usual."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.hub.release()
        await super().shutdown(sockets)


def read_settings(kind: type[_Settings]) -> _Settings:
    """Return what the environment states. Exits with 2 when it cannot be used, with a line for each variable at fault."""
    try:
        return kind()
    except (ValidationError, SettingsError) as error:
        for line in _faults(error, str(kind.model_config.get("env_prefix", "")).upper()):
            sys.stderr.write(line + "\n")
        sys.exit(_MISFIT)


def _faults(error: ValidationError | SettingsError, prefix: str) -> Iterator[str]:
    """Yield a line for each fault, with the variable's name and never its value: that may be a secret."""
    if isinstance(error, SettingsError):
        named = re.search(r'field "(\w+)"', str(error))
        yield f"{prefix}{named[1].upper() if named else ''} cannot be read: it must be JSON."
        return
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        said = fault["msg"].removeprefix("Value error, ").rstrip(".")
        if not fault["loc"]:
            yield f"{said}."  # about several variables, which it names
            continue
        name = f"{prefix}{fault['loc'][0]}".upper()
        yield f"{name} is missing." if fault["type"] == "missing" else f"{name} cannot be used: {said}."


def serve(app: FastAPI, *, host: str, port: int) -> None:
    """Serve `app` (its state holds `hub`) until SIGTERM or SIGINT. Exits with 3 when it could not start."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,  # records go where `shared.log` sends them
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LAST_ANSWERS_WITHIN_S,
    )
    server = _Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(3)
