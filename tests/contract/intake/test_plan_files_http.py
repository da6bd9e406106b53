"""Plan files beside a running system: `commonground plans` checks, shows, applies and exports them over HTTP."""

from typing import Any

import pytest

from services.intake.plan_files import read_plan_text
from services.plans.command import PlansRefusedError, adopt, each, names_only, read_all, show, texts
from services.replay.api import Answer
from services.starter_city.roster import teams
from shared.auth import Role
from tests.contract.intake.conftest import Intake, safe_report
from tests.unit.plans.test_files import PLANS


class SystemOfTest:
    """The running system as `commonground plans` asks it: intake is real, teams answers with the starter city's providers."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def ask(self, service: str, method: str, path: str, *, json: Any = None) -> Answer:
        if service == "teams":
            return Answer(200, {"items": [{"id": team.provider.key, "name": team.provider.name} for team in teams()]})
        answer = await self.intake.request(method, path, Role.SUPERVISOR, json=json)
        return Answer(answer.status_code, answer.json())


async def test_files_are_checked_shown_applied_and_exported(intake: Intake) -> None:
    system: Any = SystemOfTest(intake)
    written = read_all([PLANS])
    assert [line async for line in each(system, written, names_only)] == []
    shown = [line async for line in each(system, written, show)]
    assert "  /review/relationships: [] -> ['landlord_tenant']" in shown
    done = [line async for line in each(system, written, adopt)]
    assert [line.split(" is in force")[0] for line in done] == [
        "boyle-heights: version 1", "venice: version 1", "watts: version 1"
    ]  # fmt: skip
    again = [line async for line in each(system, written, adopt)]
    assert all(line.endswith("says the same") for line in again)
    exported = await texts(system, ["watts"])
    assert read_plan_text(exported["watts"], "watts.yaml").approved_by == "Example council of Watts, 2026-11-15"
    assert set(await texts(system, [])) == {"boyle-heights", "venice", "watts"}
    call = await intake.report(safe_report(location={"neighborhood": "watts"}))  # open round the clock
    [row] = await intake.rows("SELECT facts FROM intake.wish")
    assert (call["status"], row.facts["preferred_providers"]) == ("queued", ["Cedar Street Peace Works"])
    assert any(note.startswith("Bring in Example clergy line") for note in row.facts["briefing"]["notes"])


async def test_what_is_in_force_already_is_told_before_the_plan_that_is_refused(intake: Intake) -> None:
    first, second, *_ = read_all([PLANS])

    async def adopt_the_first(system: Any, plan: Any) -> list[str]:
        if plan is second:
            raise PlansRefusedError("refused")
        return await adopt(system, plan)

    told: list[str] = []

    async def tell() -> None:
        async for line in each(SystemOfTest(intake), [first, second], adopt_the_first):  # type: ignore[arg-type]  # answers the same
            told.append(line)  # noqa: PERF401 - until it raises

    with pytest.raises(PlansRefusedError, match="refused"):
        await tell()
    assert told[0].startswith(f"{first.neighborhood}: version 1 is in force")


async def test_names_that_the_system_does_not_know_are_told_with_their_lines(intake: Intake) -> None:
    text = (
        "neighborhood: atlantis\napproved_by: C\nplan:\n  preferred_providers:\n    - Nobody\n"
        "  exclude:\n    reasons: [wepon]\n  catchment: [lemuria]\n"
    )
    with pytest.raises(PlansRefusedError) as refused:
        _ = [line async for line in each(SystemOfTest(intake), [read_plan_text(text, "a.yaml")], names_only)]  # type: ignore[arg-type]  # answers the same
    assert str(refused.value).splitlines() == [
        "a.yaml:1: /neighborhood: there is no such neighborhood here: atlantis",
        "a.yaml:8: /plan/catchment/0: there is no such neighborhood here: lemuria",
        "a.yaml:5: /plan/preferred_providers/0: there is no such provider here: Nobody",
        "a.yaml:7: /plan/exclude/reasons/0: there is no such rule here: wepon",
    ]
