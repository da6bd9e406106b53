"""Many at once, from two client processes, against two replicas: exactly one wins, and everybody is told the same."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.field.ground import Corner, Field
from tests.field.wire import Body, eventually

TRIALS = 200
AT_ONCE = 16
Request = tuple[str, str, str, Any]


class Racers:
    """Two client processes that fire at the same moment."""

    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def race(self, requests: list[Request]) -> list[int]:
        """Fire every other request from each process; the statuses in the order of `requests`."""
        halves = [requests[0::2], requests[1::2]]
        for process, half in zip(self._processes, halves, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(half).encode() + b"\n")
        answers: list[list[int]] = []
        for process in self._processes:
            assert process.stdout is not None
            answers.append(json.loads(await process.stdout.readline()))
        statuses = [0] * len(requests)
        statuses[0::2], statuses[1::2] = answers
        return statuses


@asynccontextmanager
async def racers() -> AsyncIterator[Racers]:
    """Yield two client processes."""
    pipe = asyncio.subprocess.PIPE
    script = str(Path(__file__).with_name("racer.py"))
    made = [await asyncio.create_subprocess_exec(sys.executable, script, stdin=pipe, stdout=pipe) for _ in range(2)]
    try:
        yield Racers(made)
    finally:
        for process in made:
            assert process.stdin is not None
            process.stdin.close()
        await asyncio.gather(*(process.wait() for process in made))


async def test_of_sixteen_holds_of_one_team_at_once_exactly_one_is_put(field: Field) -> None:
    corner = await field.corner()
    team_id, token = corner.tablet.team_id, field.tokens.service
    urls = [field.system.url("teams", replica) for replica in range(2)]
    async with racers() as both:
        for trial in range(TRIALS):
            holds = [str(uuid4()) for _ in range(AT_ONCE)]
            statuses = await both.race([
                ("PUT", f"{urls[n // 2 % 2]}/v1/holds/{hold}", token, {"team_id": team_id, "incident_id": str(uuid4())})
                for n, hold in enumerate(holds)
            ])  # fmt: skip
            assert Counter(statuses) == {200: 1, 409: AT_ONCE - 1}, f"trial {trial}"
            winner = holds[statuses.index(200)]
            live = await field.office.hold_of(corner.tablet)
            assert live is not None
            assert live["assignment_id"] == winner
            (await field.wire.ask("teams", "DELETE", f"/v1/holds/{winner}", token=token)).good()
    query = "SELECT count(*) FROM teams.hold WHERE team_id = $1::text::uuid"
    assert await field.value(query, team_id) == TRIALS


async def test_of_sixteen_crews_hands_on_one_offer_exactly_one_moves_it(field: Field) -> None:
    corner = await field.corner()
    urls = [field.system.url("dispatch", replica) for replica in range(2)]
    async with racers() as both:
        for trial in range(10):
            call, item = await corner.offered()
            path = f"/v1/assignments/{item['id']}/actions"
            bodies = [
                {"action": "accept"} if n % 3 else {"action": "decline", "reason": "tired"} for n in range(AT_ONCE)
            ]
            statuses = await both.race([
                ("POST", urls[n // 2 % 2] + path, corner.tablet.token, body) for n, body in enumerate(bodies)
            ])  # fmt: skip
            assert Counter(statuses) == {200: 1, 409: AT_ONCE - 1}, f"trial {trial}"
            query = "SELECT count(*) FROM dispatch.incident_event WHERE assignment_id = $1::text::uuid AND before = 'offered'"
            assert await field.value(query, item["id"]) == 1
            await corner.cad.cancel(call)
            if bodies[statuses.index(200)]["action"] == "accept":
                await corner.tablet.withdraw(call)
            await field.office.is_free(corner.tablet)


async def test_of_sixteen_calls_at_once_for_one_team_exactly_one_is_offered(field: Field) -> None:
    corner = await field.corner()
    urls = [field.system.url("intake", replica) for replica in range(2)]
    async with racers() as both:
        for trial in range(3):
            reports = [corner.cad.a_report(location=corner.location) for _ in range(AT_ONCE)]
            statuses = await both.race([
                ("POST", f"{urls[n // 2 % 2]}/v1/calls", corner.cad.token, report) for n, report in enumerate(reports)
            ])  # fmt: skip
            assert Counter(statuses) == {201: AT_ONCE}, f"trial {trial}"
            for _ in range(AT_ONCE):  # each in its turn, never two at a time
                [item] = await eventually("the next one is offered", lambda: shown(corner))
                live = await field.rows(
                    "SELECT id FROM dispatch.assignment WHERE team_id = $1::text::uuid AND ended_at IS NULL",
                    corner.tablet.team_id,
                )
                assert [str(row["id"]) for row in live] == [item["id"]]
                await corner.cad.cancel({"id": item["incident_id"]})
                await corner.tablet.is_empty_of({"id": item["incident_id"]})


async def test_of_sixteen_supervisors_who_pick_one_team_at_once_exactly_one_gets_it(field: Field) -> None:
    corner = await field.corner(languages=["ko"])  # matching leaves the team alone; only a supervisor may send it
    urls = [field.system.url("dispatch", replica) for replica in range(2)]
    calls = [await waiting(corner, field) for _ in range(AT_ONCE)]
    supervisor, body = field.tokens.supervisor, {"team_id": corner.tablet.team_id, "reason": "Knows the family."}
    query = "SELECT count(*) FROM dispatch.assignment WHERE team_id = $1::text::uuid AND ended_at IS NULL"
    async with racers() as both:
        for trial in range(TRIALS // 10):  # each ends with an offer that is declined; the hold beneath is raced above
            statuses = await both.race([
                ("POST", f"{urls[n // 2 % 2]}/v1/incidents/{call['id']}/assign", supervisor, body)
                for n, call in enumerate(calls)
            ])  # fmt: skip
            seen = Counter(statuses)
            late = seen.pop(503, 0)  # each asks teams first, and a busy machine may keep it from answering in time
            assert seen == {202: 1, 409: AT_ONCE - 1 - late}, f"trial {trial}"
            assert late < AT_ONCE // 2, f"trial {trial}"
            assert await field.value(query, corner.tablet.team_id) == 1
            winner = statuses.index(202)
            item = await corner.tablet.shows(calls[winner])
            await corner.tablet.go(item, "decline")
            await field.office.is_free(corner.tablet)
            if (await corner.cad.call(calls[winner]))["status"] == "returned":  # after so many refusals
                calls[winner] = await waiting(corner, field)
    for call in calls:
        await corner.cad.cancel(call)


async def waiting(corner: Corner, field: Field) -> Body:
    """Return a call of somebody who speaks Spanish, once dispatch looks for a team."""
    call = await corner.report(caller={"language": "es"})
    await eventually("dispatch has it", lambda: field.office.knows(call))
    return call


async def shown(corner: Corner) -> list[Body] | None:
    """Return what is on the tablet, if anything is."""
    return await corner.tablet.list() or None


async def test_fifty_copies_of_one_call_at_once_are_one_call_one_incident_one_assignment(field: Field) -> None:
    for _ in range(2):
        corner = await field.corner(teams=3)
        body = corner.cad.a_report(location=corner.location)
        replies = await asyncio.gather(*(corner.cad.send(body) for _ in range(50)))
        assert Counter(reply.status for reply in replies) == {201: 1, 200: 49}
        answers: list[Body] = [reply.good() for reply in replies]
        assert len({answer["id"] for answer in answers}) == 1
        assert len({json.dumps(answer["decision"], sort_keys=True) for answer in answers}) == 1
        call = answers[0]
        await corner.cad.until(call, "offered")
        for query in (
            "SELECT count(*) FROM intake.call WHERE cad_event_id = $1",
            "SELECT count(*) FROM dispatch.incident WHERE id IN (SELECT id FROM intake.call WHERE cad_event_id = $1)",
            "SELECT count(*) FROM dispatch.assignment WHERE incident_id IN (SELECT id FROM intake.call WHERE cad_event_id = $1)",
            "SELECT count(*) FROM teams.hold WHERE incident_id IN (SELECT id FROM intake.call WHERE cad_event_id = $1)",
        ):
            assert await field.value(query, body["cad_event_id"]) == 1, query
        assert len([item for tablet in corner.tablets for item in await tablet.list()]) == 1
        await corner.cad.cancel(call)
