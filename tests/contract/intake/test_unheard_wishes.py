"""Wishes that dispatch refuses, and withdrawals that it does not confirm: a person is told, and nobody is left on the way."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import text

from services.intake.commands import deadlines, delivery, refusals
from services.intake.commands.alarms import alarm
from services.intake.peers import DispatchRefused
from services.intake.store.calls import lock_calls
from shared.db import Database
from tests import pg
from tests.contract.intake.conftest import Intake, eventually, eventually_confirmed
from tests.contract.intake.fakes import assigned, view
from tests.contract.intake.test_deadlines import alerts, passed, sweep
from tests.contract.intake.test_progress import queued


async def beside_a_decision(db: Database, call: str, work: Awaitable[None]) -> None:
    """Do `work` while a decision has locked the call and goes on to its wish, which is how decisions lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with db.transaction() as decision:
        await lock_calls(decision.conn, [UUID(call)])
        working = asyncio.ensure_future(work)
        async with asyncio.timeout(2.5):  # a lock is waited for 3 s at most
            while not await db.scalar(text(waiting)):  # noqa: ASYNC110 - it happens in a database
                await asyncio.sleep(0.01)
        await decision.conn.execute(
            text("UPDATE intake.wish SET tries = tries WHERE call_id = :call"), {"call": UUID(call)}
        )
    await working


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

    async def test_a_refusal_and_a_decision_lock_in_one_order(self, intake: Intake) -> None:
        call = await queued(intake)
        await intake.reviewer_reads_the_queue()
        intake.dispatch.silent = True
        await intake.post(f"/v1/calls/{call}/updates", self.DOUBT)
        [row] = await intake.rows("SELECT seq FROM intake.wish")
        stops = intake.dispatch.wishes[-1]._replace(seq=row.seq, may_offer=False, may_depart=False)
        db, desk = intake.app.state.db, intake.app.state.desk
        await beside_a_decision(db, call, refusals.refused(db, desk, stops, 422))
        assert (await intake.call(call))["return_reason"] == "system_fault"


class TestLateWithdrawal:
    async def test_its_warning_and_a_decision_lock_in_one_order(self, intake: Intake, database: pg.Clone) -> None:
        call = await queued(intake)
        await intake.progress(call, view(2, "committed", assignment=assigned("en_route")))
        intake.dispatch.silent = True
        await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
        await passed(database, "wish", "written_at")
        await beside_a_decision(intake.app.state.db, call, sweep(intake, deadlines.warn_of_late_withdrawals))
        assert [notice["kind"] for notice in (await intake.call(call))["notices"]] == ["send_police"]

    async def test_one_that_cannot_be_told_of_keeps_no_other_waiting(
        self, intake: Intake, database: pg.Clone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = [await queued(intake) for _ in range(2)]
        intake.dispatch.silent = True
        for call in calls:
            await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
        await passed(database, "wish", "written_at")

        async def broken(conn: Any, what: Any) -> None:
            if str(what.subject) == calls[0]:
                raise ZeroDivisionError
            await alarm(conn, what)

        with monkeypatch.context() as patch:
            patch.setattr(deadlines, "alarm", broken)
            with pytest.raises(ZeroDivisionError):
                await sweep(intake, deadlines.warn_of_late_withdrawals)
        assert await alerts(intake) == [("withdrawal_unconfirmed", calls[1])]
        await sweep(intake, deadlines.warn_of_late_withdrawals)
        assert {subject for _, subject in await alerts(intake)} == set(calls)

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
