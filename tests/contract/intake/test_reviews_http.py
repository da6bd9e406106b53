"""A reviewer's word over HTTP."""

from typing import Any

from shared.auth import Role
from tests.contract.intake.conftest import (
    DENIED,
    Intake,
    doubtful_report,
    eventually,
    eventually_confirmed,
    safe_report,
)
from tests.contract.intake.fakes import assigned, view


async def waiting(intake: Intake, **more: Any) -> dict[str, Any]:
    """Return a call that waits for the reviewer."""
    await intake.reviewer_reads_the_queue()
    call = await intake.report(doubtful_report(**more))
    assert call["status"] == "in_review"
    return call


def civilian(call: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"decision": "send_civilian", "reason": "Called back.", "version": call["version"], **more}


async def test_a_cleared_call_is_queued_and_both_decisions_are_kept(intake: Intake) -> None:
    call = await waiting(intake)
    answer = await intake.post(f"/v1/calls/{call['id']}/review", civilian(call), Role.REVIEWER)
    assert answer.status_code == 200, answer.text
    cleared = answer.json()
    assert (cleared["status"], cleared["review_by"], cleared["decision"]["verdict"]) == ("queued", None, "safe")
    assert cleared["decision"]["decided_by"] == "reviewer:test"
    await eventually(lambda: intake.dispatch.wishes)
    history = (await intake.get(f"/v1/calls/{call['id']}/decisions", Role.AUDITOR)).json()["items"]
    assert [item["decision"]["verdict"] for item in history] == ["review", "safe"]
    assert history[0]["review"]["cleared"]
    assert history[0]["statements"][0]["source"] == "report"


async def test_civilians_need_the_version_that_was_seen(intake: Intake) -> None:
    call = await waiting(intake)
    stale = {**civilian(call), "version": call["version"] - 1}
    assert (await intake.post(f"/v1/calls/{call['id']}/review", stale, Role.REVIEWER)).status_code == 412
    none = {**civilian(call), "version": None}
    answer = await intake.post(f"/v1/calls/{call['id']}/review", none, Role.REVIEWER)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/version")
    assert (await intake.call(call["id"]))["status"] == "in_review"


async def test_toward_police_a_reviewer_may_always_send(intake: Intake) -> None:
    call = await waiting(intake)
    body = {"decision": "return", "reason": "Sounds afraid.", "version": 1}
    answer = (await intake.post(f"/v1/calls/{call['id']}/review", body, Role.REVIEWER)).json()
    assert (answer["status"], answer["return_reason"]) == ("returned", "review_refused")
    assert answer["acknowledge_by"] is not None
    assert await intake.rows("SELECT 1 FROM intake.wish") == []


async def test_a_safe_call_under_way_can_be_sent_back_too(intake: Intake) -> None:
    call = await intake.report(safe_report())
    await intake.progress(call["id"], view(2, "committed", assignment=assigned("accepted")))
    body = {"decision": "return", "reason": "I know this address."}
    answer = (await intake.post(f"/v1/calls/{call['id']}/review", body, Role.SUPERVISOR)).json()
    assert (answer["status"], answer["decision"]["verdict"]) == ("returned", "review")
    await eventually(lambda: intake.dispatch.wishes[-1].wanted == "withdrawn")


async def test_answers_of_a_reviewer_that_are_danger_send_the_call_back(intake: Intake) -> None:
    call = await waiting(intake)
    answer = await intake.post(
        f"/v1/calls/{call['id']}/review", civilian(call, answers={"weapons": "yes"}), Role.REVIEWER
    )
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["return_reason"]) == ("returned", "unsafe")


async def test_no_reviewer_clears_a_standing_disqualifier(intake: Intake, monkeypatch: Any) -> None:
    call = await waiting(intake)
    monkeypatch.setattr(intake.app.state.desk.protocols, "_known", {})  # every decision is now a fault of ours
    answer = await intake.post(f"/v1/calls/{call['id']}/review", civilian(call), Role.REVIEWER)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("disqualified")
    assert (await intake.call(call["id"]))["status"] == "in_review"


async def test_a_clearance_settles_what_stood_then_and_nothing_new(intake: Intake) -> None:
    call = await waiting(intake)
    cleared = (await intake.post(f"/v1/calls/{call['id']}/review", civilian(call), Role.REVIEWER)).json()
    calm = (await intake.post(f"/v1/calls/{call['id']}/updates", {"call_type_text": "NEIGHBOR DISPUTE"})).json()
    assert calm["decision"]["verdict"] == "safe"
    doubt = (await intake.post(f"/v1/calls/{call['id']}/updates", {"answers": {"intoxication": "yes"}})).json()
    assert doubt["decision"]["verdict"] == "review"
    assert doubt["version"] > cleared["version"]


def _cleared_phrase(reason: dict[str, Any]) -> str | None:
    quote = (reason["quote"] or "").lower() or None
    if reason["rule"] == "second_opinion" and ":" in reason["source"]:
        return f"{reason['source']} {quote}"  # it has judged all that was told there
    return quote


async def test_a_clearance_names_what_it_clears_word_for_word_and_a_new_phrase_stands(intake: Intake) -> None:
    call = await intake.report(safe_report())
    await intake.reviewer_reads_the_queue()
    path = f"/v1/calls/{call['id']}"
    doubt = (await intake.post(f"{path}/updates", {"narrative": "RP says they are drunk."})).json()
    first_deadline = doubt["review_by"]
    doubt = (await intake.post(f"{path}/updates", {"narrative": "RP adds: it is about the parking space."})).json()
    assert (doubt["status"], doubt["review_by"]) == ("in_review", first_deadline)  # more words give no more time
    named = {
        (reason["rule"], reason["reason"], _cleared_phrase(reason))
        for reason in doubt["decision"]["reasons"]
        if reason["effect"] == "review"
    }
    await eventually_confirmed(intake)
    cleared = await intake.post(f"{path}/review", civilian(await intake.call(call["id"])), Role.REVIEWER)
    assert cleared.json()["status"] == "queued", cleared.text
    [row] = await intake.rows("SELECT cleared, by, reason FROM intake.review")
    assert {tuple(item) for item in row.cleared} == named
    assert any(phrase == "drunk" for _, _, phrase in named)
    assert (row.by, row.reason) == ("reviewer:test", "Called back.")
    repeated = {"narrative": "Neighbors still arguing about parking, both drunk."}
    again = (await intake.post(f"{path}/updates", repeated)).json()
    assert again["decision"]["verdict"] == "safe"
    new = (await intake.post(f"{path}/updates", {"narrative": "RP says they had a few beers."})).json()
    assert (new["status"], new["decision"]["verdict"]) == ("in_review", "review")


async def test_a_final_call_is_not_reviewed(intake: Intake) -> None:
    call = await intake.report(safe_report(answers={**DENIED, "weapons": "yes"}))
    for body in (civilian(call), {"decision": "return", "reason": "x"}):
        answer = await intake.post(f"/v1/calls/{call['id']}/review", body, Role.REVIEWER)
        assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]) == (409, "nothing-to-review")


async def test_a_review_is_idempotent_by_its_key(intake: Intake) -> None:
    call = await waiting(intake)
    key = {"headers": {"Idempotency-Key": "one"}}
    first = await intake.post(f"/v1/calls/{call['id']}/review", civilian(call), Role.REVIEWER, **key)
    again = await intake.post(f"/v1/calls/{call['id']}/review", civilian(call), Role.REVIEWER, **key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["version"] == first.json()["version"]


async def test_only_reviewers_and_supervisors_review(intake: Intake) -> None:
    call = await waiting(intake)
    for role in (Role.CAD, Role.AUDITOR, Role.SERVICE):
        assert (await intake.post(f"/v1/calls/{call['id']}/review", civilian(call), role)).status_code == 403
