"""A plan's goals beside what happened: who may see which numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.auth import Role
from tests.contract.intake.conftest import Intake, dangerous_report, safe_report
from tests.contract.intake.fakes import assigned, view

OUTCOMES = "/v1/neighborhoods/boyle-heights/outcomes"
GOAL = {"text": "Most calls get a team", "measure": "share_served", "target": 0.9, "review_by": "2027-01-01"}


async def test_an_auditor_sees_every_number_and_others_only_whole_months_without_small_ones(intake: Intake) -> None:
    body = {"plan": {"goals": [GOAL]}, "approved_by": "Council"}
    await intake.request("PUT", "/v1/neighborhoods/boyle-heights/plan", Role.SUPERVISOR, json=body)
    served = await intake.report(safe_report())
    for _ in range(2):
        await intake.report(safe_report())
    await intake.report(dangerous_report())
    arrived = datetime.fromisoformat(served["reported_at"]) + timedelta(minutes=12)
    event = {
        "seq": 1,
        "at": arrived,
        "actor": "team:x",
        "action": "arrive",
        "from": "en_route",
        "to": "on_scene",
        "reason": None,
    }
    await intake.progress(served["id"], view(2, "committed", assignment=assigned("on_scene"), events=[event]))
    await intake.progress(
        served["id"], view(3, "ended", act_in_s=None, outcome="calmed", assignment=assigned("cleared"))
    )
    today = datetime.now(UTC).date()
    days = f"?from={today - timedelta(days=2)}&to={today + timedelta(days=2)}"
    answer = await intake.get(OUTCOMES + days, Role.AUDITOR)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["calls"], found["verdicts"], found["kinds"]) == (
        4,
        {"safe": 3, "unsafe": 1},
        {"neighbor": 3, "not_said": 1},
    )
    assert (found["eligible"], found["served"], found["not_served_because"]) == (3, 1, {"under_way": 2})
    assert (found["response_p50_min"], found["outcomes"], found["suppressed"]) == (12.0, {"calmed": 1}, False)
    assert [(goal["measure"], goal["measured"]) for goal in found["goals"]] == [("share_served", 0.333)]

    refused = await intake.get(OUTCOMES + days, Role.SUPERVISOR)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "from")
    this_month = await intake.get(f"{OUTCOMES}?from={today.replace(day=1)}&to=2199-01-01", Role.SUPERVISOR)
    assert this_month.status_code == 422
    await intake.rows("UPDATE intake.call SET reported_at = reported_at - interval '40 days' RETURNING 1")
    hidden = (await intake.get(OUTCOMES, Role.SUPERVISOR)).json()
    assert (hidden["calls"], hidden["suppressed"], hidden["served"]) == (None, True, None)
    assert set(hidden["kinds"].values()) == {None}
    assert hidden["goals"][0]["measured"] is None
    assert (await intake.get(OUTCOMES, Role.CAD)).status_code == 403
    assert (await intake.get(f"{OUTCOMES}?from=1900-01-01", Role.AUDITOR)).status_code == 422
    assert (await intake.get("/v1/neighborhoods/atlantis/outcomes", Role.AUDITOR)).status_code == 404


@pytest.mark.parametrize("day", ["0001-01-01", "0001-03-31", "1999-12-31", "2200-01-02", "9999-12-31"])
@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SUPERVISOR])
async def test_a_period_that_ends_in_no_time_of_ours_is_refused(intake: Intake, day: str, role: Role) -> None:
    answer = await intake.get(f"{OUTCOMES}?to={day}", role)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "to")
