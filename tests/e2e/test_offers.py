"""Who is asked, what follows a no or silence, and what a supervisor can see and do about it."""

from datetime import datetime, timedelta

from tests.field.ground import Corner, Field
from tests.field.people import CALM, UNSURE, Tablet
from tests.field.wire import Body, eventually


async def asked(corner: Corner, call: Body) -> Tablet:
    """Return the tablet that shows the call."""

    async def look() -> Tablet | None:
        for tablet in corner.tablets:
            if any(i["incident_id"] == call["id"] and i["status"] == "offered" for i in await tablet.list()):
                return tablet
        return None

    return await eventually("a team is asked", look)


async def test_after_a_no_the_next_team_is_asked(field: Field) -> None:
    corner = await field.corner(teams=2)
    call = await corner.report()
    first = await asked(corner, call)
    await first.go(await first.shows(call), "decline")
    second = next(tablet for tablet in corner.tablets if tablet is not first)
    item = await second.shows(call)
    await field.office.is_free(first)
    await second.go(item, "accept", "depart", "arrive", "clear")
    assert (await corner.cad.until(call, "closed"))["assignment"]["team_id"] == second.team_id


async def test_after_silence_the_offer_expires_and_the_next_team_is_asked(field: Field) -> None:
    corner = await field.corner(teams=2)
    call = await corner.report()
    first = await asked(corner, call)
    item = await first.shows(call)
    await field.just_after(datetime.fromisoformat(item["respond_by"]))
    second = next(tablet for tablet in corner.tablets if tablet is not first)
    await second.shows(call, within_s=15)
    assert (await field.office.assignment(item["id"]))["status"] == "expired"
    late = await first.act(item, "accept")
    assert late.refused(409)["assignment_status"] == "expired"
    await corner.cad.cancel(call)


async def test_when_every_team_has_said_no_the_call_is_returned(field: Field) -> None:
    corner = await field.corner(teams=2)
    await hurry(corner)
    call = await corner.report()
    for _ in range(2):
        tablet = await asked(corner, call)
        await tablet.go(await tablet.shows(call), "decline")
        await tablet.is_empty_of(call)
    await field.just_after(await assign_by(field, call))
    returned = await corner.cad.until(call, "returned", within_s=15)
    assert returned["return_reason"] == "no_team_accepted"
    assert returned["recommended_response"] == "police"


async def test_without_a_team_on_duty_the_call_is_returned_by_its_deadline(field: Field) -> None:
    corner = await field.corner()
    await hurry(corner)
    await corner.everybody_off()
    call = await corner.report()
    await field.just_after(await assign_by(field, call))
    returned = await corner.cad.until(call, "returned", within_s=15)
    assert returned["return_reason"] == "no_team_on_duty"


async def test_when_all_teams_have_work_the_call_waits_and_is_returned_by_its_deadline(
    corner: Corner, field: Field
) -> None:
    await hurry(corner)
    busy, _ = await corner.under_way("accept", "depart", "arrive")
    call = await corner.report()
    await field.just_after(await assign_by(field, call))
    returned = await corner.cad.until(call, "returned", within_s=15)
    assert returned["return_reason"] == "all_teams_busy"
    assert (await corner.cad.call(busy))["status"] == "on_scene"


async def test_a_team_that_comes_on_duty_gets_the_waiting_call(corner: Corner) -> None:
    await corner.everybody_off()
    call = await corner.report()
    (await corner.tablet.duty("available")).good()
    await corner.tablet.shows(call)


async def test_a_crew_that_never_departs_loses_the_call_to_the_next_team(field: Field) -> None:
    corner = await field.corner(teams=2)
    call = await corner.report()
    first = await asked(corner, call)
    item = await first.shows(call)
    await first.go(item, "accept")
    second = next(tablet for tablet in corner.tablets if tablet is not first)
    for _ in range(2):  # the alert, then the end of patience
        shown = await first.shows(call, "accepted")
        await field.just_after(datetime.fromisoformat(shown["act_by"]))
        await field.office.alerts("dispatch")

        async def moved(before: str = shown["act_by"]) -> bool:
            mine = [entry for entry in await first.list() if entry["id"] == item["id"]]
            return not mine or mine[0]["status"] != "accepted" or mine[0]["act_by"] != before

        await eventually("the deadline did something", moved, within_s=15)
    await second.shows(call, within_s=15)
    assert (await first.withdraw(call))["id"] == item["id"]
    assert (await field.office.assignment(item["id"]))["status"] == "expired"
    await corner.cad.cancel(call)


async def test_a_supervisor_sees_why_each_team_was_chosen_or_not_and_picks_by_hand(field: Field) -> None:
    corner = await field.corner(teams=2)
    silent = await corner.extra_team(languages=["ko"])
    call = await corner.report(caller={"name": "A", "language": "es"})
    first = await asked(corner, call)
    second = next(tablet for tablet in corner.tablets[:2] if tablet is not first)
    page = (await field.office.ask("dispatch", "GET", f"/v1/incidents/{call['id']}/candidates")).good()
    considered = {entry["team_id"]: entry for entry in page["items"]}
    assert {tablet.team_id for tablet in corner.tablets} <= considered.keys()
    assert considered[second.team_id]["rank"] is not None
    assert considered[silent.team_id]["excluded_by"] in {None, "required_language"}

    body = {"team_id": second.team_id, "reason": "Knows the family."}
    assign = f"/v1/incidents/{call['id']}/assign"
    (await field.office.ask("dispatch", "POST", assign, json=body)).good()
    item = await second.shows(call)
    await first.is_empty_of(call)
    await second.go(item, "accept")
    assert (await corner.cad.until(call, "accepted"))["assignment"]["team_id"] == second.team_id
    await corner.cad.cancel(call)
    await second.withdraw(call)


async def test_a_hand_picked_team_is_still_refused_for_a_call_that_is_not_safe(field: Field) -> None:
    corner = await field.corner(teams=1)
    await field.reviewer.queue()
    call = await corner.report(**UNSURE)
    assert call["status"] == "in_review"
    body = {"team_id": corner.tablet.team_id, "reason": "I know better."}
    refusal = await field.office.ask("dispatch", "POST", f"/v1/incidents/{call['id']}/assign", json=body)
    assert refusal.status in {404, 409}, refusal


async def test_a_held_team_cannot_go_on_break_or_off_duty(corner: Corner) -> None:
    call, item = await corner.offered()
    (await corner.tablet.duty("break")).refused(409, "team-held")
    (await corner.tablet.duty("off_duty")).refused(409, "team-held")
    await corner.tablet.go(item, "decline")
    await corner.tablet.is_empty_of(call)

    async def on_break() -> bool:
        return (await corner.tablet.duty("break")).ok

    await eventually("the declined team may go on break", on_break)


async def test_restorative_justice_is_offered_for_longer_and_leaves_when_it_said(field: Field) -> None:
    corner = await field.corner(disciplines=["restorative_justice"])
    call = await corner.report(
        call_type_code="594R",
        call_type_text="VANDALISM REPORT",
        narrative="RP found graffiti on shop wall last week, knows the teen, wants to talk with the family. "
        "Nobody hurt, no threats, no weapons.",
        answers=CALM["answers"] | {"suspect_on_scene": "no", "relationship": "acquaintance"},
    )
    if call["status"] == "in_review":
        call = await field.reviewer.clear(call)
    assert call["decision"]["discipline"] == "restorative_justice"
    item = await corner.tablet.shows(call)
    assert datetime.fromisoformat(item["respond_by"]) - field.now() > timedelta(minutes=10)
    leave_at = field.now() + timedelta(hours=3)
    await corner.tablet.press(item, "accept", depart_by=leave_at.isoformat())
    shown = await corner.tablet.shows(call, "accepted")
    assert abs(datetime.fromisoformat(shown["act_by"]) - leave_at) < timedelta(seconds=2)
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def hurry(corner: Corner) -> None:
    """Let the plan ask for a team within a minute: the clock cannot jump further without dispatch seeming silent."""
    await corner.put_plan({"assign_within_min": {"1": 1, "2": 1}})


async def assign_by(field: Field, call: Body) -> datetime:
    """Return until when dispatch looks for a team, once a round has found none and said why."""
    query = "SELECT assign_by FROM dispatch.incident WHERE id = $1::text::uuid AND unmatched IS NOT NULL"

    async def look() -> datetime | None:
        rows = await field.rows(query, call["id"])
        return rows[0]["assign_by"] if rows else None

    return await eventually("a round has looked for a team in vain", look)
