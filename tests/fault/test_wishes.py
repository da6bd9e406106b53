"""Messages between services come late, twice and out of order, and a database comes back older than it was."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.field import promises
from tests.field.ground import Field
from tests.field.people import DOUBT, WORSE
from tests.field.wire import Body, Reply, eventually
from tests.pg import connected


async def put_wish(field: Field, call_id: str, wish: Body) -> Reply:
    """Deliver a wish to dispatch, as intake does."""
    return await field.wire.ask("dispatch", "PUT", f"/v1/incidents/{call_id}", token=field.tokens.service, json=wish)


async def wish_of(field: Field, call: Body) -> Body:
    """Return intake's present wish for a call."""
    [row] = await field.rows("SELECT * FROM intake.wish WHERE call_id = $1::text::uuid", call["id"])
    wish = {name: row[name] for name in ("seq", "wanted", "may_offer", "may_depart", "reason")}
    return wish | {"facts": json.loads(row["facts"]) if row["facts"] else None}


async def state(field: Field, call_id: str) -> tuple[Any, ...]:
    """Return everything dispatch stores of an incident, its assignments and its history."""
    incident = await field.rows("SELECT * FROM dispatch.incident WHERE id = $1::text::uuid", call_id)
    kept = {
        k: v
        for k, v in dict(incident[0]).items()
        if k not in {"report_at", "report_tries", "confirmed_version", "events_confirmed"}
    }
    assignments = await field.rows(
        "SELECT id, status, version FROM dispatch.assignment WHERE incident_id = $1::text::uuid ORDER BY id", call_id
    )
    events = await field.value(
        "SELECT count(*) FROM dispatch.incident_event WHERE incident_id = $1::text::uuid", call_id
    )
    return tuple(kept.items()), [tuple(row) for row in assignments], events


async def test_a_civilian_wish_after_its_withdrawn_changes_nothing(field: Field) -> None:
    corner = await field.corner()
    call, _ = await corner.under_way("accept")
    civilian = await wish_of(field, call)
    assert civilian["wanted"] == "civilian"
    await corner.cad.update(call, WORSE)
    await corner.tablet.shows(call, "withdrawing")
    before = await state(field, call["id"])
    for late in (civilian, civilian | {"seq": 1}, await wish_of(field, call)):
        answer = (await put_wish(field, call["id"], late)).good()
        assert answer["status"] == "ended"
        assert await state(field, call["id"]) == before
    # even a higher seq does not bring an ended incident back
    answer = (await put_wish(field, call["id"], civilian | {"seq": civilian["seq"] + 50})).good()
    assert answer["status"] == "ended"
    assert [row[1] for row in (await state(field, call["id"]))[1]] == ["withdrawing"]
    await corner.tablet.withdraw(call)


async def test_a_wish_delivered_twice_or_late_changes_nothing(field: Field) -> None:
    await field.reviewer.queue()
    corner = await field.corner()
    call, _ = await corner.offered()
    first = await wish_of(field, call)
    doubted = await corner.cad.update(call, DOUBT)
    assert doubted["status"] == "in_review"
    await corner.tablet.is_empty_of(call)
    before = await state(field, call["id"])
    for _ in range(3):
        assert (await put_wish(field, call["id"], first)).good()["version"] == dict(before[0])["version"]
        assert (await put_wish(field, call["id"], await wish_of(field, call))).good()["status"] == "waiting"
    assert await state(field, call["id"]) == before
    assert await corner.tablet.list() == []
    await corner.cad.cancel(call)


async def test_a_withdrawn_that_overtakes_its_civilian_is_remembered(field: Field) -> None:
    corner = await field.corner()
    call, _ = await corner.offered()
    wish = await wish_of(field, call)
    await corner.cad.cancel(call)
    unknown = str(uuid4())
    withdrawn = {
        "seq": 2,
        "wanted": "withdrawn",
        "may_offer": False,
        "may_depart": False,
        "reason": "risk_rose",
        "facts": None,
    }
    assert (await put_wish(field, unknown, withdrawn)).good()["status"] == "ended"
    await field.office.is_free(corner.tablet)
    for seq in (1, 2, 3):
        assert (await put_wish(field, unknown, wish | {"seq": seq})).good()["status"] == "ended"
    assert await corner.tablet.list() == []
    assert (
        await field.value("SELECT count(*) FROM dispatch.assignment WHERE incident_id = $1::text::uuid", unknown) == 0
    )


async def test_a_report_of_progress_delivered_late_or_twice_changes_nothing(field: Field) -> None:
    corner = await field.corner()
    call, item = await corner.under_way("accept")
    await corner.cad.until(call, "accepted")
    old = await field.office.incident(call)
    await corner.tablet.go(item, "depart", "arrive", "clear")
    closed = await corner.cad.until(call, "closed")
    service = field.tokens.service
    for _ in range(2):
        late = await field.wire.ask("intake", "PUT", f"/v1/calls/{call['id']}/progress", token=service, json=old)
        assert late.good()["status"] == "closed"
    after = await corner.cad.call(call)
    assert (after["status"], after["version"]) == ("closed", closed["version"])


async def test_a_hold_put_after_its_release_is_refused_also_when_it_was_released_in_advance(field: Field) -> None:
    corner = await field.corner()
    hold = {"team_id": corner.tablet.team_id, "incident_id": str(uuid4())}

    async def ask(method: str, hold_id: str) -> Reply:
        return await field.wire.ask(
            "teams", method, f"/v1/holds/{hold_id}", token=field.tokens.service, json=hold if method == "PUT" else None
        )

    seen, unseen = str(uuid4()), str(uuid4())
    first, again = await ask("PUT", seen), await ask("PUT", seen)
    assert first.good() == again.good()
    (await ask("DELETE", seen)).good()
    (await ask("DELETE", seen)).good()
    (await ask("PUT", seen)).refused(409, "hold-released")
    (await ask("DELETE", unseen)).good()
    (await ask("PUT", unseen)).refused(409, "hold-released")
    assert await field.office.hold_of(corner.tablet) is None
    call = await corner.report()
    await corner.tablet.shows(call)
    await corner.cad.cancel(call)


async def test_an_orphaned_hold_is_released_and_a_missing_one_put_again(field: Field) -> None:
    corner, other = await field.corner(), await field.corner()
    orphan = str(uuid4())
    hold = {"team_id": corner.tablet.team_id, "incident_id": str(uuid4())}
    (await field.wire.ask("teams", "PUT", f"/v1/holds/{orphan}", token=field.tokens.service, json=hold)).good()
    call, item = await other.under_way("accept", "depart", "arrive")
    async with connected(field.system.plan.admins["teams"]) as admin:  # as after a restore of the teams database
        await admin.execute("DELETE FROM teams.hold WHERE assignment_id = $1::text::uuid", item["id"])
        await admin.execute("UPDATE teams.duty SET held_by = NULL WHERE team_id = $1::text::uuid", other.tablet.team_id)
    assert await field.office.hold_of(other.tablet) is None
    await field.later(timedelta(seconds=121))
    await field.office.is_free(corner.tablet, within_s=70)

    async def held() -> bool:
        live = await field.office.hold_of(other.tablet)
        return live is not None and live["assignment_id"] == item["id"]

    await eventually("the missing hold is put again", held, within_s=70)
    await other.tablet.go(item, "clear")
    await other.cad.until(call, "closed")
    await field.office.is_free(other.tablet)


TABLES = (
    "incident",
    "assignment",
    "incident_event",
    "notice",
    "loose_notice",
    "link",
    "alert",
    "idempotency_key",
    "clock_watch",
)


async def backup(field: Field) -> None:
    """Keep dispatch's rows as they are now, all of one instant."""
    async with connected(field.system.plan.admins["dispatch"]) as admin, admin.transaction(isolation="repeatable_read"):
        await admin.execute("CREATE SCHEMA IF NOT EXISTS backup")
        for table in TABLES:
            await admin.execute(f"DROP TABLE IF EXISTS backup.{table}")
            await admin.execute(f"CREATE TABLE backup.{table} AS SELECT * FROM dispatch.{table}")


async def restore(field: Field) -> None:
    """Put dispatch's rows back as they were, as an operator does after a disk was lost: nobody else is connected."""
    async with connected(field.system.plan.admins["dispatch"]) as admin, admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.execute(f"TRUNCATE {', '.join(f'dispatch.{table}' for table in TABLES)}")
        for table in TABLES:
            await admin.execute(f"INSERT INTO dispatch.{table} OVERRIDING SYSTEM VALUE SELECT * FROM backup.{table}")


async def test_after_dispatchs_database_was_restored_every_wish_is_sent_again_before_anybody_is_sent(
    field: Field,
) -> None:
    kept, withdrawn, lost, done, bystander = [await field.corner() for _ in range(5)]
    kept_call, kept_item = await kept.under_way("accept")
    withdrawn_call, withdrawn_item = await withdrawn.under_way("accept")
    bystanders = [await bystander.report() for _ in range(4)]
    await field.link_is_up()
    await backup(field)
    await field.later(timedelta(seconds=60))  # what the backup says of the heartbeat is too old when it is restored

    await withdrawn.cad.update(withdrawn_call, WORSE)
    await withdrawn.tablet.withdraw(withdrawn_call)
    lost_call, _ = await lost.offered()
    done_call, _ = await done.under_way("accept", "depart", "arrive", "clear")
    await done.cad.until(done_call, "closed")
    await promises.hold_at_rest(field)
    field.system.kill("dispatch")
    await restore(field)
    for call in bystanders:  # wishes that may come before the first heartbeat, and make up for those that were lost
        await bystander.cad.cancel(call)
    await field.system.start("dispatch")
    for corner, item in ((kept, kept_item), (withdrawn, withdrawn_item)):
        reply = await corner.tablet.act(item, "depart")  # nothing counts as heard before the wishes are there again
        assert reply.status in {409, 503}, reply
    await field.link_is_up(within_s=20)

    await withdrawn.tablet.shows(withdrawn_call, "withdrawing", within_s=15)
    (await withdrawn.tablet.act(withdrawn_item, "depart")).refused(409)
    await withdrawn.tablet.withdraw(withdrawn_call)
    await kept.tablet.go(kept_item, "depart", "arrive", "clear")
    await kept.cad.until(kept_call, "closed", within_s=15)
    shown = await lost.tablet.shows(
        lost_call, within_s=90
    )  # its team was held by an assignment that nobody knows any more
    await lost.tablet.go(shown, "accept", "depart", "arrive", "clear")
    await lost.cad.until(lost_call, "closed")
    assert await done.tablet.list() == [], "what was closed is not wanted again"
    assert (await done.cad.call(done_call))["status"] == "closed"


async def test_a_heartbeat_with_more_applied_wishes_than_dispatch_knows_is_refused_and_counts_for_nothing(
    field: Field,
) -> None:
    applied = await field.value("SELECT applied FROM dispatch.link")
    before = await field.value("SELECT heard_as_of FROM dispatch.link")
    beat = {"echo": before.isoformat(), "applied": applied + 1000, "withdrawn": []}
    await field.system.cut("intake", "dispatch")
    reply = await field.wire.ask("dispatch", "PUT", "/v1/heartbeat", token=field.tokens.service, json=beat)
    body = reply.refused(409, "wishes-missing")
    assert body["applied"] <= applied + 5
    assert body["as_of"]
