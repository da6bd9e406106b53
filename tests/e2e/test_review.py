"""What triage cannot decide is decided by a person in time, or the call goes back."""

from datetime import datetime, timedelta

from tests.field.ground import Corner, Field
from tests.field.people import DENIED, UNSURE
from tests.field.wire import eventually


async def test_a_cleared_call_is_offered(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(**UNSURE)
    assert (call["status"], call["decision"]["verdict"]) == ("in_review", "review")
    assert call["recommended_response"] is not None
    assert call["decision"]["ask_next"] is not None
    [entry] = [entry for entry in await field.reviewer.queue() if entry["id"] == call["id"]]
    assert entry["review_by"] == call["review_by"]

    cleared = (await field.reviewer.say(call, "send_civilian", version=call["version"])).good()
    assert cleared["status"] == "queued"
    assert cleared["decision"]["decided_by"].startswith("reviewer")
    item = await corner.tablet.shows(call)
    await corner.tablet.go(item, "accept", "depart", "arrive", "clear")
    await corner.cad.until(call, "closed")


async def test_an_answer_that_was_missing_lets_the_call_go_on_without_a_reviewer(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(
        answers={name: "no" for name in DENIED if name != "threats"}, narrative="Neighbors arguing about a fence."
    )
    assert call["status"] == "in_review"
    await corner.cad.update(call, {"answers": {"threats": "no"}})
    await corner.tablet.shows(call)
    await corner.cad.cancel(call)


async def test_a_refused_call_goes_back(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(**UNSURE)
    returned = (await field.reviewer.say(call, "return")).good()
    assert (returned["status"], returned["return_reason"]) == ("returned", "review_refused")


async def test_a_reviewer_may_return_a_call_at_any_time_without_its_version(corner: Corner, field: Field) -> None:
    call, item = await corner.under_way("accept", "depart")
    returned = (await field.reviewer.say(call, "return", reason="I know that address.")).good()
    assert returned["status"] == "returned"
    await corner.tablet.withdraw(call)
    assert (await field.office.assignment(item["id"]))["status"] == "recalled"


async def test_a_reviewer_cannot_clear_what_disqualifies(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(answers=DENIED | {"weapons": "yes"})
    assert (call["status"], call["return_reason"]) == ("returned", "unsafe")
    (await field.reviewer.say(call, "send_civilian", version=call["version"])).refused(409)
    assert (await corner.cad.call(call))["status"] == "returned"


async def test_a_stale_version_clears_nothing(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(**UNSURE)
    await corner.cad.update(call, {"narrative": "He sounds drunk.", "answers": {"intoxication": "yes"}})
    refusal = await field.reviewer.say(call, "send_civilian", version=call["version"])
    assert refusal.refused(412, "version-stale")
    assert (await corner.cad.call(call))["status"] == "in_review"
    (await field.reviewer.say(call, "return")).good()


async def test_a_review_that_nobody_gives_in_time_returns_the_call(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(**UNSURE)
    by = datetime.fromisoformat(call["review_by"])
    assert timedelta(seconds=30) < by - field.now() <= timedelta(seconds=61)
    await field.reviewer.queue()
    await field.later(by - field.now() - timedelta(seconds=5))

    async def noted() -> bool:
        await field.reviewer.queue()
        query = "SELECT seen_at > clock_timestamp() + $1 - interval '4 s' FROM intake.reviewer_presence"
        return bool(await field.value(query, field.ahead))

    await eventually("it is noted that the reviewer was there", noted)
    assert (await corner.cad.call(call))["status"] == "in_review"
    await field.just_after(by)
    returned = await corner.cad.until(call, "returned", within_s=15)
    assert returned["return_reason"] == "review_timeout"


async def test_without_a_reviewer_the_call_goes_back_at_once(corner: Corner, field: Field) -> None:
    await field.later(timedelta(seconds=90))
    call = await corner.report(**UNSURE)
    assert (call["status"], call["return_reason"]) == ("returned", "no_reviewer")

    async def taken() -> bool:
        await field.reviewer.queue()  # again: what was written in the last 2 s of this machine is not written once more
        return bool((await corner.report(**UNSURE))["status"] == "in_review")

    await eventually("the reviewer who reads now is noted", taken)
