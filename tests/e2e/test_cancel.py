"""The CAD calls a call off: a team that is not there yet turns round, a crew with people only hears of it."""

import pytest

from tests.field.ground import Corner, Field


async def test_a_cancelled_call_is_offered_no_more(corner: Corner, field: Field) -> None:
    call, item = await corner.offered()
    cancelled = await corner.cad.cancel(call)
    assert (cancelled["status"], cancelled["return_reason"]) == ("cancelled", None)
    await corner.tablet.is_empty_of(call)
    (await corner.tablet.act(item, "accept")).refused(409)
    await field.office.is_free(corner.tablet)
    again = await corner.cad.cancel(call)
    assert (again["status"], again["decision"]) == ("cancelled", cancelled["decision"])


async def test_a_call_cancelled_before_anybody_was_free_never_reaches_a_tablet(corner: Corner) -> None:
    (await corner.tablet.duty("break")).good()
    call = await corner.report()
    assert (await corner.cad.cancel(call))["status"] == "cancelled"
    (await corner.tablet.duty("available")).good()
    later = await corner.report()
    await corner.tablet.shows(later)
    assert call["id"] not in {item["incident_id"] for item in await corner.tablet.list()}


@pytest.mark.parametrize("steps", [("accept",), ("accept", "depart")])
async def test_a_crew_that_is_not_there_yet_withdraws_and_ends_as_cancelled(
    corner: Corner, field: Field, steps: tuple[str, ...]
) -> None:
    call, item = await corner.under_way(*steps)
    assert (await corner.cad.cancel(call))["status"] == "cancelled"
    shown = await corner.tablet.withdraw(call)
    assert shown["recall"]["reason"] == "cancelled"
    assert (await field.office.assignment(item["id"]))["status"] == "cancelled"
    await field.office.is_free(corner.tablet)
    assert (await corner.cad.call(call))["status"] == "cancelled"


async def test_a_crew_on_scene_hears_of_it_and_clears_as_usual(corner: Corner) -> None:
    call, item = await corner.under_way("accept", "depart", "arrive")
    await corner.cad.until(call, "on_scene")
    assert (await corner.cad.cancel(call))["status"] == "on_scene"
    shown = await corner.tablet.shows(call, "on_scene", where=lambda seen: "cancel" in str(seen).lower())
    assert "clear" in shown["actions"]
    await corner.tablet.go(item, "clear")
    closed = await corner.cad.until(call, "closed")
    assert closed["outcome"] == "agreement"
