"""Writes requirements-image.lock: the part of requirements.lock that a running service needs, pins and hashes unchanged.

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
    wanted: set[str] = set()
    open_: list[Requirement] = [Requirement(root) for root in roots]
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        if name not in locked or name in wanted:
            continue
        wanted.add(name)
        try:
            below = [Requirement(text) for text in requires(name) or []]
        except ModuleNotFoundError:
            continue  # of another platform: it has nothing below it that we would need here
        extras = requirement.extras or {""}
        open_ += [r for r in below if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in extras | {""})]
    return wanted


def image_lock() -> str:
    """Return what requirements-image.lock should hold."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = blocks((ROOT / "requirements.lock").read_text())
    names = sorted(needed(project["dependencies"], locked))
    return "\n".join(entry for name in names for entry in locked[name]) + "\n"


if __name__ == "__main__":
    (ROOT / "requirements-image.lock").write_text(image_lock())
    sys.stdout.write("wrote requirements-image.lock\n")
