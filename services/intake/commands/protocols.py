"""The protocols that this process can decide by; which of them is in force is a row that each decision reads."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from services.intake.domain.triage.protocol import Protocol, ProtocolInvalid
from services.intake.domain.triage.protocol_file import PROTOCOLS, load_protocol
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.tables import protocol_version
from shared.db import Database

log = structlog.get_logger(__name__)


class ProtocolChanged(Exception):
    """A file states a version that the database holds with other content: a version is never edited."""


def _plain(value: Any) -> Any:
    """Return a document with times as text, as JSON keeps it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


class Protocols:
    """Protocols by version: those that came with this code, and those that a newer replica has put into the database."""

    def __init__(self) -> None:
        self._known: dict[str, Protocol] = {}

    def known(self, version: str | None) -> Protocol | None:
        """Return the protocol of that version if this process has it."""
        return self._known.get(version) if version is not None else None

    def add(self, protocol: Protocol) -> None:
        """Make a protocol known to this process alone."""
        self._known[protocol.version] = protocol

    def for_decision(self, in_force: str | None, decided_by: str | None) -> Protocol | None:
        """Return the protocol to decide by: the one in force, or the one that decided last if that is newer.

        None when this process does not have the one in force: then nobody may say that a call is safe.
        """
        now, last = self.known(in_force), self.known(decided_by)
        if now is None or last is None:
            return now
        return max(now, last, key=lambda protocol: (protocol.effective_from, protocol.version))

    async def load(self, db: Database, folder: Path = PROTOCOLS) -> None:
        """Register the protocols of `folder` and learn those that only the database has.

        Raises ProtocolInvalid for a file that breaks its form, ProtocolChanged for one that was edited under its version.
        """
        found = await asyncio.to_thread(lambda: [_from_file(path) for path in sorted(folder.glob("*.yaml"))])
        for protocol in found:
            await _register(db, protocol)
            self.add(protocol)
        await self.learn(db)

    async def learn(self, db: Database) -> None:
        """Learn the versions that another replica has registered; one that this code cannot read is left out."""
        async with db.autocommit() as unit:
            rows = await unit.conn.execute(
                select(protocol_version.c.version, protocol_version.c.document).where(
                    protocol_version.c.version.not_in(list(self._known))
                )
            )
            missing = rows.all()
        for version, document in missing:
            try:
                self.add(await asyncio.to_thread(parse_protocol, document))
            except (ProtocolInvalid, ValueError, TypeError, KeyError) as error:
                log.warning("protocol.unreadable", version=version, error=type(error).__name__)


@cache
def _from_file(path: Path) -> Protocol:
    """Return the protocol of a file; a file is read once, because a version is never edited."""
    return load_protocol(path)


async def _register(db: Database, protocol: Protocol) -> None:
    document = _plain(protocol.document)
    content = hashlib.sha256(json.dumps(document, separators=(",", ":")).encode()).digest()
    async with db.autocommit() as unit:
        await unit.conn.execute(
            insert(protocol_version)
            .values(
                version=protocol.version,
                document=document,
                digest=content,
                effective_from=protocol.effective_from,
                approved_by=protocol.approved_by,
                loaded_at=func.intake.clock(),
            )
            .on_conflict_do_nothing()
        )
        kept = await unit.conn.scalar(
            select(protocol_version.c.digest).where(protocol_version.c.version == protocol.version)
        )
    if kept != content:
        raise ProtocolChanged(
            f"Protocol {protocol.version} was changed after it had been in use; give it a new version."
        )
