"""A crew that drives far is needed for something more urgent next to it: who is told what, by all three services."""

from services.teams.domain.positions import distance_m
from tests.field.ground import Corner, Field
from tests.field.people import CALM
from tests.field.wire import eventually

FAR_M = 20_000
CALMED = CALM | {"answers": CALM["answers"] | {"suspect_on_scene": "no"}}
"""Of priority 2: the other one has left."""


async def somewhere_far(field: Field, corner: Corner) -> Corner:
    """Return another corner, without a team, that a crew from here drives to for half an hour."""
    here = corner.place
    for _ in range(50):
        there = await field.corner(teams=0)
        away_m = distance_m((here.lat_deg, here.lon_deg), (there.place.lat_deg, there.place.lon_deg))
        if away_m > FAR_M:
            return there
    raise AssertionError("nothing in this city is far away")


async def test_a_crew_turns_around_for_a_more_urgent_call_and_another_one_goes_to_its_own(field: Field) -> None:
    corner = await field.corner(teams=0)
    far = await somewhere_far(field, corner)
    near = await field.team({corner.place.slug: "home", far.place.slug: "home"}, base=corner.place)
    corner.tablets.append(near)
    await near.send_position(corner.place.lat_deg, corner.place.lon_deg, field.now())
    left = await far.report(**CALMED)
    item = await near.shows(left)
    await near.go(item, "accept", "depart")
    await far.cad.until(left, "en_route")
    other = await far.extra_team()

    urgent = await corner.report()
    assert (left["decision"]["priority"], urgent["decision"]["priority"]) == (2, 1)
    recalled = await near.shows(left, "withdrawing", within_s=20)
    assert (recalled["id"], recalled["recall"]["reason"]) == (item["id"], "diverted")

    async def waits_again() -> bool:
        return (await far.cad.call(left))["status"] in {"queued", "offered"}

    await eventually("the call center sees the call wait again", waits_again)
    assert (await field.office.hold_of(near)) is not None  # it is in one place until it says that it is away

    taken_over = await other.shows(left, within_s=20)
    await other.go(taken_over, "accept", "depart", "arrive", "clear")
    await near.press(item, "acknowledge_recall")
    await near.press(item, "clear")
    await near.go(await near.shows(urgent, within_s=20), "accept", "depart", "arrive", "clear")
    assert (await far.cad.until(left, "closed"))["outcome"] == "agreement"
    assert (await corner.cad.until(urgent, "closed"))["outcome"] == "agreement"
    steps = await field.office.assignment(item["id"])
    assert steps["status"] == "cancelled"
    why = next(event for event in steps["history"] if event["reason"] == "diverted")
    assert why["data"]["incident_id"] == urgent["id"]
    assert why["data"]["successor"]["team_name"] == other.name
