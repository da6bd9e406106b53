"""Ids that cross services, and UUIDv7, which Python 3.11 does not make itself."""

import os
import time
from typing import NewType
from uuid import UUID

CallId = NewType("CallId", UUID)
"""A call's id at intake; its incident at dispatch has the same one."""
AssignmentId = NewType("AssignmentId", UUID)
"""An assignment's id at dispatch; its hold at teams has the same one."""
TeamId = NewType("TeamId", UUID)
ProviderId = NewType("ProviderId", UUID)


def uuid7() -> UUID:
    """Return a new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits, so ids sort by time of making.

    The time inside an id is the process's wall clock: good for locality of indexes, never for a decision.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
