"""A call that goes back: into somebody's hands, or the alarm is raised again and again."""

from datetime import datetime, timedelta

from tests.field.ground import Corner, Field
from tests.field.people import DENIED, WORSE
from tests.field.wire import Body, eventually


async def withdrawn(field: Field, call: Body) -> None:
    """Wait until dispatch has confirmed it: where the clock jumps before, the withdrawal is late, and that is another alarm."""

    async def confirmed() -> bool:
        query = "SELECT confirmed_seq = seq FROM intake.wish WHERE call_id = $1::text::uuid"
        return bool(await field.value(query, call["id"]))

    await eventually("dispatch has confirmed the withdrawal", confirmed)


async def test_a_call_returned_in_the_answer_to_its_report_needs_no_acknowledgement(
    corner: Corner, field: Field
) -> None:
    call = await corner.report(answers=DENIED | {"violence": "yes"}, narrative="They are hitting each other.")
    assert (call["status"], call["return_reason"], call["recommended_response"]) == ("returned", "unsafe", "police")
    assert call["decision"]["verdict"] == "unsafe"
    assert call["hand_back_by"] is None
    asked = await field.value("SELECT acknowledge_by FROM intake.call WHERE id = $1::text::uuid", call["id"])
    assert asked is None
    assert (await field.office.ask("dispatch", "GET", f"/v1/incidents/{call['id']}")).status == 404


async def test_a_return_is_acknowledged_once_and_raises_no_alarm(corner: Corner, field: Field) -> None:
    call, _ = await corner.offered()
    await corner.cad.update(call, WORSE)
    await corner.cad.acknowledge(call, operator="desk 7")
    await corner.cad.acknowledge(call, operator="desk 7")
    await withdrawn(field, call)
    await field.later(timedelta(seconds=40))
    await field.link_is_up()
    assert call["id"] not in {alert["subject"] for alert in await field.office.alerts("intake")}


async def test_a_return_that_nobody_takes_is_alarmed_again_and_again(corner: Corner, field: Field) -> None:
    call, _ = await corner.offered()
    await corner.cad.update(call, WORSE)
    await withdrawn(field, call)
    for _ in range(2):
        asked = await field.value("SELECT acknowledge_by FROM intake.call WHERE id = $1::text::uuid", call["id"])
        assert timedelta(0) < asked - field.now() <= timedelta(seconds=31)
        await field.just_after(asked)
        alert = await field.office.alert("intake", call["id"], within_s=15)

        async def asked_again(before: datetime = asked) -> bool:
            now = await field.value("SELECT acknowledge_by FROM intake.call WHERE id = $1::text::uuid", call["id"])
            return bool(now > before)

        await eventually("the next alarm is set", asked_again)
        (await field.office.ask("intake", "POST", f"/v1/alerts/{alert['id']}/acknowledge")).good()
    raised = await field.value("SELECT count(*) FROM intake.alert WHERE subject = $1", call["id"])
    assert raised >= 2, "an acknowledged alarm comes again while the call center has not taken the call"
    await corner.cad.acknowledge(call)

    left = [alert["kind"] for alert in await field.office.alerts("intake") if alert["subject"] == call["id"]]
    assert left == []


async def test_a_caller_who_wants_police_gets_police(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    call = await corner.report(answers=DENIED | {"consent": "no"})
    if call["status"] == "in_review":
        call = (await field.reviewer.say(call, "return")).good()
    assert (call["status"], call["return_reason"]) == ("returned", "caller_wants_police")


async def test_a_call_outside_the_city_goes_back_at_once(corner: Corner) -> None:
    call = await corner.report(location={"lat_deg": 33.66, "lon_deg": -117.82, "address": "Irvine"})
    assert (call["status"], call["return_reason"]) == ("returned", "outside_service_area")


async def test_an_unknown_call_type_alone_is_never_safe(corner: Corner, field: Field) -> None:
    await field.reviewer.queue()
    bare: Body = {"answers": {}, "narrative": None, "call_type_text": None, "language": None}
    for code in ("ZZ-99", "¿?", "415N-X", ""):
        reply = await corner.cad.send(corner.cad.a_report(location=corner.location, **bare | {"call_type_code": code}))
        if reply.status == 422:
            assert code == ""
            continue
        assert reply.good()["decision"]["verdict"] != "safe", code
    nothing = await corner.cad.send(
        {"cad_system": corner.cad.cad_system, "cad_event_id": "bare", "received_at": field.now().isoformat()}
    )
    assert nothing.good()["decision"]["verdict"] != "safe"


async def test_a_plan_that_excludes_a_call_type_sends_it_back(corner: Corner, field: Field) -> None:
    await corner.put_plan({"exclude": {"call_types": ["415N"]}})
    call = await corner.report()
    assert (call["status"], call["return_reason"]) == ("returned", "plan_excludes")
    assert call["decision"]["plan_version"] == 1


async def test_outside_the_plans_hours_a_call_goes_back(corner: Corner, field: Field) -> None:
    await corner.put_plan({"hours": {"mediator": []}})
    call = await corner.report()
    assert (call["status"], call["return_reason"]) == ("returned", "outside_hours")
