"""Nobody acts: every deadline is acted on within 2 s, or within 2 s after a restart if nothing ran when it passed."""

import asyncio
from datetime import datetime, timedelta

import pytest

from tests.field import promises
from tests.field.ground import Corner, Field
from tests.field.people import DENIED, WORSE
from tests.field.wire import Body, eventually
from tests.patience import Patience

IN_TIME_S = 2.0


async def overdue(field: Field, grace: timedelta = timedelta(0)) -> list[str]:
    """Return what has passed its deadline by more than `grace`."""
    return [f"{row[0]} since {row[1]}" for row in await field.rows(promises.OVERDUE, grace)]


async def nothing_overdue(field: Field, *, within_s: float) -> float:
    """Return after how many seconds everything that was due has been acted on. Raises AssertionError."""
    patience = Patience(within_s)
    while left := await overdue(field):
        assert not patience.is_over(), f"stuck {within_s} s after the restart: {left}"
        await asyncio.sleep(0.02)
    return patience.waited_s


async def one_of_each(field: Field) -> dict[str, tuple[Corner, Body]]:
    """Return a call in every state that waits for somebody."""
    await field.reviewer.queue()
    made: dict[str, tuple[Corner, Body]] = {}
    corner = await field.corner(teams=0)
    made["in_review"] = corner, await corner.report(answers=DENIED | {"weapons": "unknown"}, narrative="A fence.")
    corner = await field.corner(teams=0)
    made["queued"] = corner, await corner.report()
    for status, steps in {
        "offered": (), "accepted": ("accept",), "en_route": ("accept", "depart"), "on_scene": ("accept", "depart", "arrive"),
        "withdrawing": ("accept", "depart"),
    }.items():  # fmt: skip
        corner = await field.corner()
        call, _ = await corner.under_way(*steps)
        if status == "withdrawing":
            await corner.cad.update(call, WORSE)
            await corner.tablet.shows(call, "withdrawing")
        elif status != "offered":
            await corner.cad.until(call, status)
        made[status] = corner, call
    return made


@pytest.mark.parametrize(
    ("service", "passes"),
    [
        ("intake", timedelta(seconds=100)),
        ("dispatch", timedelta(seconds=100)),
        ("teams", timedelta(seconds=100)),
        ("dispatch", timedelta(minutes=70)),
    ],
)
async def test_deadlines_that_pass_while_a_service_is_dead_are_acted_on_within_2_s_of_its_restart(
    field: Field, service: str, passes: timedelta
) -> None:
    made = await one_of_each(field)
    field.system.kill(service)
    await field.later(passes)
    await field.system.start(service)
    took_s = await nothing_overdue(field, within_s=IN_TIME_S)
    print(f"{service} dead for {passes}: all deadlines acted on {took_s:.2f} s after it was ready")
    await promises.hold_now(field)
    assert (await made["in_review"][0].cad.call(made["in_review"][1]))["status"] == "returned"
    await everybody_home(field, made)


async def everybody_home(field: Field, made: dict[str, tuple[Corner, Body]]) -> None:
    """Let crews clear and CADs cancel whatever is left, so that all promises can be asked for."""
    await field.link_is_up(within_s=20)
    for corner, call in made.values():
        if (await corner.cad.call(call))["status"] not in {"closed", "returned", "cancelled", "on_scene"}:
            await corner.cad.cancel(call)
        for tablet in corner.tablets:
            for item in await tablet.list():
                if item["status"] == "on_scene":
                    await tablet.go(item, "clear")
                elif item["status"] == "withdrawing":
                    await tablet.press(item, "clear")
    await promises.hold_at_rest(field)


async def test_with_dispatch_gone_for_good_intake_returns_every_call_by_its_own_deadline(field: Field) -> None:
    made = await one_of_each(field)
    rows = await field.rows(
        "SELECT c.id::text AS id, c.status, c.act_by, c.queued_at, least(i.act_by, a.act_by) AS theirs "
        "FROM intake.call c LEFT JOIN dispatch.incident i ON i.id = c.id "
        "LEFT JOIN dispatch.assignment a ON a.incident_id = c.id AND a.ended_at IS NULL WHERE c.final_at IS NULL"
    )
    by_id = {row["id"]: row for row in rows}
    for status in ("queued", "offered", "accepted", "en_route", "on_scene"):
        row = by_id[made[status][1]["id"]]
        assert row["status"] == status
        # the real number: dispatch's own deadline and 30 s, to the second
        assert abs(row["act_by"] - row["theirs"] - timedelta(seconds=30)) < timedelta(seconds=1), (status, row)
    field.system.kill("dispatch")

    async def missed() -> bool:
        return await field.value("SELECT silent_since FROM intake.dispatch_link") is not None

    await eventually("a heartbeat was not answered", missed, within_s=10)
    await field.later(timedelta(seconds=61))  # none is answered for 60 s: what no team has accepted goes back
    for status in ("queued", "offered"):
        corner, call = made[status]
        returned = await corner.cad.until(call, "returned", within_s=12)  # at the next heartbeat
        assert returned["return_reason"] == "system_fault"
    for status in sorted(("accepted", "en_route", "on_scene"), key=lambda each: by_id[made[each][1]["id"]]["act_by"]):
        corner, call = made[status]
        before = await corner.cad.call(call)
        assert before["status"] == status, "a crew is there: it goes back by its deadline, not before"
        act_by = by_id[call["id"]]["act_by"]
        assert datetime.fromisoformat(before["hand_back_by"]) > act_by
        await field.just_after(act_by)
        returned = await corner.cad.until(call, "returned", within_s=IN_TIME_S + 2)
        assert returned["return_reason"] == "system_fault"
    assert not [line for line in await overdue(field, timedelta(seconds=2)) if line.startswith("call ")]
    await field.system.start("dispatch")
    for status in ("accepted", "en_route", "on_scene"):
        corner, call = made[status]
        await corner.tablet.shows(call, "withdrawing", within_s=20)
        await corner.tablet.withdraw(call)
    await everybody_home(field, made)


async def test_a_call_reported_while_dispatch_is_gone_is_answered_and_returned_after_30_s(field: Field) -> None:
    corner = await field.corner()
    field.system.kill("dispatch")
    call = await corner.report()
    assert call["status"] == "queued"
    row = (await field.rows("SELECT act_by, queued_at FROM intake.call WHERE id = $1::text::uuid", call["id"]))[0]
    assert row["act_by"] - row["queued_at"] == timedelta(seconds=30)
    await field.just_after(row["act_by"])
    assert (await corner.cad.until(call, "returned", within_s=IN_TIME_S + 2))["return_reason"] == "system_fault"


async def test_a_frozen_dispatch_is_asked_once_for_2_s_and_then_the_call_is_returned(field: Field) -> None:
    corner = await field.corner()
    call, _ = await corner.under_way("accept")
    await corner.cad.until(call, "accepted")
    field.system.pause("dispatch")
    act_by = await field.value("SELECT act_by FROM intake.call WHERE id = $1::text::uuid", call["id"])
    await field.just_after(act_by)
    in_time_s = 2 * IN_TIME_S + 1.5  # the question and two sweeps
    assert (await corner.cad.until(call, "returned", within_s=in_time_s))["return_reason"] == "system_fault"
    field.system.resume("dispatch")
    await corner.tablet.withdraw(call)
    await promises.hold_at_rest(field)


async def test_with_teams_gone_a_report_is_still_answered_and_the_call_ends_well_when_they_are_back(
    field: Field,
) -> None:
    corner = await field.corner()
    field.system.kill("teams")
    reply = await corner.cad.send(corner.cad.a_report(location=corner.location))
    assert reply.status == 201
    assert reply.body["status"] == "queued"
    await asyncio.sleep(1)
    assert (await corner.cad.call(reply.body))["status"] == "queued"
    await field.system.start("teams")
    item = await corner.tablet.shows(reply.body, within_s=10)
    await corner.tablet.go(item, "accept", "depart", "arrive", "clear")
    await corner.cad.until(reply.body, "closed")


async def test_with_teams_gone_for_good_the_call_is_returned_by_its_deadline(field: Field) -> None:
    corner = await field.corner()
    field.system.kill("teams")
    call = await corner.report()

    async def dispatch_has_it() -> datetime | None:  # intake calls it queued before that
        rows = await field.rows("SELECT assign_by FROM dispatch.incident WHERE id = $1::text::uuid", call["id"])
        return rows[0]["assign_by"] if rows else None

    await field.just_after(await eventually("dispatch has the call", dispatch_has_it))
    returned = await corner.cad.until(call, "returned", within_s=IN_TIME_S + 3)
    assert returned["return_reason"] in {"system_fault", "no_team_on_duty", "all_teams_busy"}


async def test_a_deadline_is_acted_on_within_2_s_in_quiet_times(field: Field) -> None:
    corner = await field.corner()
    call, item = await corner.offered()
    await field.just_after(datetime.fromisoformat(item["respond_by"]))
    patience = Patience(IN_TIME_S)
    while (await field.office.assignment(item["id"]))["status"] != "expired":
        assert not patience.is_over()
        await asyncio.sleep(0.02)
    await field.link_is_up()
    await corner.cad.cancel(call)
