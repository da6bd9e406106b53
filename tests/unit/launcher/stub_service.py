"""A stand-in for a service: answers `/readyz`, shows its environment, and calls its peers when asked."""

import json
import os
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = sys.argv[1]
BEHAVIOUR = sys.argv[2] if len(sys.argv) > 2 else "well"


class Stub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self._answer(503 if BEHAVIOUR == "never-ready" else 200, {"said": "as told"})
        elif self.path.startswith("/peer/"):
            self._ask(self.path.removeprefix("/peer/"))
        else:
            self._answer(200, {"pid": os.getpid(), "environment": dict(os.environ), "path": self.path})

    def _ask(self, peer: str) -> None:
        first = os.environ[f"{NAME.upper()}_{peer.upper()}_URL"].split(",")[0]
        try:
            with urllib.request.urlopen(f"{first}/from-{NAME}", timeout=0.7) as answer:
                self._answer(200, json.load(answer))
        except OSError as error:
            self._answer(504, {"error": str(error)})

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        print(self.path, flush=True)


if BEHAVIOUR == "dies":
    sys.exit("cannot go on: no such thing")
if BEHAVIOUR == "deaf":
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if BEHAVIOUR == "slow":
    time.sleep(0.5)
ThreadingHTTPServer(("127.0.0.1", int(os.environ[f"{NAME.upper()}_PORT"])), Stub).serve_forever()
