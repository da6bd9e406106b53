"""The clock jumps an hour: no offer outlives its time, no call is lost, no deadline moves an hour away."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from tests.field import promises
from tests.field.ground import Corner, Field, running
from tests.field.people import DENIED, FINAL
from tests.field.wire import Body, eventually

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def own_field(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    """A system of this module's own: going back in time would disturb others."""
    async with running(postgres_dsn, tmp_path_factory.mktemp("clock-logs")) as made:
        yield made


async def some_of_each(field: Field) -> dict[str, tuple[Corner, Body, Body]]:
    await field.reviewer.queue()
    corner = await field.corner(teams=0)
    review = await corner.report(answers=DENIED | {"weapons": "unknown"}, narrative="A fence.")
    made: dict[str, tuple[Corner, Body, Body]] = {"in_review": (corner, review, {})}
    for status, steps in {"offered": (), "accepted": ("accept",), "on_scene": ("accept", "depart", "arrive")}.items():
        corner = await field.corner()
        call, item = await corner.under_way(*steps)
        made[status] = corner, await corner.cad.until(call, status), item
    return made


async def finish(field: Field, made: dict[str, tuple[Corner, Body, Body]]) -> None:
    """Bring everything to an end and ask for all promises."""
    await field.link_is_up(within_s=20)
    for corner, call, _ in made.values():
        if (await corner.cad.call(call))["status"] in {"in_review", "queued", "offered", "accepted"}:
            await corner.cad.cancel(call)
        for tablet in corner.tablets:
            for shown in await tablet.list():
                if shown["status"] in {"withdrawing", "on_scene"}:
                    await tablet.go(shown, "clear")
    await promises.hold_at_rest(field)


async def test_an_hour_forward_no_stale_offer_is_accepted_and_every_call_goes_on_or_back(own_field: Field) -> None:
    field = own_field
    made = await some_of_each(field)
    await field.later(HOUR)
    corner, call, item = made["offered"]
    stale = await corner.tablet.act(item, "accept")
    assert stale.status in {409, 503}, stale

    async def moved_on() -> bool:
        # Intake's own deadline has passed too: if it asks before dispatch has swept, it takes the call back.
        return str((await field.office.assignment(item["id"]))["status"]) in {"expired", "recalled"}

    await eventually("the offer is over", moved_on, within_s=15)
    assert (await corner.tablet.act(item, "accept")).status == 409
    assert (await made["in_review"][0].cad.until(made["in_review"][1], "returned", within_s=10))["return_reason"] in {
        "review_timeout", "no_reviewer"
    }  # fmt: skip
    corner, call, item = made["on_scene"]

    async def watched_again() -> bool:
        found = await field.office.assignment(item["id"])
        return found["status"] == "withdrawing" or datetime.fromisoformat(found["act_by"]) > field.now()

    await eventually("the crew's deadline lies ahead again, or intake took its call back", watched_again, within_s=15)
    checked_in = await corner.tablet.act(item, "check_in")
    assert checked_in.ok or checked_in.body["assignment_status"] == "withdrawing", checked_in
    left = await corner.tablet.go(item, "clear")

    async def final() -> Body | None:
        known = await corner.cad.call(call)
        return known if known["status"] in FINAL else None

    ended = await eventually("the call is final", final, within_s=15)
    # Intake's own deadline may have passed before it heard of the crew; then it is the call center's again, whatever the crew did.
    assert (ended["status"], left["status"]) == ("closed", "cleared") or ended["return_reason"] in {
        "system_fault",
        "team_silent",
    }
    await promises.hold_now(field)
    await finish(field, made)


async def test_an_hour_back_deadlines_move_with_it_a_supervisor_is_told_and_the_calls_go_on(own_field: Field) -> None:
    field = own_field
    made = await some_of_each(field)
    await field.link_is_up()
    before = await deadlines(field)
    await field.later(-HOUR)

    async def moved() -> bool:
        now = await deadlines(field)
        return all(abs(now[row] - before[row] + HOUR) < timedelta(seconds=40) for row in before.keys() & now.keys())

    await eventually("the live deadlines moved back by the hour", moved, within_s=10)
    for service in ("intake", "dispatch"):

        async def told(service: str = service) -> bool:
            return any(
                "clock" in alert["kind"] or "time" in alert["kind"] for alert in await field.office.alerts(service)
            )

        await eventually(f"{service} tells a supervisor", told)
    await field.link_is_up(within_s=20)
    corner, call, item = made["offered"]
    await corner.tablet.go(item, "accept", "depart", "arrive", "clear")
    await corner.cad.until(call, "closed", within_s=15)
    corner, call, item = made["on_scene"]
    await corner.tablet.go(item, "clear")
    await corner.cad.until(call, "closed", within_s=15)
    new = await field.corner()
    await new.cad.cancel((await new.offered())[0])
    await finish(field, made)


async def deadlines(field: Field) -> dict[str, datetime]:
    """Return every live deadline."""
    rows = await field.rows("""
        SELECT 'call' || id, least(act_by, review_by) FROM intake.call WHERE final_at IS NULL
        UNION ALL SELECT 'assignment' || id, act_by FROM dispatch.assignment WHERE ended_at IS NULL
        UNION ALL SELECT 'incident' || id, act_by FROM dispatch.incident WHERE status <> 'ended' AND act_by IS NOT NULL""")
    return {row[0]: row[1] for row in rows}


async def test_services_whose_clocks_differ_by_a_minute_still_work_or_say_no(own_field: Field) -> None:
    field = own_field
    await field.later(timedelta(minutes=1), only="dispatch")
    try:
        await field.reviewer.queue()
        corner = await field.corner()
        call = await corner.report()

        async def shown() -> Body | None:
            return next((item for item in await corner.tablet.list() if item["incident_id"] == call["id"]), None)

        item = await eventually("the call is offered", shown, within_s=25)
        await corner.tablet.go(item, "accept", "depart", "arrive", "clear")
        await corner.cad.until(call, "closed", within_s=15)
        act_by = await field.value("SELECT count(*) FROM intake.call WHERE act_by > intake.clock() + interval '1 day'")
        assert act_by == 0
    finally:
        await field.later(timedelta(0), only="dispatch")
