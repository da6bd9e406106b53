"""Under whose name PostgreSQL runs, and which places that account can reach.

PostgreSQL refuses to run as root. As root the server runs as `nobody`; as anyone else it runs as that user.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

CLEAN_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/", "TZ": "UTC"}
"""PG* variables of the user's shell must not reach our server."""

ELSEWHERE: Final = Path("/var/tmp")  # noqa: S108 - survives a reboot; what we make in it is checked to be ours


class Account(NamedTuple):
    """Who the server runs as; `None` where that is whoever started us."""

    uid: int
    gid: int


class UnsafePlaceError(RuntimeError):
    """A folder that should be ours belongs to someone else."""


def account() -> Account | None:
    """`nobody` (or COMMONGROUND_PG_USER) when we are root, else None."""
    if os.geteuid() != 0:
        return None
    name = os.environ.get("COMMONGROUND_PG_USER", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UnsafePlaceError(
            f"PostgreSQL does not run as root, and this machine has no user {name!r} to run it as. "
            "Set COMMONGROUND_PG_USER to an unprivileged user, or DATABASE_URL to a server of yours."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def owner_or(path: Path, who: Account | None) -> Account | None:
    """Whoever owns `path`, when we are root and it is an unprivileged user's, else `who`.

    A data directory made as a plain user, say, is still that user's when root starts the server.
    """
    if who is None or not path.exists():
        return who
    found = path.stat()
    return Account(found.st_uid, found.st_gid) if found.st_uid != 0 else who


def popen_options(who: Account | None) -> dict[str, Any]:
    """Keyword arguments for `subprocess` that start a program as `who`, owing nothing to our surroundings."""
    options: dict[str, Any] = {"cwd": "/", "env": CLEAN_ENVIRONMENT, "stdin": subprocess.DEVNULL}
    if who is not None:
        options |= {"user": who.uid, "group": who.gid, "extra_groups": []}
    return options


def can_reach(folder: Path, who: Account | None) -> bool:
    """Whether `who` can enter `folder`: tried rather than computed, so that every kind of access rule counts."""
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
    return subprocess.run(command, **popen_options(who), stderr=subprocess.DEVNULL, check=False).returncode == 0  # noqa: S603


def place_for(home: Path, who: Account | None) -> Path:
    """A folder in which `who` can keep data: `home`, or one outside it when `home` cannot be reached.

    A clone below a folder that others may not enter (root's own home, say) is such a case. The parents' modes are
    never touched. The place outside is always the same for the same `home`, so data are kept between runs.
    """
    home.mkdir(parents=True, exist_ok=True)
    if can_reach(home, who):
        return home
    name = f"commonground-{hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:16]}"
    place = ELSEWHERE / name
    place.mkdir(mode=0o755, exist_ok=True)
    found = place.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not ours:
        raise UnsafePlaceError(f"{place} is not ours: someone else made it. Remove it, or move the clone.")
    place.chmod(0o755)
    if not can_reach(place, who):
        raise UnsafePlaceError(f"Neither {home} nor {place} can be entered by the account PostgreSQL must run under.")
    return place


def give(path: Path, who: Account | None) -> None:
    """Make `path` (one file or folder, nothing below or above it) belong to `who`."""
    if who is not None:
        os.chown(path, who.uid, who.gid, follow_symlinks=False)


def remove(tree: Path) -> None:
    """Delete `tree` if it is there."""
    if tree.exists():
        shutil.rmtree(tree)
