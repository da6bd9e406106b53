"""The timed work about tablets: what changed unheard, who was seen, who fell silent and who came back."""

# ruff: noqa: S608 - the texts are put together from constants of this service

from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, Double, String, Uuid, bindparam, text

from services.dispatch import tables
from services.dispatch.desk import Desk
from services.dispatch.tables import LIVE_SQL
from services.dispatch.tablets import LastSeen, Shown
from shared.alerts import Alarm, Severity, raise_alert, resolve
from shared.db import Database

KIND: Final = "tablet_silent"
# `xmin` is the transaction that wrote a row's present version: any change of the assignment or of its incident changes it.
_CHANGED: Final = text(f"""
    SELECT a.team_id, array_agg(ARRAY[CAST(a.id AS text), CAST(a.xmin AS text), CAST(i.xmin AS text)] ORDER BY a.id) AS versions
    FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id
    WHERE a.jurisdiction = :jurisdiction AND a.{LIVE_SQL} GROUP BY a.team_id
""").bindparams(bindparam("jurisdiction", type_=String))
_WRITE: Final = text("""
    INSERT INTO dispatch.tablet_seen AS t (team_id, jurisdiction, seen_at)
        SELECT u.team_id, :jurisdiction, dispatch.clock() - u.age_s * :rate * interval '1 s'
        FROM unnest(CAST(:teams AS uuid[]), CAST(:ages AS double precision[])) AS u (team_id, age_s)
    ON CONFLICT (team_id) DO UPDATE SET seen_at = greatest(t.seen_at, excluded.seen_at)
""").bindparams(
    bindparam("jurisdiction", type_=String), bindparam("rate", type_=Double), bindparam("teams", type_=ARRAY(Uuid)),
    bindparam("ages", type_=ARRAY(Double)),
)  # fmt: skip
_READ: Final = text("""
    SELECT team_id, CAST(extract(epoch FROM dispatch.clock() - seen_at) AS double precision) / :rate AS age_s
    FROM dispatch.tablet_seen WHERE jurisdiction = :jurisdiction
""").bindparams(bindparam("jurisdiction", type_=String), bindparam("rate", type_=Double))
_OPEN: Final = text(f"SELECT subject FROM dispatch.alert WHERE kind = '{KIND}' AND resolved_at IS NULL")


class TabletWatch:
    """Each method is one pass of a loop."""

    def __init__(self, db: Database, desk: Desk, shown: Shown, seen: LastSeen, *, time_rate: float) -> None:
        self._db = db
        self._desk = desk
        self._shown = shown
        self._seen = seen
        self._where = {"jurisdiction": desk.jurisdiction}
        self._rate = {"rate": time_rate}

    async def what_changed(self) -> None:
        """Wake the tablets whose work changed without our hearing of it: the one statement that covers every waiter."""
        async with self._db.autocommit() as unit:
            rows = (await unit.conn.execute(_CHANGED, self._where)).all()
        self._shown.compare({row.team_id: row.versions for row in rows})

    async def exchange(self) -> None:
        """Write down who polled here, in one statement for all, and read who polled elsewhere."""
        polled = self._seen.to_write()
        async with self._db.autocommit() as unit:
            if polled:
                values = {"teams": list(polled), "ages": list(polled.values())}
                await unit.conn.execute(_WRITE, self._where | self._rate | values)
            for row in await unit.conn.execute(_READ, self._where | self._rate):
                self._seen.elsewhere(row.team_id, row.age_s)

    async def alert(self) -> None:
        """Raise an alert for each team on duty whose tablet is silent, and close those of tablets that are back."""
        silent = {str(team_id) for team_id in self._seen.silent()}
        async with self._db.autocommit() as unit:
            open_now = set((await unit.conn.execute(_OPEN)).scalars())
            for subject in silent - open_now:
                await raise_alert(unit.conn, tables.alert, self._alarm(UUID(subject)))
            for subject in open_now - silent:
                await resolve(unit.conn, tables.alert, subject, KIND)
            if silent != open_now:
                self._desk.effects.alerted(unit)
                unit.then(self._desk.effects.rounds.poke)

    def _alarm(self, team_id: UUID) -> Alarm:
        team = self._desk.roster.get(team_id)
        name = team.team_name if team else f"Team {team_id}"
        words = f"{name} is on duty, but its tablet has not been heard from for {int(self._seen.limit_s)} s."
        return Alarm(KIND, team_id, Severity.SERVICE, words, "It is offered no work until the tablet is back.")
