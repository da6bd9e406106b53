"""How a replica is served, as far as it shows without a process."""

import gc

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from shared import loading
from shared.serve import serve


def test_a_client_gives_up_an_idle_connection_long_before_the_service_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the service closes it under a request that is just being sent, and a sender has no answer."""
    ran: list[uvicorn.Server] = []

    def run(server: uvicorn.Server) -> None:
        ran.append(server)
        server.started = True

    monkeypatch.setattr(uvicorn.Server, "run", run)
    serve(FastAPI(), host="127.0.0.1", port=1)
    [server] = ran
    patience_s = httpx2.Limits().keepalive_expiry
    assert patience_s is not None
    assert server.config.timeout_keep_alive > 2 * patience_s


async def test_garbage_is_collected_again_once_a_service_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a replica grows until the machine has no memory left."""
    ran: list[uvicorn.Server] = []

    def run(server: uvicorn.Server) -> None:
        ran.append(server)
        server.started = True

    async def startup(_server: uvicorn.Server, sockets: object = None) -> None:
        assert not gc.isenabled(), "all is loaded when this has ended"

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    usual = gc.get_threshold()
    gc.set_threshold(700)
    loading.begin()
    try:
        serve(FastAPI(), host="127.0.0.1", port=1)
        await ran[0].startup()
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 700, "seldom"
    finally:
        gc.set_threshold(*usual)
        gc.enable()
        gc.unfreeze()
