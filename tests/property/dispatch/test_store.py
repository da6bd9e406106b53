"""Random crews, wishes, deadlines, duplicates and replays against a real database: the four promises hold after every step."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.dispatch import store
from services.dispatch.commands import actions, deadlines, offers, wishes
from services.dispatch.commands.actions import CrewReport
from services.dispatch.desk import Desk
from services.dispatch.domain.assignment import CREW_ACTIONS, LIVE, Action
from services.dispatch.domain.deadlines import Durations
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team
from services.dispatch.effects import Effects
from services.dispatch.roster import Roster
from services.dispatch.tablets import LastSeen
from services.dispatch.upkeep import Upkeep
from shared.auth import Caller, Role
from shared.db import Database
from shared.errors import Refusal
from shared.messages.incidents import Wish
from tests import pg
from tests.contract.dispatch import fakes

TEAMS = [UUID(int=n) for n in range(1, 4)]
CALLS = range(3)


class _Quiet:
    """Stands where effects go: nothing is sent, the test looks at the rows."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_: None


def desk() -> Desk:
    effects = Effects(_Quiet())  # type: ignore[arg-type]
    effects.reports = effects.releases = effects.loose_notices = effects.rounds = _Quiet()  # type: ignore[assignment]
    return Desk("los-angeles", Durations(), Policy(), 4, effects, Roster(LastSeen(180)))


steps = st.one_of(
    st.tuples(st.just("wish"), st.sampled_from(CALLS), st.integers(1, 6), st.sampled_from(["civilian", "review", "staged"])),
    st.tuples(st.just("withdraw"), st.sampled_from(CALLS), st.integers(1, 6), st.sampled_from(["cancelled", "risk_rose"])),
    st.tuples(st.just("stop"), st.sampled_from(CALLS)),
    st.tuples(st.just("match"), st.sampled_from(CALLS), st.sampled_from(range(len(TEAMS)))),
    st.tuples(st.just("offer"), st.sampled_from(CALLS)),
    st.tuples(st.just("act"), st.sampled_from(range(len(TEAMS))), st.sampled_from(CREW_ACTIONS)),
    st.tuples(st.just("time"), st.sampled_from([20, 95, 700, 4000])),
    st.tuples(st.just("clock_back"), st.sampled_from([60, 3600])),
    st.tuples(st.just("twice"), st.sampled_from(range(len(TEAMS))), st.sampled_from(CREW_ACTIONS)),
    st.tuples(st.just("silence")),
    st.tuples(st.just("heard")),
)  # fmt: skip


class Run:
    """One random history."""

    def __init__(self, db: Database, database: pg.Clone) -> None:
        self.db = db
        self.database = database
        self.desk = desk()
        self.calls = [uuid4() for _ in CALLS]

    async def do(self, step: tuple[Any, ...]) -> None:
        verb, *rest = step
        with suppress(Refusal):
            await getattr(self, f"do_{verb}")(*rest)

    async def do_wish(self, call: int, seq: int, kind: str) -> None:
        verdict = "review" if kind == "review" else "safe"
        facts = fakes.facts(
            decision=fakes.decision(verdict), assign_by=(datetime.now(UTC) + timedelta(minutes=30)).isoformat()
        )
        await self._put(call, Wish.model_validate({
            "seq": seq, "wanted": "civilian", "may_offer": kind != "review", "may_depart": kind == "civilian",
            "reason": {"review": "review", "staged": "police_staged"}.get(kind), "facts": facts,
        }))  # fmt: skip

    async def do_withdraw(self, call: int, seq: int, reason: str) -> None:
        await self._put(call, Wish.model_validate(fakes.withdrawn(seq, reason)))

    async def _put(self, call: int, wish: Wish) -> None:
        async with self.db.autocommit() as unit:
            is_new = await wishes.receive(unit, self.desk, self.calls[call], wish)
        if not is_new:
            async with self.db.transaction() as unit:
                await wishes.apply(unit, self.desk, self.calls[call], wish)

    async def do_stop(self, call: int) -> None:
        async with self.db.transaction() as unit:
            await wishes.stop(unit, self.desk, self.calls[call])

    async def do_match(self, call: int, team: int) -> None:
        async with self.db.autocommit() as unit:
            case = await store.read_case(unit.conn, self.calls[call])
            if case is not None and case.incident.status == "waiting":
                await offers.commit(unit, self.desk, case, Team(TEAMS[team], f"Team {team}"), {}, scheduled=False)

    async def do_offer(self, call: int) -> None:
        async with self.db.autocommit() as unit:
            case = await store.read_case(unit.conn, self.calls[call])
        if case is not None and case.committed is not None:
            await offers.offer(self.db, self.desk, case.committed.id)

    async def do_act(self, team: int, action: Action) -> None:
        async with pg.connected(self.database.admin) as admin:
            found = await admin.fetchval(
                "SELECT id FROM dispatch.assignment WHERE team_id = $1 ORDER BY created_at DESC LIMIT 1", TEAMS[team]
            )
        if found is None:
            return
        more: dict[str, Any] = {
            "clear": {"outcome": "calmed"},
            "escalate": {"needs": "police"},
            "decline": {"reason": "x"},
        }.get(action, {})
        report = CrewReport(action, **more)
        caller = Caller(Role.TEAM, "crew", team_id=TEAMS[team])
        async with self.db.autocommit() as unit:
            await actions.act(unit, self.desk, found, report, caller)

    async def do_time(self, seconds: int) -> None:
        async with pg.connected(self.database.admin) as admin:
            back = timedelta(seconds=seconds)
            await admin.execute(
                "UPDATE dispatch.incident SET act_by = act_by - $1::interval, assign_by = assign_by - $1::interval",
                back,
            )
            await admin.execute(
                "UPDATE dispatch.assignment SET act_by = act_by - $1::interval, respond_by = respond_by - $1::interval",
                back,
            )
        await self.sweep()

    async def sweep(self) -> int:
        """Let two replicas meet every deadline that has passed; return how many incidents had one."""
        async with self.db.autocommit() as unit:
            passed = await deadlines.due(unit, "los-angeles")
        two_sweeps = [deadlines.meet(self.db, self.desk, incident_id) for incident_id in (*passed, *passed)]
        await asyncio.gather(*two_sweeps)
        return len(passed)

    async def do_clock_back(self, seconds: int) -> None:
        """The clock was ahead while everything so far was written, and is set right: live deadlines move with it."""
        ahead = timedelta(seconds=seconds)
        async with pg.connected(self.database.admin) as admin:
            await admin.execute(
                "UPDATE dispatch.incident SET act_by = act_by + $1::interval, assign_by = assign_by + $1::interval",
                ahead,
            )
            await admin.execute(
                "UPDATE dispatch.assignment SET act_by = act_by + $1::interval, respond_by = respond_by + $1::interval",
                ahead,
            )
            await admin.execute("UPDATE dispatch.link SET heard_as_of = heard_as_of + $1::interval", ahead)
            await admin.execute("DELETE FROM dispatch.clock_watch")
            await admin.execute(
                "INSERT INTO dispatch.clock_watch (id, latest_at) VALUES (1, dispatch.clock() + $1::interval)", ahead
            )
        await Upkeep(self.db, self.desk, None).watch_clock()  # type: ignore[arg-type]  # the clock asks no teams service

    async def do_twice(self, team: int, action: Action) -> None:
        """The tablet sends an action twice at once; at most one of the two moves anything."""
        results = await asyncio.gather(self.do_act(team, action), self.do_act(team, action), return_exceptions=True)
        assert all(one is None or isinstance(one, Refusal) for one in results), results

    async def settle(self) -> None:
        """Meet what is due, and what that makes due: afterwards every call that has not ended has a holder with time left."""
        for _ in range(12):
            if not await self.sweep():
                break
        async with pg.connected(self.database.admin) as admin:
            left = await admin.fetch(UNATTENDED, [*map(str, LIVE)])
            assert left == [], left

    async def do_silence(self) -> None:
        await self._hear("dispatch.clock() - interval '31 s'")

    async def do_heard(self) -> None:
        await self._hear("dispatch.clock()")

    async def _hear(self, when: str) -> None:
        async with pg.connected(self.database.admin) as admin:
            await admin.execute(
                f"INSERT INTO dispatch.link (jurisdiction, heard_as_of, applied) VALUES ('los-angeles', {when}, 0) "
                f"ON CONFLICT (jurisdiction) DO UPDATE SET heard_as_of = {when}"
            )

    async def check(self) -> None:
        """Assert what must hold after every step, whatever came before."""
        async with pg.connected(self.database.admin) as admin:
            live = [*map(str, LIVE)]
            for what, query in BROKEN.items():
                rows = await admin.fetch(query, *([live] if "$1" in query else []))
                assert rows == [], (what, rows)


BROKEN = {
    "a team in two places": (
        "SELECT team_id FROM dispatch.assignment WHERE status = ANY ($1) GROUP BY team_id HAVING count(*) > 1"
    ),
    "a call with two teams": (
        "SELECT incident_id FROM dispatch.assignment WHERE status = ANY ($1) AND status <> 'withdrawing' "
        "GROUP BY incident_id HAVING count(*) > 1"
    ),
    "a live assignment without a deadline": "SELECT id FROM dispatch.assignment WHERE status = ANY ($1) AND act_by IS NULL",
    "a waiting call without a deadline": "SELECT id FROM dispatch.incident WHERE status = 'waiting' AND act_by IS NULL",
    "a committed call without a team": (
        "SELECT id FROM dispatch.incident i WHERE status = 'committed' AND NOT EXISTS (SELECT 1 FROM dispatch.assignment a "
        "WHERE a.incident_id = i.id AND a.status = ANY ($1) AND a.status <> 'withdrawing')"
    ),
    "a team at work for a call that does not count on it": (
        "SELECT a.id FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id "
        "WHERE a.status = ANY ($1) AND a.status <> 'withdrawing' AND i.status <> 'committed'"
    ),
    "an ended call without a reason": (
        "SELECT id FROM dispatch.incident WHERE status = 'ended' AND outcome IS NULL AND return_reason IS NULL "
        "AND coalesce(wish_reason, '') NOT IN ('cancelled', 'withdrawn') AND call_cancelled_at IS NULL"
    ),
    "an open offer for a call that may not be offered": (
        "SELECT a.id FROM dispatch.assignment a JOIN dispatch.incident i ON i.id = a.incident_id WHERE a.status = 'offered' "
        "AND NOT (i.wanted = 'civilian' AND i.may_offer AND i.verdict = 'safe')"
    ),
    "an ended assignment whose hold nobody releases": (
        "SELECT id FROM dispatch.assignment WHERE NOT status = ANY ($1) AND release_at IS NULL AND NOT hold_released"
    ),
    "history with a gap": (
        "SELECT i.id FROM dispatch.incident i JOIN dispatch.incident_event e ON e.incident_id = i.id "
        "GROUP BY i.id HAVING count(*) <> i.event_seq OR max(e.seq) <> i.event_seq"
    ),
    "a deadline that a step of the clock has left in the future": (
        "SELECT act_by FROM dispatch.incident WHERE act_by > dispatch.clock() + interval '45 min' "
        "UNION ALL SELECT act_by FROM dispatch.assignment WHERE act_by > dispatch.clock() + interval '45 min'"
    ),
    "a report that is not due": "SELECT id FROM dispatch.incident WHERE report_at IS NULL AND confirmed_version < version",
}

UNATTENDED = """
    SELECT i.id, i.status FROM dispatch.incident i
    WHERE i.status <> 'ended' AND coalesce(
        (SELECT min(a.act_by) FROM dispatch.assignment a WHERE a.incident_id = i.id AND a.status = ANY ($1)), i.act_by
    ) <= dispatch.clock()
    UNION ALL
    SELECT a.id, a.status FROM dispatch.assignment a WHERE a.status = ANY ($1) AND a.act_by <= dispatch.clock()
"""
"""Calls and crews whose deadline has passed although every sweep has run."""


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_no_history_breaks_a_promise(database: pg.Clone) -> None:
    """Each example runs in a loop of its own, because Hypothesis drives it synchronously."""

    @settings(
        max_examples=12,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(st.lists(steps, min_size=5, max_size=30))
    def drive(history: list[tuple[Any, ...]]) -> None:
        asyncio.run(one(history))

    async def one(history: list[tuple[Any, ...]]) -> None:
        await database.reset()
        db = Database(database.login["dispatch"], application="test", pool_size=4)
        try:
            run = Run(db, database)
            await run.do_heard()
            for step in history:
                await run.do(step)
                await run.check()
            await run.settle()
            await run.check()
        finally:
            await db.close()

    drive()
