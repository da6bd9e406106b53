"""Ports that are promised: to one caller only, and free for the server that was meant."""

import socket

import pytest

from services.processes import free_port


def test_a_promised_port_is_promised_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr("services.processes._SERVER_PORTS", range(port, port + 1))
    with pytest.raises(OSError, match="No free port"):
        free_port()


def test_a_server_listens_where_it_was_promised() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
        server.accept()[0].close()
