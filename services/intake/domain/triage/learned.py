"""What was learned comes with this code, in files that never change: whoever uses one names it by its digest."""

import hashlib
from pathlib import Path
from typing import Final

OPINIONS: Final = Path(__file__).parent / "opinions"


class OpinionInvalid(ValueError):
    """A second opinion, or what words mean to it, is missing, or it is not the one that was meant."""


def learned(what: str, name: str, digest: str) -> bytes:
    """Return the file `name`, which holds `what`. Raises `OpinionInvalid` unless its SHA-256 is `digest`."""
    path = OPINIONS / f"{name}.npz"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise OpinionInvalid(f"there is no {what} {name!r}")
    stored = path.read_bytes()
    found = hashlib.sha256(stored).hexdigest()
    if found != digest:
        raise OpinionInvalid(f"the {what} {name!r} has the digest {found}, another one than stated")
    return stored
