"""Deadlines: every one that passes leaves the call with a holder. A test makes one pass by moving its row."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.commands import deadlines, heartbeat
from services.intake.peers import WishesMissing
from shared.auth import Role
from shared.messages.incidents import HeartbeatAnswer
from tests import pg
from tests.contract.intake.conftest import Intake, doubtful_report, eventually, eventually_confirmed, safe_report
from tests.contract.intake.fakes import assigned, view
from tests.contract.intake.test_progress import queued


async def passed(database: pg.Clone, table: str, column: str) -> None:
    """Let the deadlines in a column pass."""
    async with pg.connected(database.admin) as admin:
        await admin.execute(f"UPDATE intake.{table} SET {column} = {column} - interval '1 hour'")


async def sweep(intake: Intake, command: Any) -> None:
    """Run one pass of a timed loop."""
    state = intake.app.state
    with_dispatch = command in {deadlines.answer_for_calls, heartbeat.beat}
    await command(state.db, state.desk, *((intake.dispatch,) if with_dispatch else ()))


async def alerts(intake: Intake) -> list[tuple[str, str]]:
    items = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
    return [(item["kind"], item["subject"]) for item in items]


class TestReview:
    async def test_a_review_that_nobody_decides_returns_the_call(self, intake: Intake, database: pg.Clone) -> None:
        await intake.reviewer_reads_the_queue()
        call = await intake.report(doubtful_report())
        await sweep(intake, deadlines.end_overdue_reviews)
        assert (await intake.call(call["id"]))["status"] == "in_review"
        await passed(database, "call", "review_by")
        await sweep(intake, deadlines.end_overdue_reviews)
        after = await intake.call(call["id"])
        assert (after["status"], after["return_reason"]) == ("returned", "review_timeout")
        assert after["acknowledge_by"] is not None

    async def test_when_the_last_reviewer_leaves_what_waits_for_him_goes_back(
        self, intake: Intake, database: pg.Clone
    ) -> None:
        await intake.reviewer_reads_the_queue()
        call = await intake.report(doubtful_report())
        await passed(database, "reviewer_presence", "seen_at")
        await sweep(intake, deadlines.end_overdue_reviews)
        assert (await intake.call(call["id"]))["return_reason"] == "no_reviewer"

    async def test_doubt_that_nobody_settles_withdraws_a_crew(self, intake: Intake, database: pg.Clone) -> None:
        call = await queued(intake)
        await intake.progress(call, view(2, "committed", assignment=assigned("en_route")))
        await intake.post(f"/v1/calls/{call}/updates", {"answers": {"intoxication": "yes"}})
        assert (await intake.call(call))["status"] == "en_route"
        await passed(database, "call", "review_by")
        await sweep(intake, deadlines.end_overdue_reviews)
        assert (await intake.call(call))["return_reason"] == "risk_rose"
        await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")


class TestOwnDeadline:
    @pytest.mark.parametrize("how", ["silent", "unknown", "still_passed"])
    async def test_a_call_that_dispatch_does_not_account_for_is_returned(
        self, intake: Intake, database: pg.Clone, how: str
    ) -> None:
        call = await queued(intake)
        await passed(database, "call", "act_by")
        if how == "silent":
            intake.dispatch.silent = True
        elif how == "unknown":
            intake.dispatch.views.clear()
        else:
            intake.dispatch.views[next(iter(intake.dispatch.views))] = view(2, act_in_s=-31)
        await sweep(intake, deadlines.answer_for_calls)
        after = await intake.call(call)
        assert (after["status"], after["return_reason"]) == ("returned", "system_fault")
        [wish] = await intake.rows("SELECT wanted, reason FROM intake.wish")
        assert (wish.wanted, wish.reason) == ("withdrawn", "system_fault")

    async def test_a_call_that_dispatch_accounts_for_goes_on(self, intake: Intake, database: pg.Clone) -> None:
        call = await queued(intake)
        intake.dispatch.views[next(iter(intake.dispatch.views))] = view(7, "committed", assignment=assigned("accepted"))
        await passed(database, "call", "act_by")
        await sweep(intake, deadlines.answer_for_calls)
        assert (await intake.call(call))["status"] == "accepted"

    async def test_the_same_view_with_a_later_deadline_counts(self, intake: Intake, database: pg.Clone) -> None:
        call = await queued(intake)
        await passed(database, "call", "act_by")
        intake.dispatch.views[next(iter(intake.dispatch.views))] = view(1, act_in_s=45)
        await sweep(intake, deadlines.answer_for_calls)
        assert (await intake.call(call))["status"] == "queued"

    async def test_a_deadline_that_has_not_passed_asks_nobody(self, intake: Intake) -> None:
        await queued(intake)
        intake.dispatch.views.clear()
        await sweep(intake, deadlines.answer_for_calls)
        assert [row.status for row in await intake.rows("SELECT status FROM intake.call")] == ["queued"]


class TestSilentDispatch:
    async def test_after_a_minute_of_silence_what_no_team_has_accepted_goes_back(
        self, intake: Intake, database: pg.Clone
    ) -> None:
        waiting, going = await queued(intake), await queued(intake)
        await intake.progress(going, view(2, "committed", assignment=assigned("en_route")))
        intake.dispatch.silent = True
        await sweep(intake, heartbeat.beat)
        assert (await intake.call(waiting))["status"] == "queued"
        await passed(database, "dispatch_link", "silent_since")
        await sweep(intake, heartbeat.beat)
        assert (await intake.call(waiting))["return_reason"] == "system_fault"
        assert (await intake.call(going))["status"] == "en_route"
        assert ("dispatch_silent", "dispatch") in await alerts(intake)
        intake.dispatch.silent = False
        await sweep(intake, heartbeat.beat)
        assert ("dispatch_silent", "dispatch") not in await alerts(intake)

    async def test_silence_is_counted_from_the_first_beat_that_was_not_answered(
        self, intake: Intake, database: pg.Clone
    ) -> None:
        call = await queued(intake)
        await passed(database, "dispatch_link", "answered_at")  # intake itself was away for an hour
        intake.dispatch.silent = True
        await sweep(intake, heartbeat.beat)
        assert (await intake.call(call))["status"] == "queued"


class TestHeartbeat:
    async def test_it_echoes_the_last_answer_and_names_what_is_not_confirmed(
        self, intake: Intake, database: pg.Clone
    ) -> None:
        call = await queued(intake)
        at = datetime(2026, 11, 23, 12, tzinfo=UTC)
        intake.dispatch.beat_answer = HeartbeatAnswer(as_of=at, applied=17)
        await sweep(intake, heartbeat.beat)
        intake.dispatch.silent, tried = True, intake.dispatch.tries
        await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
        await eventually(lambda: intake.dispatch.tries > tried)
        intake.dispatch.silent = False
        await sweep(intake, heartbeat.beat)
        assert intake.dispatch.beats[-1].withdrawn == []  # it may still be under way
        await passed(database, "wish", "written_at")
        await sweep(intake, heartbeat.beat)
        beat = intake.dispatch.beats[-1]
        assert (beat.echo, beat.applied, [str(one) for one in beat.withdrawn]) == (at, 17, [call])

    async def test_after_a_restore_every_wish_goes_again_before_the_lower_count_is_believed(
        self, intake: Intake
    ) -> None:
        going, closed = await queued(intake), await queued(intake)
        await intake.progress(
            closed, view(2, "ended", act_in_s=None, outcome="agreement", assignment=assigned("cleared"))
        )
        at = datetime(2026, 11, 23, 12, tzinfo=UTC)
        intake.dispatch.beat_answer = HeartbeatAnswer(as_of=at, applied=40)
        await sweep(intake, heartbeat.beat)
        intake.dispatch.wishes.clear()
        intake.dispatch.beat_answer = WishesMissing(HeartbeatAnswer(as_of=at, applied=3))
        await sweep(intake, heartbeat.beat)
        await sweep(intake, heartbeat.beat)
        assert intake.dispatch.beats[-1].applied == 40  # not all were sent yet
        relay = intake.app.state.desk.send_soon
        for row in await intake.rows("SELECT call_id FROM intake.wish WHERE next_try_at IS NOT NULL"):
            relay(row.call_id)
        await eventually(lambda: len(intake.dispatch.wishes) == 2)
        sent = {str(wish.call_id): (wish.seq, wish.wanted) for wish in intake.dispatch.wishes}
        assert sent == {going: (1, "civilian"), closed: (2, "withdrawn")}
        await eventually_confirmed(intake)
        await sweep(intake, heartbeat.beat)
        intake.dispatch.beat_answer = HeartbeatAnswer(as_of=at, applied=5)
        await sweep(intake, heartbeat.beat)
        assert intake.dispatch.beats[-1].applied == 3

    async def test_a_restore_that_no_heartbeat_has_seen_shows_in_the_answer_to_the_next_wish(
        self, intake: Intake
    ) -> None:
        intake.dispatch.beat_answer = HeartbeatAnswer(as_of=datetime(2026, 11, 23, 12, tzinfo=UTC), applied=0)
        going = await queued(intake)
        await eventually_confirmed(intake)
        intake.dispatch.applied = 0  # as before that wish came
        intake.dispatch.wishes.clear()
        new = str((await intake.report(safe_report()))["id"])
        relay = intake.app.state.desk.send_soon
        for _ in range(1000):
            if len(intake.dispatch.wishes) >= 2:
                break
            for row in await intake.rows("SELECT call_id FROM intake.wish WHERE next_try_at IS NOT NULL"):
                relay(row.call_id)
            await asyncio.sleep(0.005)
        assert {str(wish.call_id) for wish in intake.dispatch.wishes} == {going, new}
        [alert] = await intake.rows("SELECT kind FROM intake.alert WHERE resolved_at IS NULL")
        assert alert.kind == "dispatch_restored"


class TestAcknowledgement:
    async def test_a_return_that_nobody_takes_is_alerted_again_and_again_until_somebody_does(
        self, intake: Intake, database: pg.Clone
    ) -> None:
        call = await queued(intake)
        await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
        await sweep(intake, deadlines.alert_untaken_returns)
        assert await alerts(intake) == []
        seen = set()
        for _ in range(2):
            await passed(database, "call", "acknowledge_by")
            await sweep(intake, deadlines.alert_untaken_returns)
            [alert] = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
            assert (alert["kind"], alert["subject"], alert["acknowledged_at"]) == (
                "return_not_acknowledged",
                call,
                None,
            )
            seen.add(alert["id"])
            await intake.post(f"/v1/alerts/{alert['id']}/acknowledge", None, Role.SUPERVISOR)
        assert len(seen) == 2
        answer = await intake.post(f"/v1/calls/{call}/acknowledge", {"operator": "desk-4"})
        assert answer.json()["acknowledged_at"] is not None
        assert await alerts(intake) == []
        again = await intake.post(f"/v1/calls/{call}/acknowledge", {})
        assert again.json()["version"] == answer.json()["version"]

    async def test_a_notice_that_nobody_reads_is_alerted(self, intake: Intake, database: pg.Clone) -> None:
        call = await queued(intake)
        notice = {"id": "0193576e-0000-7000-8000-0000000000aa", "kind": "check_on_team", "text": "x", "position": None,
                  "at": datetime.now(UTC).isoformat()}  # fmt: skip
        await intake.progress(call, view(2, "committed", assignment=assigned("on_scene"), notices=[notice]))
        await passed(database, "notice", "acknowledge_by")
        await sweep(intake, deadlines.alert_unread_notices)
        assert await alerts(intake) == [("notice_not_acknowledged", call)]
        await intake.post(f"/v1/calls/{call}/acknowledge", {"notice_id": notice["id"]})
        assert await alerts(intake) == []

    async def test_a_call_that_is_not_returned_has_nothing_to_acknowledge(self, intake: Intake) -> None:
        call = await queued(intake)
        assert (await intake.post(f"/v1/calls/{call}/acknowledge", {})).status_code == 409


class TestClock:
    async def test_when_time_goes_back_live_deadlines_go_with_it(self, intake: Intake, database: pg.Clone) -> None:
        await queued(intake)
        await sweep(intake, deadlines.watch_clock)
        [before] = await intake.rows("SELECT act_by FROM intake.call")
        async with pg.connected(database.admin) as admin:
            await admin.execute("UPDATE intake.clock_watch SET latest_at = latest_at + interval '30 seconds'")
        await sweep(intake, deadlines.watch_clock)
        [after] = await intake.rows("SELECT act_by FROM intake.call")
        assert timedelta(seconds=29) < before.act_by - after.act_by <= timedelta(seconds=30)
        [first] = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
        assert (first["kind"], first["subject"]) == ("clock_stepped_back", "intake")
        await intake.post(f"/v1/alerts/{first['id']}/acknowledge", None, Role.SUPERVISOR)
        async with pg.connected(database.admin) as admin:
            await admin.execute("UPDATE intake.clock_watch SET latest_at = latest_at + interval '30 seconds'")
        await sweep(intake, deadlines.watch_clock)
        [again] = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
        assert (again["id"] != first["id"], again["acknowledged_at"]) == (True, None), "a second step is told too"
