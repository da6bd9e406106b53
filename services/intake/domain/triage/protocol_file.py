"""Reads a protocol from its file: the only part of triage that does."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from services.intake.domain.triage.protocol import Protocol, ProtocolInvalid
from services.intake.domain.triage.protocol_parse import parse_protocol

PROTOCOLS: Final = Path(__file__).parent / "protocols"
"""The protocols that come with this code."""


QuickLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""A safe loader: libyaml's, where PyYAML was built with it, which is five times as fast."""


class _StrictLoader(QuickLoader):  # type: ignore[misc]  # one of two, by the machine
    """Refuses what YAML would quietly repair: the same key twice, or `yes` and `no` as booleans."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise ProtocolInvalid(str(key), f"is stated twice (line {key_node.start_mark.line + 1})")
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


# Only true and false are booleans here: `no` is a word that callers say, and an answer.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_protocol(path: Path) -> Protocol:
    """Return the protocol in the file at `path`. Raises `ProtocolInvalid` naming the key at fault."""
    with _no_collection():
        return _loaded(path)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector away from what is all kept: looking through it again and again is half of a load."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _loaded(path: Path) -> Protocol:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506  # a SafeLoader
    except yaml.YAMLError as error:
        raise ProtocolInvalid(path.name, f"is not YAML: {error}") from None
    if not isinstance(document, dict):
        raise ProtocolInvalid(path.name, "must be a mapping")
    return parse_protocol(document)


def protocol_in_force(at: datetime, folder: Path = PROTOCOLS) -> Protocol:
    """Return the newest protocol of `folder` whose time has come at `at`. Raises `ProtocolInvalid` if none has."""
    protocols = [load_protocol(path) for path in sorted(folder.glob("*.yaml"))]
    in_force = [protocol for protocol in protocols if protocol.effective_from <= at]
    if not in_force:
        raise ProtocolInvalid(str(folder.name), "holds no protocol that is in force")
    return max(in_force, key=lambda protocol: (protocol.effective_from, protocol.version))
