"""Plans over HTTP: entered, drafted, adopted, and in force for the calls that come in from their time on."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.commands.plans import flag_plans_due
from shared.auth import Role
from tests import pg
from tests.contract.intake.conftest import DENIED, Intake, running, safe_report
from tests.contract.intake.fakes import FakeDispatch

PLAN = "/v1/neighborhoods/boyle-heights/plan"
DRAFTS = "/v1/neighborhoods/boyle-heights/plan-drafts"


async def put(intake: Intake, plan: dict[str, Any], **more: Any) -> Any:
    body = {"plan": plan, "approved_by": "Council", **more}
    return await intake.request("PUT", PLAN, Role.SUPERVISOR, json=body)


async def test_a_neighborhood_without_a_plan_has_version_0(intake: Intake) -> None:
    plan = (await intake.get(PLAN, Role.AUDITOR)).json()
    assert (plan["version"], plan["approved_by"]) == (0, None)
    assert plan["plan"]["disciplines"]["mediator"] == ["mediator"]
    assert (await intake.get("/v1/neighborhoods/atlantis/plan")).status_code == 404


async def test_a_new_version_decides_the_next_call_and_not_the_last(intake: Intake) -> None:
    before = await intake.report(safe_report())
    answer = await put(intake, {"disciplines": {"mediator": ["interrupter"]}, "notes": ["Ring twice."]}, version=0)
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    after = await intake.report(safe_report())
    assert (before["decision"]["plan_version"], after["decision"]["plan_version"]) == (0, 1)
    rows = await intake.rows("SELECT facts FROM intake.wish ORDER BY call_id")
    assert [row.facts["disciplines"] for row in rows] == [["mediator"], ["interrupter"]]
    assert rows[1].facts["briefing"]["notes"] == ["Ring twice."]
    assert (await intake.call(before["id"]))["decision"]["plan_version"] == 0


async def test_a_plan_whose_time_has_not_come_is_not_in_force(intake: Intake) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    later = {"exclude": {"call_types": ["415N"]}}
    assert (await put(intake, later, effective_from=tomorrow)).status_code == 200
    assert (await intake.get(PLAN)).json()["version"] == 0
    call = await intake.report(safe_report())
    assert (call["status"], call["decision"]["plan_version"]) == ("queued", 0)
    versions = (await intake.get("/v1/neighborhoods/boyle-heights/plans")).json()["items"]
    assert [version["version"] for version in versions] == [1]
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert (await put(intake, {}, effective_from=yesterday)).status_code == 422


async def test_a_stale_version_is_refused(intake: Intake) -> None:
    assert (await put(intake, {}, version=0)).status_code == 200
    answer = await put(intake, {}, version=0)
    assert (answer.status_code, answer.json()["current_version"]) == (412, 1)


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"surprise": 1}, "/plan/surprise"),
        ({"allow": {"call_types": ["242"]}}, "/plan/allow"),
        ({"exclude": {"reasons": ["wepon"]}}, "/plan/exclude/reasons/0"),
        ({"review": {"reasons": ["no_such_rule"]}}, "/plan/review/reasons/0"),
        ({"catchment": ["atlantis"]}, "/plan/catchment/0"),
        ({"languages": {"required": ["not a tag"]}}, "/plan/languages/required/0"),
        ({"hours": {"mediator": [{"opens": "25:00", "closes": "08:00"}]}}, "/plan/hours/mediator/0/opens"),
    ],
)
async def test_a_wrong_plan_is_refused_and_the_field_named(intake: Intake, plan: dict[str, Any], pointer: str) -> None:
    answer = await put(intake, plan)
    assert answer.status_code == 422, answer.text
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


async def test_a_plan_that_names_a_provider_whom_teams_does_not_know_is_refused(intake: Intake) -> None:
    answer = await put(intake, {"preferred_providers": ["Puente Vecinal", "Puente Vecina"]})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/plan/preferred_providers/1", "detail": "There is no such provider. Did you mean Puente Vecinal?"}
    ]
    assert (await put(intake, {"preferred_providers": ["Puente Vecinal"]})).status_code == 200
    assert (await put(intake, {"preferred_providers": ["x"], "surprise": 1})).json()["errors"][0]["pointer"] == (
        "/plan/surprise"
    )


async def test_without_teams_only_a_plan_that_names_providers_waits(intake: Intake) -> None:
    intake.teams.silent = True
    answer = await put(intake, {"preferred_providers": ["Puente Vecinal"]})
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert (await intake.get(PLAN)).json()["version"] == 0
    assert (await put(intake, {"notes": ["nobody named"]})).status_code == 200
    assert intake.teams.asked == 1


async def test_the_providers_of_a_draft_are_asked_about_when_it_is_proposed_and_again_when_it_is_adopted(
    intake: Intake,
) -> None:
    begun = await intake.post(DRAFTS, {"plan": {"preferred_providers": ["Newly Founded"]}}, Role.SUPERVISOR)
    acts = f"{DRAFTS}/{begun.json()['id']}/actions"
    propose = {"action": "propose", "version": 1}
    adopt_it = {"action": "adopt", "version": 2, "approved_by": "Council"}
    refused = await intake.post(acts, propose, Role.SUPERVISOR)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/plan/preferred_providers/0")
    intake.teams.known.add("Newly Founded")
    assert (await intake.post(acts, propose, Role.SUPERVISOR)).status_code == 200
    intake.teams.known.remove("Newly Founded")
    assert (await intake.post(acts, adopt_it, Role.SUPERVISOR)).status_code == 422
    intake.teams.silent = True
    assert (await intake.post(acts, adopt_it, Role.SUPERVISOR)).status_code == 503
    assert (await intake.get(PLAN)).json()["version"] == 0
    intake.teams.silent = False
    intake.teams.known.add("Newly Founded")
    key = {"Idempotency-Key": "adopt-once"}
    first = await intake.post(acts, adopt_it, Role.SUPERVISOR, headers=key)
    intake.teams.silent = True
    again = await intake.post(acts, adopt_it, Role.SUPERVISOR, headers=key)
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())


async def test_what_the_plan_excludes_goes_back(intake: Intake) -> None:
    await put(intake, {"exclude": {"call_types": ["415N"]}})
    assert (await intake.report(safe_report()))["return_reason"] == "plan_excludes"
    await put(intake, {"hours": {"mediator": []}})
    assert (await intake.report(safe_report()))["return_reason"] == "outside_hours"


async def test_only_a_supervisor_writes_a_plan(intake: Intake) -> None:
    body = {"plan": {}, "approved_by": "x"}
    for role in (Role.CAD, Role.REVIEWER, Role.AUDITOR, Role.ADMIN):
        assert (await intake.request("PUT", PLAN, role, json=body)).status_code == 403


async def test_an_approver_who_is_the_only_author_is_refused(intake: Intake) -> None:
    answer = await put(intake, {}, approved_by="test")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/approved_by")
    assert answer.json()["type"].endswith("approver-wrote-it")
    assert (await put(intake, {"authors": ["Ana", "test"]}, approved_by="test")).status_code == 200
    assert (await put(intake, {"authors": ["Ana"]}, approved_by="ana")).status_code == 422


async def test_an_update_of_an_earlier_call_stays_under_the_plan_it_came_in_under(intake: Intake) -> None:
    old = await intake.report(safe_report())
    assert (await put(intake, {"exclude": {"call_types": ["415N"]}})).status_code == 200
    await intake.post(f"/v1/calls/{old['id']}/updates", {"narrative": "Still arguing about parking, calmly."})
    now = await intake.call(old["id"])
    assert (now["status"], now["decision"]["plan_version"], now["version"] > old["version"]) == ("queued", 0, True)
    new = await intake.report(safe_report())
    assert (new["return_reason"], new["decision"]["plan_version"]) == ("plan_excludes", 1)
    assert "Plan clause /exclude/call_types: 415N." in new["decision"]["reasons"][0]["explanation"]
    [row] = await intake.rows(
        "SELECT evidence -> 'plan' AS plan FROM intake.decision WHERE call_id = :id", id=new["id"]
    )
    assert row.plan == {"slug": "boyle-heights", "version": 1, "clauses": ["/exclude/call_types"]}


async def test_a_plan_is_in_force_on_every_replica_from_its_time_on_and_after_a_restart(
    intake: Intake, fresh_database: pg.Clone
) -> None:
    async with running(fresh_database.login["intake"], FakeDispatch(), time_rate=0.001) as replica:
        before = await replica.report(safe_report())
        assert (await put(intake, {"exclude": {"call_types": ["415N"]}})).status_code == 200
        assert (await replica.report(safe_report()))["return_reason"] == "plan_excludes"
    async with running(fresh_database.login["intake"], FakeDispatch(), time_rate=0.001) as restarted:
        assert (await restarted.report(safe_report()))["return_reason"] == "plan_excludes"
        await restarted.post(f"/v1/calls/{before['id']}/updates", {"narrative": "Calm now, still talking."})
        assert (await restarted.call(before["id"]))["status"] == "queued"


async def test_decisions_and_plans_written_at_once_agree_about_the_moment(intake: Intake) -> None:
    """Each call is under the plan whose time it came in at, however the transactions fall."""
    for round_ in range(6):
        plan = {"notes": [f"round {round_}"]}
        await asyncio.gather(*(intake.report(safe_report()) for _ in range(5)), put(intake, plan),
                             *(intake.report(safe_report()) for _ in range(5)))  # fmt: skip
    rows = await intake.rows(
        "SELECT d.plan_version, (SELECT coalesce(max(p.version), 0) FROM intake.plan p WHERE p.slug = 'boyle-heights'"
        " AND p.effective_from <= c.reported_at)"
        " AS wanted FROM intake.call c JOIN intake.decision d ON d.id = c.decision_id"
    )
    assert len(rows) == 60
    assert [row for row in rows if row.plan_version != row.wanted] == []


async def test_a_decision_waits_for_a_plan_that_is_being_written(intake: Intake) -> None:
    from services.intake.commands.plans import NewPlan, enter_plan

    async with intake.db.transaction() as unit:
        desk = intake.app.state.desk
        written = await enter_plan(unit, desk, NewPlan("boyle-heights", {}, "Council", "supervisor:a", None, None))
        reporting = asyncio.create_task(intake.report(safe_report()))
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'"
        while not await intake.rows(waiting):
            assert not reporting.done()
    call = await reporting
    assert call["decision"]["plan_version"] == written.version == 1
    assert datetime.fromisoformat(call["reported_at"]) > written.effective_from


async def test_a_stored_plan_that_cannot_be_read_makes_nothing_safe(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    await intake.rows(
        "INSERT INTO intake.plan (slug, version, body, effective_from, approved_by, entered_by, at) VALUES"
        " ('boyle-heights', 1, '{\"of_tomorrow\": 1}', intake.clock(), 'x', 'x', intake.clock()) RETURNING 1"
    )
    call = await intake.report(safe_report(answers=DENIED))
    assert (call["decision"]["verdict"], call["decision"]["reasons"][0]["rule"]) == ("review", "system_fault")


async def test_what_the_plan_wants_a_person_to_see_is_reviewed_and_then_goes(intake: Intake) -> None:
    await put(intake, {"review": {"relationships": ["neighbor"]}, "preferred_providers": ["Eastside Mediation"]})
    await intake.reviewer_reads_the_queue()
    call = await intake.report(safe_report())
    assert (call["status"], call["decision"]["reasons"][0]["rule"]) == ("in_review", "plan_wants_review")
    word = {"decision": "send_civilian", "reason": "Known to the circle.", "version": call["version"]}
    answer = await intake.post(f"/v1/calls/{call['id']}/review", word, Role.REVIEWER)
    assert (answer.status_code, answer.json()["status"]) == (200, "queued"), answer.text
    [row] = await intake.rows("SELECT facts FROM intake.wish")
    assert row.facts["preferred_providers"] == ["Eastside Mediation"]


async def test_a_draft_is_written_proposed_and_adopted_by_somebody_else(intake: Intake) -> None:
    async def ask(method: str, path: str, body: Any, *, status: int, name: str = "ana") -> Any:
        from shared.auth import Caller, issue
        from tests.contract.intake.conftest import SECRET

        headers = {"Authorization": f"Bearer {issue(SECRET, Caller(Role.SUPERVISOR, name))}"}
        answer = await intake.client.request(method, path, headers=headers, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    draft = await ask("POST", DRAFTS, {"plan": {"notes": ["first"]}}, status=201)
    assert (draft["status"], draft["authors"], draft["based_on"]) == ("draft", ["supervisor:ana"], 0)
    one, acts = f"{DRAFTS}/{draft['id']}", f"{DRAFTS}/{draft['id']}/actions"
    await ask("PUT", one, {"plan": {"allow": []}, "version": 1}, status=422)
    await ask("PUT", one, {"plan": {"notes": ["second"]}, "version": 7}, status=412)
    await ask("PUT", one, {"plan": {"notes": ["second"]}, "version": 1}, status=200)
    await ask("POST", acts, {"action": "adopt", "version": 2, "approved_by": "Council"}, status=409)
    await ask("POST", acts, {"action": "propose", "version": 2}, status=200)
    await ask("PUT", one, {"plan": {}, "version": 3}, status=409)
    await ask("POST", acts, {"action": "adopt", "version": 3}, status=422)
    alone = await ask("POST", acts, {"action": "adopt", "version": 3, "approved_by": "Ana"}, status=422)
    assert alone["type"].endswith("approver-wrote-it")
    assert (await intake.get(PLAN)).json()["version"] == 0
    adopted = await ask("POST", acts, {"action": "adopt", "version": 3, "approved_by": "Council"}, status=200)
    assert (adopted["status"], adopted["plan_version"]) == ("adopted", 1)
    in_force = (await intake.get(PLAN)).json()
    assert (in_force["plan"]["notes"], in_force["draft_id"], in_force["status"]) == (["second"], draft["id"], "adopted")
    [listed] = (await intake.get(DRAFTS, Role.AUDITOR)).json()["items"]
    assert listed == (await intake.get(one, Role.AUDITOR)).json() == adopted
    events = await intake.rows("SELECT action, to_status FROM intake.plan_draft_event ORDER BY seq")
    assert [tuple(row) for row in events] == [
        ("begin", "draft"), ("rewrite", "draft"), ("propose", "proposed"), ("adopt", "adopted")
    ]  # fmt: skip


async def test_a_draft_that_another_plan_has_overtaken_is_not_adopted(intake: Intake) -> None:
    draft = (await intake.post(DRAFTS, {"plan": {}}, Role.SUPERVISOR)).json()
    acts = f"{DRAFTS}/{draft['id']}/actions"
    await intake.post(acts, {"action": "propose", "version": 1}, Role.SUPERVISOR)
    await put(intake, {"notes": ["meanwhile"]})
    word = {"action": "adopt", "version": 2, "approved_by": "Council"}
    answer = await intake.post(acts, word, Role.SUPERVISOR)
    assert (answer.status_code, answer.json()["current_version"]) == (412, 1)
    reopened = (await intake.post(acts, {"action": "reopen", "version": 2}, Role.SUPERVISOR)).json()
    assert reopened["status"] == "draft"


async def test_versions_are_superseded_and_what_differs_is_told(intake: Intake) -> None:
    await put(intake, {"notes": ["one"]})
    await put(intake, {"notes": ["two"]})
    later = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    await put(intake, {}, effective_from=later)
    items = (await intake.get("/v1/neighborhoods/boyle-heights/plans")).json()["items"]
    assert [item["status"] for item in items] == ["adopted", "adopted", "superseded"]
    diff = (await intake.get("/v1/neighborhoods/boyle-heights/plans/diff?from=1&to=2")).json()
    assert diff["changes"] == [{"pointer": "/notes", "before": ["one"], "after": ["two"]}]
    assert (await intake.get("/v1/neighborhoods/boyle-heights/plans/diff?from=0&to=9")).status_code == 404


async def test_a_plan_not_reviewed_by_its_date_is_flagged_and_stays_in_force(intake: Intake) -> None:
    await put(intake, {"review_by": "2020-01-01", "exclude": {"call_types": ["415N"]}})
    assert (await intake.get(PLAN)).json()["review_overdue"] is True
    await flag_plans_due(intake.db, intake.app.state.desk)
    await flag_plans_due(intake.db, intake.app.state.desk)
    alerts = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
    assert [(a["kind"], a["subject"]) for a in alerts if a["kind"] == "plan_review_due"] == [
        ("plan_review_due", "boyle-heights")
    ]
    assert (await intake.report(safe_report()))["return_reason"] == "plan_excludes"
    await put(intake, {"review_by": "2999-01-01"})
    await flag_plans_due(intake.db, intake.app.state.desk)
    assert "plan_review_due" not in (await intake.get("/v1/alerts", Role.SUPERVISOR)).text


async def test_a_browser_is_shown_the_plan_without_a_token_and_a_program_is_not(intake: Intake) -> None:
    await put(intake, {"summary": {"en": "Talk first.", "es": "Primero hablar."}, "notes": ["Gate code 4711."]})
    browser = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "es-MX"}
    page = await intake.client.get(PLAN, headers=browser)
    assert (page.status_code, page.headers["content-language"]) == (200, "es")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Primero hablar." in page.text
    assert "Gate code" not in page.text
    assert "Talk first." in (await intake.client.get(f"{PLAN}?lang=en", headers=browser)).text
    with_token = await intake.get(PLAN, Role.SUPERVISOR, headers=browser)
    assert "Gate code" in with_token.text
    assert (await intake.client.get(PLAN)).status_code == 401
    assert (await intake.client.get(PLAN, headers={**browser, "Authorization": "Bearer x"})).status_code == 401
    assert (await intake.client.get("/v1/neighborhoods/atlantis/plan", headers=browser)).status_code == 404


async def test_where_plans_are_not_public_a_browser_needs_a_token_too(fresh_database: pg.Clone, city: None) -> None:
    async with running(fresh_database.login["intake"], FakeDispatch(), time_rate=0.001, public_plans=False) as closed:
        assert (await closed.client.get(PLAN, headers={"Accept": "text/html"})).status_code == 401


@pytest.mark.parametrize("clock", ["0\u0663:00", "1\uff10:00", "08:\u09660", "08:00:\u0660\u0660"])
@pytest.mark.parametrize("where", ["hours", "quiet_hours"])
async def test_hours_in_digits_of_other_scripts_are_refused(intake: Intake, clock: str, where: str) -> None:
    hours = [{"opens": clock, "closes": "18:00"}]
    plan = {"hours": {"mediator": hours}} if where == "hours" else {"quiet_hours": hours}
    pointer = "/hours/mediator/0/opens" if where == "hours" else "/quiet_hours/0/opens"
    for answer in (await put(intake, plan, version=0), await intake.post(DRAFTS, {"plan": plan}, Role.SUPERVISOR)):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].endswith(pointer)
