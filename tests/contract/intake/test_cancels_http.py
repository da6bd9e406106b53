"""The CAD calls a call off."""

from typing import Any

from shared.auth import Role
from tests.contract.intake.conftest import Intake, dangerous_report, doubtful_report, eventually
from tests.contract.intake.fakes import assigned, view
from tests.contract.intake.test_progress import queued


async def test_before_arrival_the_call_is_cancelled_and_the_team_called_off(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", assignment=assigned("en_route")))
    answer = (await intake.post(f"/v1/calls/{call}/cancel", {"reason": "caller_withdrew"})).json()
    assert (answer["status"], answer["return_reason"], answer["acknowledge_by"]) == ("cancelled", None, None)
    await eventually(lambda: intake.dispatch.wishes[-1].reason == "cancelled")
    await intake.progress(call, view(3, "ended", act_in_s=None, return_reason="cancelled"))
    assert (await intake.call(call))["status"] == "cancelled"


async def test_with_a_crew_on_scene_the_crew_is_told_and_nothing_else_changes(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", assignment=assigned("on_scene")))
    answer = (await intake.post(f"/v1/calls/{call}/cancel", {"reason": "caller_withdrew"})).json()
    assert answer["status"] == "on_scene"
    await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")
    assert intake.dispatch.wishes[-1].reason == "cancelled"
    await intake.post(f"/v1/calls/{call}/updates", {"narrative": "They are still talking about parking."})
    assert [row.seq for row in await intake.rows("SELECT seq FROM intake.wish")] == [2]  # still cancelled
    await intake.progress(call, view(3, "ended", act_in_s=None, outcome="agreement", assignment=assigned("cleared")))
    assert (await intake.call(call))["status"] == "closed"


async def test_danger_after_a_cancel_on_scene_still_recalls(intake: Intake) -> None:
    call = await queued(intake)
    await intake.progress(call, view(2, "committed", assignment=assigned("on_scene")))
    await intake.post(f"/v1/calls/{call}/cancel", {"reason": "caller_withdrew"})
    await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
    await eventually(lambda: intake.dispatch.wishes[-1].reason == "risk_rose")
    assert intake.dispatch.wishes[-1].seq == 3


async def test_cancelling_a_returned_call_takes_it_and_again_changes_nothing(intake: Intake) -> None:
    call = await queued(intake)
    await intake.post(f"/v1/calls/{call}/updates", {"answers": {"weapons": "yes"}})
    first = (await intake.post(f"/v1/calls/{call}/cancel", {"reason": "handled"})).json()
    assert (first["status"], first["acknowledged_at"] is not None) == ("returned", True)
    again = (await intake.post(f"/v1/calls/{call}/cancel", {"reason": "handled"})).json()
    assert again["version"] == first["version"]
    final = await intake.report(dangerous_report())
    answer = await intake.post(f"/v1/calls/{final['id']}/cancel", {"reason": "handled"})
    assert (answer.status_code, answer.json()["version"]) == (200, final["version"])


async def test_a_call_that_dispatch_never_heard_of_is_cancelled_without_a_wish(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    call = await intake.report(doubtful_report())
    answer = await intake.post(f"/v1/calls/{call['id']}/cancel", {"reason": "x"})
    assert answer.json()["status"] == "cancelled"
    assert await intake.rows("SELECT 1 FROM intake.wish") == []


async def test_a_key_replays_the_first_answer_and_another_body_is_refused(intake: Intake) -> None:
    call = await queued(intake)
    key: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}}
    first = await intake.post(f"/v1/calls/{call}/cancel", {"reason": "a"}, **key)
    again = await intake.post(f"/v1/calls/{call}/cancel", {"reason": "a"}, **key)
    other = await intake.post(f"/v1/calls/{call}/cancel", {"reason": "b"}, **key)
    assert (first.status_code, again.headers["Idempotency-Replayed"], other.status_code) == (200, "true", 422)
    assert (await intake.post(f"/v1/calls/{call}/cancel", {"reason": "a"}, Role.REVIEWER)).status_code == 403
