"""The folder of one installation (`.commonground/`): its secret, its database, its logs, and where its services are."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from services.credentials import checked
from services.migrate import ROOT
from services.processes import AlreadyRunningError, only_one

DEFAULT: Final = ROOT / ".commonground"


class Home:
    """What an installation keeps between runs."""

    def __init__(self, path: Path = DEFAULT) -> None:
        self.path = path.absolute()

    @property
    def logs(self) -> Path:
        """Where each process writes."""
        return self.path / "logs"

    @property
    def postgres(self) -> Path:
        """What the embedded PostgreSQL keeps."""
        return self.path / "postgres"

    @property
    def endpoints(self) -> Path:
        """Where a running system says how to reach it."""
        return self.path / "endpoints.json"

    def secret(self, environment: Mapping[str, str]) -> str:
        """Return COMMONGROUND_SECRET, else the secret kept here, which the first call makes. Raises WeakSecretError."""
        if given := environment.get("COMMONGROUND_SECRET"):
            return checked(given)
        kept = self.path / "secret"
        if not kept.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_private(kept, secrets.token_hex(32))
        return checked(kept.read_text().strip())

    @contextmanager
    def only_one_up(self) -> Iterator[None]:
        """Hold this installation for the block. Raises AlreadyRunningError, saying what to do, when it is running."""
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with only_one(self.path / "lock", "Common Ground"):
                yield
        except AlreadyRunningError as running:
            raise AlreadyRunningError(
                f"{running} Stop it first (Ctrl-C where it runs), or give this one a folder and ports of its own: "
                "--home DIR --port-base 9000."
            ) from None

    def write_endpoints(self, document: Mapping[str, Any]) -> None:
        """Replace the endpoints file."""
        write_private(self.endpoints, json.dumps(document, indent=2) + "\n")


def write_private(path: Path, content: str) -> None:
    """Replace `path` as a whole by a file that only its owner may read."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    draft.replace(path)
