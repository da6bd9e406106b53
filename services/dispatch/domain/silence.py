"""Silence is not safe: how long dispatch may act on what intake last said (architecture, promise 1)."""

from datetime import datetime, timedelta
from typing import Final

LONGEST_SILENCE: Final = timedelta(seconds=30)
"""Not a setting: intake's own deadlines and the CAD's `hand_back_by` are built on it."""


def heard_recently(heard_as_of: datetime | None, now: datetime) -> bool:
    """Say whether intake's newest echo is of an answer less than 30 s old. An `as_of` in the future counts as silence."""
    return heard_as_of is not None and heard_as_of <= now and now - heard_as_of < LONGEST_SILENCE
