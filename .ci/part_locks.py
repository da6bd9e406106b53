"""Writes requirements-image.lock, the part of requirements.lock that a running service needs, and requirements-run.lock, which is that
and the embedded PostgreSQL for `make run`; pins and hashes unchanged.

Run with the Python of .venv after requirements.lock has changed; `tests/contract/test_lock.py` says when it is stale.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def blocks(lock: str) -> dict[str, list[str]]:
    """Return each package's entries (a package may have several, by Python version) as they stand in the lock."""
    found: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.strip()):
        name = canonicalize_name(re.split(r"[=<>!~\[ ;]", block, maxsplit=1)[0])
        found.setdefault(name, []).append(block.rstrip())
    return found


def needed(roots: list[str], locked: Mapping[str, list[str]]) -> set[str]:
    """Return the locked packages that `roots` pull in on any platform."""
    seen: set[tuple[str, str]] = set()
    open_: list[Requirement] = [Requirement(root) for root in roots]
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        new = {(name, extra) for extra in requirement.extras | {""}} - seen
        if name not in locked or not new:
            continue
        seen |= new
        try:
            below = [Requirement(text) for text in requires(name) or []]
        except ModuleNotFoundError:
            continue  # of another platform: it has nothing below it that we would need here
        open_ += [r for r in below if r.marker is None or any(r.marker.evaluate({"extra": extra}) for _, extra in new)]
    return {name for name, _ in seen}


def part(*extras: str) -> str:
    """Return the part of the lock that the project needs with these extras and no others."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(name for extra in extras for name in project["optional-dependencies"][extra])]
    locked = blocks((ROOT / "requirements.lock").read_text())
    return "\n".join(entry for name in sorted(needed(wanted, locked)) for entry in locked[name]) + "\n"


PARTS: Mapping[str, tuple[str, ...]] = {"requirements-image.lock": (), "requirements-run.lock": ("embedded",)}

if __name__ == "__main__":
    for name, extras in PARTS.items():
        (ROOT / name).write_text(part(*extras))
        sys.stdout.write(f"wrote {name}\n")
