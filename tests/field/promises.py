"""The promises, asked of the databases themselves: what must be true of every row once the system has come to rest.

Each query finds what breaks a promise; it names the rows. The three schemas of a test system share one database, which is
the only reason why one query can look at all of them.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from tests.field.ground import Field
from tests.patience import Patience

ALWAYS: Final[Mapping[str, str]] = {
    "a team has two live assignments": """
        SELECT team_id::text FROM dispatch.assignment WHERE ended_at IS NULL GROUP BY team_id HAVING count(*) > 1""",
    "an incident has two committed teams": """
        SELECT incident_id::text FROM dispatch.assignment WHERE ended_at IS NULL AND status <> 'withdrawing'
        GROUP BY incident_id HAVING count(*) > 1""",
    "a team has two live holds": """
        SELECT team_id::text FROM teams.hold WHERE released_at IS NULL GROUP BY team_id HAVING count(*) > 1""",
    "a call that is not final has no deadline": """
        SELECT id::text FROM intake.call WHERE final_at IS NULL AND review_by IS NULL AND act_by IS NULL""",
    "a final call does not say how it ended": """
        SELECT id::text FROM intake.call WHERE final_at IS NOT NULL AND NOT (
            status = 'returned' AND return_reason IS NOT NULL AND recommended_response IS NOT NULL
            OR status = 'closed' AND outcome IS NOT NULL OR status = 'cancelled')""",
    "an open offer or a crew on its way has a call that is not safe": """
        SELECT a.id::text FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id
        WHERE a.status IN ('offered', 'accepted', 'en_route') AND i.wanted <> 'civilian'""",
    "an event is missing from a call's history": """
        SELECT call_id::text FROM intake.call_event GROUP BY call_id HAVING max(seq) <> count(*) OR min(seq) <> 1""",
    "an event is missing from an incident's history": """
        SELECT incident_id::text FROM dispatch.incident_event GROUP BY incident_id
        HAVING max(seq) <> count(*) OR min(seq) <> 1""",
}
"""True at any instant, also between two steps and right after a crash."""

AT_REST: Final[Mapping[str, str]] = {
    "a live hold has no live assignment": """
        SELECT h.assignment_id::text FROM teams.hold h LEFT JOIN dispatch.assignment a
            ON a.id = h.assignment_id AND a.team_id = h.team_id AND a.ended_at IS NULL
        WHERE h.released_at IS NULL AND a.id IS NULL""",
    "a live assignment has no live hold": """
        SELECT a.id::text FROM dispatch.assignment a LEFT JOIN teams.hold h
            ON h.assignment_id = a.id AND h.team_id = a.team_id AND h.released_at IS NULL
        WHERE a.ended_at IS NULL AND a.status <> 'holding' AND h.assignment_id IS NULL""",
    "a wish is not confirmed": "SELECT call_id::text FROM intake.wish WHERE next_try_at IS NOT NULL",
    "a report is not confirmed": """
        SELECT i.id::text FROM dispatch.incident i JOIN intake.call c ON c.id = i.id
        WHERE i.confirmed_version < i.version OR i.events_confirmed < i.event_seq""",
    "a final call's incident has not ended": """
        SELECT c.id::text FROM intake.call c JOIN dispatch.incident i ON i.id = c.id
        WHERE c.final_at IS NOT NULL AND i.status <> 'ended'""",
    "an incident has ended and its call has not": """
        SELECT c.id::text FROM intake.call c JOIN dispatch.incident i ON i.id = c.id
        WHERE c.final_at IS NULL AND i.status = 'ended'""",
    "a queued call is unknown to dispatch": """
        SELECT c.id::text FROM intake.call c LEFT JOIN dispatch.incident i ON i.id = c.id
        WHERE c.final_at IS NULL AND c.was_queued AND i.id IS NULL""",
    "the timeline lacks what dispatch knows": """
        SELECT e.incident_id::text FROM dispatch.incident_event e JOIN intake.call c ON c.id = e.incident_id
        LEFT JOIN intake.progress_event p ON p.call_id = e.incident_id AND p.seq = e.seq
        WHERE p.seq IS NULL GROUP BY e.incident_id""",
    "a closed call was not cleared": """
        SELECT c.id::text FROM intake.call c WHERE c.status = 'closed' AND NOT EXISTS (
            SELECT FROM dispatch.assignment a WHERE a.incident_id = c.id AND a.status = 'cleared')""",
}
"""True once everybody has been heard."""

OVERDUE: Final = """
    SELECT 'call ' || id || ' ' || status, least(review_by, act_by) AS act_by FROM intake.call
    WHERE final_at IS NULL AND (review_by < intake.clock() - $1::interval OR act_by < intake.clock() - $1::interval)
    UNION ALL
    SELECT 'incident ' || id || ' ' || status, act_by FROM dispatch.incident
    WHERE status <> 'ended' AND act_by < dispatch.clock() - $1::interval
    UNION ALL
    SELECT 'assignment ' || id || ' ' || status, act_by FROM dispatch.assignment
    WHERE ended_at IS NULL AND act_by < dispatch.clock() - $1::interval
"""
"""Deadlines that passed more than $1 ago and have not been acted on."""


async def broken(field: Field, promises: Mapping[str, str]) -> dict[str, list[str]]:
    """Return every sentence that is true and should not be, with the rows."""
    found = {sentence: [str(row[0]) for row in await field.rows(query)] for sentence, query in promises.items()}
    return {sentence: rows for sentence, rows in found.items() if rows}


async def hold_now(field: Field) -> None:
    """Raise AssertionError if anything is broken that must hold at every instant."""
    assert not (wrong := await broken(field, ALWAYS)), wrong


async def hold_at_rest(field: Field, *, within_s: float = 15.0) -> None:
    """Raise AssertionError unless all promises hold soon."""
    await hold_now(field)
    patience = Patience(within_s, look_s=0.5)
    while wrong := await broken(field, AT_REST):
        assert not patience.is_over(), wrong
        await asyncio.sleep(0.2)
    await hold_now(field)
