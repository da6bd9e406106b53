"""A crew asks for help: the call goes back at once, and the alarm works in every state, with or without work."""

import pytest

from tests.field.ground import Corner, Field
from tests.field.people import Cad
from tests.field.wire import Body, eventually


@pytest.mark.parametrize("needs", ["police", "ems", "fire"])
async def test_an_escalation_returns_the_call_with_what_is_needed(corner: Corner, field: Field, needs: str) -> None:
    call, item = await corner.under_way("accept", "depart", "arrive")
    await corner.tablet.press(item, "escalate", needs=needs)
    returned = await corner.cad.until(call, "returned")
    assert returned["return_reason"] == "team_escalated"
    assert returned["recommended_response"] == ("police" if needs == "police" else "ems_fire")
    shown = await corner.tablet.withdraw(call)
    assert shown["recall"]["reason"] == "team_escalated"
    assert (await field.office.assignment(item["id"]))["status"] == "escalated"
    await field.office.is_free(corner.tablet)


async def test_an_escalation_without_needs_is_refused_and_changes_nothing(corner: Corner) -> None:
    call, item = await corner.under_way("accept")
    assert "/needs" in (await corner.tablet.act(item, "escalate")).refused(422)["errors"][0]["pointer"]
    await corner.tablet.shows(call, "accepted")
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def notice_in_feed(cad: Cad, after: str | None, kind: str, team_id: str) -> Body:
    """Wait for a notice of a kind about a team in a CAD's feed."""

    async def look() -> Body | None:
        for change in await cad.feed(after):
            notices = [change["notice"]] if change.get("notice") else (change.get("call") or {}).get("notices", [])
            for notice in notices:
                if notice["kind"] == kind and team_id in (notice.get("team_id"), str(change)):
                    return dict(notice)
                if notice["kind"] == kind and team_id in str(change):
                    return dict(notice)
        return None

    return await eventually(f"the feed of {cad.cad_system} shows {kind}", look)


async def test_a_panic_with_work_shows_on_the_call_and_raises_an_alert(corner: Corner, field: Field) -> None:
    call, _ = await corner.under_way("accept", "depart")
    cursor = (await corner.cad.changes())["next"]
    where = {"lat_deg": corner.place.lat_deg, "lon_deg": corner.place.lon_deg, "at": field.now().isoformat()}
    reply = await corner.tablet.emergency(position=where)
    assert reply.status == 202
    seen = await corner.cad.until(
        call, "en_route", where=lambda now: any(n["kind"] == "team_emergency" for n in now["notices"])
    )
    [notice] = [n for n in seen["notices"] if n["kind"] == "team_emergency"]
    assert notice["position"]["lat_deg"] == pytest.approx(corner.place.lat_deg)
    assert notice["acknowledged_at"] is None
    await notice_in_feed(corner.cad, cursor, "team_emergency", corner.tablet.team_id)
    await field.office.alert("dispatch", corner.tablet.team_id)

    told = await corner.cad.acknowledge(call, notice_id=notice["id"], operator="desk 4")
    assert [n["acknowledged_at"] is not None for n in told["notices"] if n["id"] == notice["id"]] == [True]
    assert (await corner.tablet.emergency()).status == 202, "it may be pressed again"
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def test_a_panic_without_work_reaches_the_feed_of_every_cad(corner: Corner, field: Field) -> None:
    other = field.cad()
    cursors = [(await cad.changes())["next"] for cad in (corner.cad, other)]
    assert (await corner.tablet.emergency()).status == 202
    for cad, cursor in zip((corner.cad, other), cursors, strict=True):
        await notice_in_feed(cad, cursor, "team_emergency", corner.tablet.team_id)
    alert = await field.office.alert("dispatch", corner.tablet.team_id)
    (await field.office.ask("dispatch", "POST", f"/v1/alerts/{alert['id']}/acknowledge")).good()


async def test_a_team_in_emergency_is_offered_nothing(field: Field) -> None:
    corner = await field.corner(teams=2)
    trouble, other = corner.tablets
    assert (await trouble.emergency()).status == 202
    await field.office.alert("dispatch", trouble.team_id)
    for _ in range(2):
        call = await corner.report()
        item = await other.shows(call)
        await other.go(item, "accept", "depart", "arrive", "clear")
        await corner.cad.until(call, "closed")
        await field.office.is_free(other)
    assert await trouble.list() == []
