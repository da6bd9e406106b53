"""Protocols as they are kept, and which one is in force."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.tables import protocol_version
from shared.clock import clock


class ProtocolRow(NamedTuple):
    """One version of the protocol, as its file says it."""

    version: str
    effective_from: datetime
    approved_by: str
    document: Any


_COLUMNS = (
    protocol_version.c.version,
    protocol_version.c.effective_from,
    protocol_version.c.approved_by,
    protocol_version.c.document,
)


async def version_in_force(conn: AsyncConnection) -> str | None:
    """Return the version in force: the newest whose time has come."""
    found: str | None = await conn.scalar(
        select(protocol_version.c.version)
        .where(protocol_version.c.effective_from <= select(clock("intake")).scalar_subquery())
        .order_by(protocol_version.c.effective_from.desc(), protocol_version.c.version.collate("C").desc())
        .limit(1)
    )
    return found


async def read_protocol(conn: AsyncConnection, version: str) -> ProtocolRow | None:
    """Return one version of the protocol."""
    row = (await conn.execute(select(*_COLUMNS).where(protocol_version.c.version == version))).one_or_none()
    return ProtocolRow(*row) if row else None
