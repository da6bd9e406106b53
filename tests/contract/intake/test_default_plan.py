"""The city's default plan: a file that becomes a row at a moment, for every neighborhood which has written none."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from services.intake.commands.default_plan import DEFAULT_PLAN, DefaultPlanRefused
from services.intake.commands.plans import flag_plans_due
from services.intake.commands.replays import replayed
from services.intake.plan_files import PlanFileInvalid
from services.intake.queries.stored_decisions import decisions_by_id
from shared.auth import Role
from tests import pg
from tests.contract.intake.conftest import Intake, running, safe_report
from tests.contract.intake.fakes import FakeDispatch

PLAN = "/v1/neighborhoods/boyle-heights/plan"
STRICTER = ("call_types: []", "call_types: [415N]")
Changed = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Write the default plan with some texts replaced."""

    def write(*replaced: tuple[str, str]) -> Path:
        text = DEFAULT_PLAN.read_text(encoding="utf-8")
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "default-plan.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@asynccontextmanager
async def replica(database: pg.Clone, default_plan: Path | None = None) -> AsyncIterator[Intake]:
    async with running(database.login["intake"], FakeDispatch(), time_rate=0.001, default_plan=default_plan) as service:
        yield service


async def test_a_new_default_plan_decides_later_calls_on_every_replica_and_no_earlier_one(
    intake: Intake, fresh_database: pg.Clone, changed: Changed
) -> None:
    before = await intake.report(safe_report())
    file = changed(("version: 1", "version: 2"), STRICTER)
    async with replica(fresh_database, file) as newer:
        for service in (newer, intake):
            after = await service.report(safe_report())
            assert (after["return_reason"], after["decision"]["plan_version"]) == ("plan_excludes", 0)
            assert "Plan clause /exclude/call_types: 415N." in after["decision"]["reasons"][0]["explanation"]
            nowhere = await service.report(safe_report(location={"address": "somewhere"}))
            assert nowhere["decision"]["disposition"] == "police"
    async with replica(fresh_database) as restarted:  # with the older file: the newer plan stays
        assert (await restarted.report(safe_report()))["return_reason"] == "plan_excludes"
        answer = (await restarted.get(PLAN)).json()
        assert (answer["version"], answer["status"], answer["default_version"]) == (0, "default", 2)
        assert answer["plan"]["exclude"]["call_types"] == ["415N"]
        await restarted.post(f"/v1/calls/{before['id']}/updates", {"narrative": "Calm now, still talking."})
        call = await restarted.call(before["id"])
        assert (call["status"], call["version"] > before["version"]) == ("queued", True)


async def test_a_neighborhoods_own_plan_stands_in_place_of_the_default(
    fresh_database: pg.Clone, city: None, changed: Changed
) -> None:
    async with replica(fresh_database, changed(STRICTER)) as intake:
        assert (await intake.report(safe_report()))["return_reason"] == "plan_excludes"
        body = {"plan": {}, "approved_by": "Council"}
        assert (await intake.request("PUT", PLAN, Role.SUPERVISOR, json=body)).status_code == 200
        assert (await intake.report(safe_report()))["status"] == "queued"
        diff = (await intake.get("/v1/neighborhoods/boyle-heights/plans/diff?from=0&to=1")).json()
        assert {"pointer": "/exclude/call_types", "before": ["415N"], "after": []} in diff["changes"]
        elsewhere = await intake.report(safe_report(location={"neighborhood": "watts"}))
        assert elsewhere["return_reason"] == "plan_excludes"


async def test_a_decision_under_an_older_default_plan_is_made_again_from_its_rows(
    intake: Intake, fresh_database: pg.Clone, changed: Changed
) -> None:
    await intake.report(safe_report())
    async with replica(fresh_database, changed(("version: 1", "version: 2"), STRICTER)) as newer:
        await newer.report(safe_report())
        rows = await newer.rows("SELECT id, evidence -> 'plan' AS plan FROM intake.decision ORDER BY at")
        assert [row.plan["default"] for row in rows] == [1, 2]
        async with newer.db.autocommit() as unit:
            stored = await decisions_by_id(unit.conn, [UUID(str(row.id)) for row in rows])
        for decision in stored:
            assert replayed(decision, newer.app.state.desk.protocols) == decision.decision


async def test_a_default_plan_that_was_changed_under_its_version_does_not_start(
    intake: Intake, fresh_database: pg.Clone, changed: Changed
) -> None:
    with pytest.raises(DefaultPlanRefused, match="version 1 was changed after it had been in force"):
        async with replica(fresh_database, changed(STRICTER)):
            pass
    assert (await intake.report(safe_report()))["status"] == "queued"


async def test_a_default_plan_with_a_fault_does_not_start_and_the_line_is_named(
    intake: Intake, fresh_database: pg.Clone, changed: Changed
) -> None:
    with pytest.raises(PlanFileInvalid, match=r"default-plan.yaml:\d+: /plan/waive: would widen what is safe"):
        async with replica(fresh_database, changed(("  notes: []", "  waive: []"))):
            pass
    with pytest.raises(DefaultPlanRefused, match="/plan/exclude/reasons/0: The protocol in force has no such rule"):
        async with replica(fresh_database, changed(("version: 1", "version: 2"), ("reasons: []", "reasons: [wepon]"))):
            pass
    assert (await intake.get(PLAN)).json()["default_version"] == 1


async def test_a_default_plan_not_reviewed_by_its_date_is_flagged(
    fresh_database: pg.Clone, city: None, changed: Changed
) -> None:
    async with replica(fresh_database, changed(("  notes: []", "  review_by: 2020-01-01"))) as intake:
        await flag_plans_due(intake.db, intake.app.state.desk)
        items = (await intake.get("/v1/alerts", Role.SUPERVISOR)).json()["items"]
        assert ("plan_review_due", "*") in {(item["kind"], item["subject"]) for item in items}
        assert (await intake.get(PLAN)).json()["review_overdue"] is True
