"""Deadlines: every one that passes leaves the call with a holder. A test makes one pass by moving its row."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from services.intake.commands import deadlines, delivery, heartbeat, refusals
from services.intake.peers import DispatchRefused, WishesMissing
from shared.auth import Role
from shared.messages.incidents import HeartbeatAnswer
from tests import pg
from tests.contract.intake.conftest import Intake, doubtful_report, eventually, safe_report
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


async def eventually_confirmed(intake: Intake) -> None:
    """Wait until dispatch has confirmed every wish."""
    for _ in range(1000):
        if not await intake.rows("SELECT 1 FROM intake.wish WHERE next_try_at IS NOT NULL"):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("a wish was never confirmed")


async def resent(intake: Intake, call: str) -> None:
    """Send the call's wish once more, as the sweep does."""
    with suppress(DispatchRefused):
        await delivery.deliver(intake.app.state.db, intake.app.state.desk, cast("Any", intake.dispatch), UUID(call))


class TestRefusedWish:
    DOUBT = {"answers": {"intoxication": "yes"}}

    @pytest.mark.parametrize("status", [413, 422])
    async def test_a_call_whose_new_doubt_dispatch_does_not_take_is_withdrawn(
        self, intake: Intake, status: int
    ) -> None:
        call = await queued(intake)
        await intake.reviewer_reads_the_queue()
        await intake.progress(call, view(2, "committed", assignment=assigned("accepted")))
        intake.dispatch.refuses = lambda wish: status if wish.facts else None
        await intake.post(f"/v1/calls/{call}/updates", self.DOUBT)
        await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")
        after = await intake.call(call)
        assert (after["status"], after["return_reason"]) == ("returned", "system_fault")
        await eventually_confirmed(intake)
        assert await intake.rows("SELECT 1 FROM intake.alert WHERE kind = 'stop_refused' AND severity = 1")
        assert ("stop_refused", call) not in await alerts(intake), "it is over with the withdrawal"

    async def test_it_is_withdrawn_with_the_alert_or_neither_is_done_and_both_are_tried_again(
        self, intake: Intake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call = await queued(intake)
        await intake.reviewer_reads_the_queue()
        intake.dispatch.refuses = lambda wish: 422 if wish.facts else None

        async def broken(*_: Any, **__: Any) -> bool:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(refusals, "give_back", broken)
            await intake.post(f"/v1/calls/{call}/updates", self.DOUBT)
            with pytest.raises(ZeroDivisionError):
                await resent(intake, call)
        assert await alerts(intake) == []
        await resent(intake, call)
        await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")
        assert (await intake.call(call))["return_reason"] == "system_fault"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
    async def test_of_any_other_refusal_of_doubt_a_supervisor_hears_once_until_it_is_taken(
        self, intake: Intake, status: int
    ) -> None:
        call = await queued(intake)
        await intake.reviewer_reads_the_queue()
        intake.dispatch.refuses = lambda _: status
        tries = intake.dispatch.tries
        await intake.post(f"/v1/calls/{call}/updates", self.DOUBT)
        await eventually(lambda: intake.dispatch.tries > tries)
        for _ in range(2):
            await resent(intake, call)
        [raised] = await intake.rows("SELECT kind, severity, subject FROM intake.alert")
        assert tuple(raised) == ("stop_refused", 1, call)
        assert (await intake.call(call))["status"] == "in_review"
        await intake.post(f"/v1/calls/{call}/updates", {"narrative": "RP adds: it is about parking."})
        await resent(intake, call)
        assert len(await intake.rows("SELECT 1 FROM intake.alert")) == 2, "a new wish is told anew, seen or not"
        assert (await alerts(intake)).count(("stop_refused", call)) == 1
        intake.dispatch.refuses = lambda _: None
        await resent(intake, call)
        await eventually_confirmed(intake)
        assert ("stop_refused", call) not in await alerts(intake)

    async def test_a_refused_wish_that_stops_nobody_is_told_too_and_ends_with_the_next_that_is_taken(
        self, intake: Intake
    ) -> None:
        call = await queued(intake)
        intake.dispatch.refuses = lambda _: 422
        await intake.post(f"/v1/calls/{call}/updates", {"narrative": "RP adds: it is about the parking space."})
        await resent(intake, call)
        assert ("wish_refused", call) in await alerts(intake)
        assert (await intake.call(call))["status"] == "queued"
        intake.dispatch.refuses = lambda _: None
        await intake.post(f"/v1/calls/{call}/cancel", {"reason": "caller_called_back"})
        await eventually_confirmed(intake)
        assert ("wish_refused", call) not in await alerts(intake)

    @pytest.mark.parametrize("status", [500, 503])
    async def test_a_dispatch_that_fails_for_a_moment_is_no_alert(self, intake: Intake, status: int) -> None:
        call = await queued(intake)
        await intake.reviewer_reads_the_queue()
        intake.dispatch.refuses = lambda _: status
        await intake.post(f"/v1/calls/{call}/updates", self.DOUBT)
        await resent(intake, call)
        assert await alerts(intake) == []
        assert (await intake.call(call))["status"] == "in_review"

    async def test_of_a_wish_that_is_no_longer_the_newest_nobody_is_told(self, intake: Intake) -> None:
        call = await queued(intake)
        db, desk = intake.app.state.db, intake.app.state.desk
        old = intake.dispatch.wishes[-1]._replace(may_offer=False, may_depart=False)
        await refusals.refused(db, desk, old, 422)
        assert await alerts(intake) == []
        assert (await intake.call(call))["status"] == "queued"


class TestLateWithdrawal:
    async def test_the_cad_is_told_to_send_police(self, intake: Intake, database: pg.Clone) -> None:
        call = await queued(intake)
        await intake.progress(call, view(2, "committed", assignment=assigned("en_route")))
        intake.dispatch.silent = True
        await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
        await sweep(intake, deadlines.warn_of_late_withdrawals)
        assert (await intake.call(call))["notices"] == []
        await passed(database, "wish", "written_at")
        for _ in range(2):
            await sweep(intake, deadlines.warn_of_late_withdrawals)
        [notice] = (await intake.call(call))["notices"]
        assert notice["kind"] == "send_police"
        assert ("withdrawal_unconfirmed", call) in await alerts(intake)
        changes = (await intake.get("/v1/changes")).json()["items"]
        assert [item["what"] for item in changes][-1] == "notice"
        intake.dispatch.silent = False
        intake.app.state.desk.send_soon(next(iter(intake.dispatch.views)))
        await eventually_confirmed(intake)
        assert ("withdrawal_unconfirmed", call) not in await alerts(intake)

    async def test_a_crash_between_the_confirmation_and_the_end_of_its_alert_undoes_both(
        self, intake: Intake, database: pg.Clone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call = await queued(intake)
        await intake.progress(call, view(2, "committed", assignment=assigned("en_route")))
        intake.dispatch.silent = True
        await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
        await passed(database, "wish", "written_at")
        await sweep(intake, deadlines.warn_of_late_withdrawals)

        async def crash(*_: object) -> None:
            raise ConnectionAbortedError

        state, dispatch = intake.app.state, cast("Any", intake.dispatch)
        with monkeypatch.context() as crashing:
            crashing.setattr("shared.alerts.resolve", crash)
            intake.dispatch.silent = False
            with pytest.raises(ConnectionAbortedError):
                await delivery.deliver(state.db, state.desk, dispatch, UUID(call))
            unconfirmed = "SELECT 1 FROM intake.wish WHERE call_id = CAST(:call AS uuid) AND next_try_at IS NOT NULL"
            assert await intake.rows(unconfirmed, call=call), "it is sent again, and its alert ends then"
        await delivery.deliver(state.db, state.desk, dispatch, UUID(call))
        assert ("withdrawal_unconfirmed", call) not in await alerts(intake)

    async def test_an_incident_that_dispatch_itself_has_ended_needs_no_police(
        self, intake: Intake, database: pg.Clone
    ) -> None:
        call = await queued(intake)
        intake.dispatch.silent = True
        await intake.progress(call, view(2, "ended", act_in_s=None, return_reason="all_teams_busy"))
        await passed(database, "wish", "written_at")
        await sweep(intake, deadlines.warn_of_late_withdrawals)
        assert (await intake.call(call))["notices"] == []


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
        assert ("clock_stepped_back", "intake") in await alerts(intake)
