"""The same request again gives the first answer again, and its effect happened once."""

import asyncio
from uuid import uuid4

from tests.field.ground import Corner, Field


async def test_an_action_sent_again_with_its_key_gives_the_first_answer(corner: Corner, field: Field) -> None:
    call, item = await corner.offered()
    key = uuid4().hex
    first = await corner.tablet.act(item, "accept", key=key)
    again = await corner.tablet.act(item, "accept", key=key)
    assert first.good() == again.good()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = await corner.tablet.act(item, "accept", key=key, note="another body")
    other.refused(422, "idempotency-key-reused")
    without = await corner.tablet.act(item, "accept")
    without.refused(409)
    events = (await field.office.assignment(item["id"]))["history"]
    assert [event["action"] for event in events].count("accept") == 1
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def test_twins_in_flight_on_two_replicas_have_one_effect(corner: Corner, field: Field) -> None:
    call, item = await corner.offered()
    key = uuid4().hex
    replies = await asyncio.gather(*(corner.tablet.act(item, "accept", key=key) for _ in range(16)))
    assert {reply.status for reply in replies} == {200}
    assert all(reply.body == replies[0].body for reply in replies)
    assert sum("idempotency-replayed" not in reply.headers for reply in replies) == 1
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def test_a_refused_request_leaves_its_key_unused(corner: Corner) -> None:
    call, item = await corner.offered()
    key = uuid4().hex
    (await corner.tablet.act(item, "depart", key=key)).refused(409)
    await corner.tablet.go(item, "accept")
    (await corner.tablet.act(item, "depart", key=key)).good()
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)


async def test_a_stale_version_moves_nothing(corner: Corner) -> None:
    call, item = await corner.offered()
    (await corner.tablet.act(item, "accept", version=item["version"] + 5)).refused(412, "version-stale")
    await corner.tablet.shows(call)
    (await corner.tablet.act(item, "accept", version=item["version"])).good()
    await corner.cad.cancel(call)
    await corner.tablet.withdraw(call)
