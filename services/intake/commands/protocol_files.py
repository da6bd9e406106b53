"""Protocol files as a folder holds them: each is read once for each time it was written, and a fault names its line."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from services.intake.domain.triage.protocol import Protocol, ProtocolInvalid
from services.intake.domain.triage.protocol_file import QuickLoader, load_protocol

KEPT: Final = 16


class ProtocolFileInvalid(Exception):
    """A file states no protocol; the message names the file, the line and the key at fault."""


class Stamp(NamedTuple):
    """One state of a file on the disk."""

    path: Path
    written_ns: int
    size: int


def stamps(folder: Path) -> list[Stamp]:
    """Return the protocol files of `folder` as they are now, by name."""
    found = ((path, path.stat()) for path in sorted(folder.glob("*.yaml")))
    return [Stamp(path, stat.st_mtime_ns, stat.st_size) for path, stat in found]


@lru_cache(maxsize=KEPT)
def read(stamp: Stamp) -> Protocol:
    """Return the protocol of a file. Raises ProtocolFileInvalid."""
    try:
        return load_protocol(stamp.path)
    except ProtocolInvalid as fault:
        line = line_at_fault(stamp.path.read_text(encoding="utf-8", errors="replace"), fault)
        where = f"{stamp.path.name}, line {line}" if line else stamp.path.name
        said = fault.problem if fault.key == stamp.path.name else str(fault)
        raise ProtocolFileInvalid(f"{where}: {' '.join(said.split())}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise ProtocolFileInvalid(f"{stamp.path.name}: cannot be read: {fault}") from None


def line_at_fault(text: str, fault: ProtocolInvalid) -> int | None:
    """Return the line of `text`, from 1, at which the key at fault stands, or the nearest one above it; None: not known."""
    if named := re.findall(r"\bline (\d+)", fault.problem):
        return int(named[-1])
    try:
        node = yaml.compose(text, Loader=QuickLoader)
    except yaml.YAMLError:
        return None
    if node is None:
        return 1
    line = int(node.start_mark.line)
    for step in re.findall(r"[^.\[\]]+", fault.key):
        below = _below(node, step)
        if below is None:
            break
        line, node = below
    return line + 1


def _below(node: yaml.Node, step: str) -> tuple[int, yaml.Node] | None:
    """Return where the key or the item `step` of a node begins, and its value."""
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item.start_mark.line, item
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    return None
