"""kill -9 of every replica of one service, at every step of a call, then a restart: the call goes on.

Each test kills once while one call stands at every step, so that one restart serves all of them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.field import promises
from tests.field.ground import Corner, Field
from tests.field.wire import Body

PATH = ("accept", "depart", "arrive", "check_in", "clear")
REACHED = {"accept": "accepted", "depart": "en_route", "arrive": "on_scene", "check_in": "on_scene", "clear": "closed"}
SERVICES = ("intake", "dispatch", "teams")


@dataclass
class Walk:
    """One call that has come `done` steps far."""

    corner: Corner
    call: Body
    item: Body
    done: int

    @property
    def left(self) -> Sequence[str]:
        """What the crew has still to do."""
        return PATH[self.done :]

    async def go_on(self) -> None:
        """Do the rest, as a tablet with a queue and a CAD with a long-poll."""
        for action in self.left:
            await self.corner.tablet.go(self.item, action)
            await self.corner.cad.until(self.call, REACHED[action], within_s=60)
        await self.corner.field.office.is_free(self.corner.tablet, within_s=60)


async def at_every_step(field: Field) -> list[Walk]:
    """Return calls: one just offered, one accepted, one en route, one on scene, one checked in."""
    walks = []
    for done in range(len(PATH)):
        corner = await field.corner()
        call, item = await corner.under_way(*PATH[:done])
        walks.append(Walk(corner, call, item, done))
    return walks


async def report_until_answered(corner: Corner, body: Body) -> Body:
    """Report as a CAD does that gets no answer: the same again."""
    reply = await corner.cad.wire.insist("intake", "POST", "/v1/calls", token=corner.cad.token, json=body)
    return reply.good()


async def offered_at_last(corner: Corner, body: Body) -> None:
    """Report and let the crew do everything."""
    call = await report_until_answered(corner, body)
    item = await corner.tablet.shows(call, within_s=60)
    await Walk(corner, call, item, 0).go_on()


@pytest.mark.parametrize("service", SERVICES)
async def test_killed_between_two_steps_every_call_goes_on_after_the_restart(field: Field, service: str) -> None:
    walks = await at_every_step(field)
    field.system.kill(service)
    await promises.hold_now(field)
    await field.system.start(service)
    await asyncio.gather(*(walk.go_on() for walk in walks))
    await promises.hold_at_rest(field)


@pytest.mark.parametrize("service", SERVICES)
async def test_killed_in_the_middle_of_every_step_every_call_goes_on_after_the_restart(
    field: Field, service: str
) -> None:
    walks = await at_every_step(field)
    fresh = await field.corner()
    body = fresh.cad.a_report(location=fresh.location)
    under_way = [asyncio.create_task(walk.go_on()) for walk in walks]
    under_way.append(asyncio.create_task(offered_at_last(fresh, body)))
    await asyncio.sleep(0.004)
    field.system.kill(service)
    await promises.hold_now(field)
    await field.system.start(service)
    await asyncio.gather(*under_way)
    await promises.hold_at_rest(field)


@pytest.mark.parametrize("service", SERVICES)
async def test_while_a_service_is_down_what_does_not_need_it_still_works(field: Field, service: str) -> None:
    corner, other = await field.corner(), await field.corner()
    call, item = await corner.under_way("accept", "depart", "arrive")
    await corner.cad.until(call, "on_scene")
    field.system.kill(service)
    if service != "intake":
        new = await other.report()
        assert new["status"] == "queued"
        assert (await corner.cad.call(call))["status"] == "on_scene"
    if service != "dispatch":
        await corner.tablet.go(item, "check_in", "clear")
        assert (await field.office.assignment(item["id"]))["status"] == "cleared"
    if service != "teams":
        return_ = (await corner.tablet.wire.ask("teams", "GET", "/healthz", token=None)).status
        assert return_ == 200
    await field.system.start(service)
    if service == "dispatch":
        await corner.tablet.go(item, "clear")
    await corner.cad.until(call, "closed", within_s=60)
    await field.office.is_free(corner.tablet, within_s=60)
    if service != "intake":
        shown = await other.tablet.shows(new, within_s=60)
        await other.tablet.go(shown, "accept", "depart", "arrive", "clear")
        await other.cad.until(new, "closed")


@pytest.mark.parametrize("service", SERVICES)
async def test_with_one_replica_dead_nobody_notices(field: Field, service: str) -> None:
    field.system.kill(service, 0)
    corner = await field.corner()
    call, item = await corner.offered()
    await Walk(corner, call, item, 0).go_on()
