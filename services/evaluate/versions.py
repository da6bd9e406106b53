"""Which versions of the protocol are compared: files, names of shipped ones, or the one in force today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.intake.commands import protocol_files
from services.intake.commands.protocols import content_digest
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.triage.protocol_file import PROTOCOLS


class VersionUnknownError(Exception):
    """No protocol has that name, and no file is there."""


@dataclass(frozen=True, slots=True)
class Version:
    """A protocol to decide by, and the digest that names its content."""

    name: str
    digest: str
    protocol: Protocol

    @classmethod
    def of(cls, protocol: Protocol) -> "Version":
        return cls(protocol.version, content_digest(protocol).hex(), protocol)


def load_versions(wanted: Sequence[str], *, now: datetime | None = None) -> list[Version]:
    """Return the versions named by file or name; none named: the shipped one that is in force.

    Raises ProtocolFileInvalid with the line at fault, and VersionUnknownError.
    """
    if wanted:
        return [Version.of(_named(name)) for name in wanted]
    at = now or datetime.now(UTC)
    begun = [protocol for protocol in _shipped() if protocol.effective_from <= at]
    if not begun:
        raise VersionUnknownError("No shipped protocol is in force yet; name a file with --protocol.")
    return [Version.of(max(begun, key=lambda protocol: (protocol.effective_from, protocol.version)))]


def _named(name: str) -> Protocol:
    path = Path(name)
    if path.is_file():
        stat = path.stat()
        return protocol_files.read(protocol_files.Stamp(path, stat.st_mtime_ns, stat.st_size))
    shipped = {protocol.version: protocol for protocol in _shipped()}
    if name not in shipped:
        raise VersionUnknownError(f"{name} is neither a file nor one of {', '.join(sorted(shipped))}.")
    return shipped[name]


def _shipped() -> list[Protocol]:
    return [protocol_files.read(stamp) for stamp in protocol_files.stamps(PROTOCOLS)]
