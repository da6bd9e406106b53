"""The protocols that this process can decide by; which of them is in force is a row that each decision reads."""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import JSON, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from services.intake.commands import protocol_files
from services.intake.commands.protocol_files import ProtocolFileInvalid, Stamp
from services.intake.domain.triage.protocol import Protocol, ProtocolInvalid
from services.intake.domain.triage.protocol_file import PROTOCOLS
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.queries.protocols import version_in_force
from services.intake.tables import protocol_version
from shared.db import Database

log = structlog.get_logger(__name__)
NO_VERSION: Final = "none"
"""Stands in a decision that no protocol made."""


class ProtocolChanged(Exception):
    """A file states a version that the database holds with other content: a version is never edited."""


class NothingInForce(Exception):
    """No protocol's time has come, so no call could be decided."""


def _plain(value: Any) -> Any:
    """Return a document with times as text, as JSON keeps it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


@lru_cache(maxsize=protocol_files.KEPT)
def _as_json(protocol: Protocol) -> tuple[str, bytes]:
    """Return the document of a protocol as the database keeps it, and the digest of that."""
    document = json.dumps(_plain(protocol.document), separators=(",", ":"))
    return document, hashlib.sha256(document.encode()).digest()


def content_digest(protocol: Protocol) -> bytes:
    """Return the SHA-256 that names the content of a protocol: its version is never used for another."""
    return _as_json(protocol)[1]


class Protocols:
    """Protocols by version: those that came with this code, and those that a newer replica has put into the database."""

    def __init__(self, folder: Path = PROTOCOLS) -> None:
        self._folder = folder
        self._known: dict[str, Protocol] = {}
        self._since: dict[str, datetime] = {}
        self._read: set[Stamp] = set()
        self.faults: dict[str, str] = {}
        """What is wrong with a file or a version that is therefore not used, by its name."""

    def known(self, version: str | None) -> Protocol | None:
        """Return the protocol of that version if this process has it."""
        return self._known.get(version) if version is not None else None

    def add(self, protocol: Protocol) -> None:
        """Make a protocol known to this process alone."""
        self._known[protocol.version] = protocol
        self._since[protocol.version] = protocol.effective_from

    def for_decision(self, in_force: str | None, decided_by: Iterable[str] = ()) -> Protocol | None:
        """Return the protocol to decide by: the newest of the one in force and those that have decided the call.

        None when this process cannot read that one, or has never heard of one of them and so cannot tell which is the
        newest: then nobody may say that a call is safe.
        """
        if in_force is None:
            return None
        versions = {in_force, *decided_by}
        if not versions <= self._since.keys():
            return None
        return self.known(max(versions, key=lambda version: (self._since[version], version)))

    async def load(self, db: Database) -> None:
        """Register the protocols of the folder and learn those that only the database has; for the start.

        Raises ProtocolFileInvalid, ProtocolChanged and NothingInForce: a service does not start with a fault in what it
        decides by.
        """
        for stamp in await asyncio.to_thread(protocol_files.stamps, self._folder):
            await self._take(db, stamp)
        await self.learn(db)
        async with db.autocommit() as unit:
            if await version_in_force(unit.conn) is None:
                dates = ", ".join(f"{version} from {since.isoformat()}" for version, since in self._since.items())
                raise NothingInForce(f"No protocol is in force yet: {dates or 'there is none'}.")

    async def refresh(self, db: Database) -> None:
        """Read files that are new or were written again, and learn what other replicas have; for a loop.

        What cannot be used is noted in `faults`; what was valid before stays.
        """
        found = await asyncio.to_thread(protocol_files.stamps, self._folder)
        names = {stamp.path.name for stamp in found} | self._since.keys()
        self.faults = {name: said for name, said in self.faults.items() if name in names}
        for stamp in found:
            if stamp not in self._read:
                await self._take_if_valid(db, stamp)
        await self.learn(db)

    async def _take_if_valid(self, db: Database, stamp: Stamp) -> None:
        try:
            await self._take(db, stamp)
        except (ProtocolFileInvalid, ProtocolChanged) as fault:
            self.faults[stamp.path.name] = str(fault)
            self._read.add(stamp)
            log.warning("protocol.file_not_used", file=stamp.path.name, error=type(fault).__name__)
        else:
            self.faults.pop(stamp.path.name, None)

    async def _take(self, db: Database, stamp: Stamp) -> None:
        protocol = await asyncio.to_thread(protocol_files.read, stamp)
        await _register(db, protocol, stamp.path.name)
        self.add(protocol)
        self._read.add(stamp)

    async def learn(self, db: Database) -> None:
        """Learn the versions that another replica has registered; one that this code cannot read is noted in `faults`."""
        async with db.autocommit() as unit:
            rows = await unit.conn.execute(
                select(
                    protocol_version.c.version, protocol_version.c.effective_from, protocol_version.c.document
                ).where(protocol_version.c.version.not_in(list(self._since)))
            )
            missing = rows.all()
        for version, since, document in missing:
            try:
                self.add(await asyncio.to_thread(parse_protocol, document))
            except (ProtocolInvalid, ValueError, TypeError, KeyError, AttributeError) as error:
                self._since[version] = since
                self.faults[version] = f"version {version} is registered and this replica cannot read it: {error}"
                log.warning("protocol.unreadable", version=version, error=type(error).__name__)


async def _register(db: Database, protocol: Protocol, file: str) -> None:
    document, content = _as_json(protocol)
    async with db.autocommit() as unit:
        await unit.conn.execute(
            insert(protocol_version)
            .values(
                version=protocol.version,
                document=cast(literal(document, Text), JSON),
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
            f"{file}: version {protocol.version} was changed after it had been registered; give it a new version."
        )
