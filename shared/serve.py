"""Serving one replica, and an end that answers whoever is still waiting instead of cutting them off."""

import socket
import sys
from contextlib import suppress
from typing import Final

import uvicorn
from fastapi import FastAPI

from shared import loading

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
