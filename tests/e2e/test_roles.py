"""Who may do what: each role against each kind of endpoint, and nobody sees what belongs to another."""

from uuid import uuid4

import pytest

from shared.auth import Role
from tests.field.ground import Corner, Field
from tests.field.wire import Body

CAD, TEAM, REVIEWER = Role.CAD, Role.TEAM, Role.REVIEWER
SUPERVISOR, ADMIN, AUDITOR, SERVICE = Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR, Role.SERVICE
ANYBODY = frozenset(Role)

MAY: list[tuple[str, str, str, frozenset[Role]]] = [
    ("intake", "POST", "/v1/calls", frozenset({CAD})),
    ("intake", "GET", "/v1/calls/{call}", frozenset({CAD, REVIEWER, SUPERVISOR, AUDITOR})),
    ("intake", "GET", "/v1/calls", frozenset({CAD, REVIEWER, SUPERVISOR, AUDITOR})),
    ("intake", "GET", "/v1/changes", frozenset({CAD, SUPERVISOR, AUDITOR})),
    ("intake", "POST", "/v1/calls/{call}/updates", frozenset({CAD})),
    ("intake", "POST", "/v1/calls/{call}/cancel", frozenset({CAD})),
    ("intake", "POST", "/v1/calls/{call}/acknowledge", frozenset({CAD})),
    ("intake", "POST", "/v1/calls/{call}/review", frozenset({REVIEWER, SUPERVISOR})),
    ("intake", "GET", "/v1/calls/{call}/timeline", frozenset({SUPERVISOR, AUDITOR, CAD})),
    ("intake", "GET", "/v1/calls/{call}/decisions", frozenset({SUPERVISOR, AUDITOR})),
    ("intake", "POST", "/v1/triage", frozenset({CAD, SUPERVISOR})),
    ("intake", "GET", "/v1/protocol", ANYBODY),
    ("intake", "GET", "/v1/neighborhoods", ANYBODY),
    ("intake", "GET", "/v1/neighborhoods/{slug}/plan", ANYBODY),
    ("intake", "PUT", "/v1/neighborhoods/{slug}/plan", frozenset({SUPERVISOR})),
    ("intake", "POST", "/v1/neighborhoods/{slug}/plan-drafts", frozenset({SUPERVISOR})),
    ("intake", "GET", "/v1/neighborhoods/{slug}/plan-drafts", frozenset({SUPERVISOR, AUDITOR, REVIEWER, ADMIN})),
    ("intake", "GET", "/v1/neighborhoods/{slug}/outcomes", frozenset({SUPERVISOR, AUDITOR, REVIEWER, ADMIN})),
    ("intake", "PUT", "/v1/calls/{call}/progress", frozenset({SERVICE})),
    ("intake", "PUT", "/v1/notices/{new}", frozenset({SERVICE})),
    ("dispatch", "PUT", "/v1/incidents/{call}", frozenset({SERVICE})),
    ("dispatch", "PUT", "/v1/heartbeat", frozenset({SERVICE})),
    ("dispatch", "POST", "/v1/incidents/{call}/recall", frozenset({SUPERVISOR})),
    ("dispatch", "GET", "/v1/incidents", frozenset({SUPERVISOR, AUDITOR, SERVICE})),
    ("dispatch", "GET", "/v1/incidents/{call}", frozenset({SUPERVISOR, AUDITOR, SERVICE})),
    ("dispatch", "GET", "/v1/incidents/{call}/candidates", frozenset({SUPERVISOR})),
    ("dispatch", "POST", "/v1/incidents/{call}/assign", frozenset({SUPERVISOR})),
    ("dispatch", "GET", "/v1/teams/{team}/assignments", frozenset({TEAM, SUPERVISOR})),
    ("dispatch", "POST", "/v1/assignments/{assignment}/actions", frozenset({TEAM, SUPERVISOR})),
    ("dispatch", "POST", "/v1/teams/{team}/emergency", frozenset({TEAM, SUPERVISOR})),
    ("dispatch", "GET", "/v1/assignments/{assignment}", frozenset({TEAM, SUPERVISOR, AUDITOR})),
    ("teams", "POST", "/v1/providers", frozenset({ADMIN, SUPERVISOR})),
    ("teams", "GET", "/v1/providers", frozenset({ADMIN, SUPERVISOR, AUDITOR, SERVICE})),
    ("teams", "POST", "/v1/teams", frozenset({ADMIN, SUPERVISOR})),
    ("teams", "PUT", "/v1/teams/{team}/duty", frozenset({TEAM, SUPERVISOR})),
    ("teams", "POST", "/v1/teams/{team}/positions", frozenset({TEAM})),
    ("teams", "PUT", "/v1/teams/{team}/shifts", frozenset({SUPERVISOR})),
    ("teams", "GET", "/v1/teams/{team}/history", frozenset({SUPERVISOR, AUDITOR})),
    ("teams", "GET", "/v1/availability", frozenset({SERVICE, SUPERVISOR})),
    ("teams", "PUT", "/v1/holds/{new}", frozenset({SERVICE})),
    ("teams", "DELETE", "/v1/holds/{new}", frozenset({SERVICE})),
    ("teams", "GET", "/v1/holds", frozenset({SERVICE, SUPERVISOR})),
    ("intake", "GET", "/v1/alerts", frozenset({SUPERVISOR, AUDITOR})),
    ("dispatch", "GET", "/v1/alerts", frozenset({SUPERVISOR, AUDITOR})),
    ("teams", "GET", "/v1/alerts", frozenset({SUPERVISOR, AUDITOR})),
]
TOLERATED = {("/v1/alerts", ADMIN), ("/v1/providers", ADMIN)}
"""What the contract does not name and the kernel allows."""


@pytest.fixture(scope="module")
async def offer(field: Field) -> tuple[Corner, Body, Body]:
    """An open offer that nobody answers."""
    corner = await field.corner()
    call, item = await corner.offered()
    return corner, call, item


@pytest.mark.parametrize(("service", "method", "path", "allowed"), MAY, ids=[f"{m} {s}{p}" for s, m, p, _ in MAY])
async def test_a_role_may_do_what_the_contract_gives_it_and_nothing_else(
    field: Field, offer: tuple[Corner, Body, Body], service: str, method: str, path: str, allowed: frozenset[Role]
) -> None:
    corner, call, item = offer
    real = path.format(
        call=call["id"], slug=corner.place.slug, team=corner.tablet.team_id, assignment=item["id"], new=uuid4()
    )
    tokens = {role: field.tokens.role(role, "somebody") for role in Role if role not in {CAD, TEAM}}
    tokens |= {CAD: corner.cad.token, TEAM: corner.tablet.token}
    nobody = await field.wire.ask(service, method, real, token=None)
    assert nobody.status == 401, nobody
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert (await field.wire.ask(service, method, real, token="not.a.token")).status == 401
    for role, token in tokens.items():
        if (path, role) in TOLERATED:
            continue
        # a body that no endpoint accepts: whoever may come in is told so (422), the others never get that far
        body = {"?": 1} if method in {"POST", "PUT"} else None
        if method == "DELETE" and role in allowed:
            continue
        reply = await field.wire.ask(service, method, real, token=token, json=body)
        if role not in allowed:
            assert reply.status == 403, (role, reply)
        else:
            assert reply.status in {200, 201, 202, 404, 409, 422, 503}, (role, reply)


async def test_a_team_is_not_told_that_another_teams_work_exists(field: Field) -> None:
    corner = await field.corner(teams=1)
    other = await field.corner(teams=1)
    call, item = await corner.offered()
    stranger = other.tablet
    for service, method, path in (
        ("dispatch", "GET", f"/v1/teams/{corner.tablet.team_id}/assignments"),
        ("dispatch", "GET", f"/v1/assignments/{item['id']}"),
        ("dispatch", "POST", f"/v1/assignments/{item['id']}/actions"),
        ("dispatch", "POST", f"/v1/teams/{corner.tablet.team_id}/emergency"),
        ("teams", "GET", f"/v1/teams/{corner.tablet.team_id}"),
        ("teams", "GET", f"/v1/teams/{corner.tablet.team_id}/shifts"),
        ("teams", "PUT", f"/v1/teams/{corner.tablet.team_id}/duty"),
    ):
        body = (
            {"action": "accept"}
            if path.endswith("actions")
            else {}
            if path.endswith("emergency")
            else {"status": "available"}
        )
        reply = await field.wire.ask(
            service, method, path, token=stranger.token, json=body if method != "GET" else None
        )
        assert reply.status == 404, reply
    assert (await corner.tablet.shows(call))["status"] == "offered"


async def test_a_cad_is_not_told_that_another_cads_call_exists(field: Field) -> None:
    corner = await field.corner(teams=0)
    stranger = field.cad()
    call = await corner.report(cad_event_id="mine")
    for method, path in (
        ("GET", ""),
        ("GET", "/timeline"),
        ("POST", "/updates"),
        ("POST", "/cancel"),
        ("POST", "/acknowledge"),
    ):
        sent = {"json": {"reason": "x"} if path == "/cancel" else {}} if method == "POST" else {}
        reply = await stranger.ask(method, call, path, **sent)
        assert reply.status == 404, reply
    listed = (await field.wire.ask("intake", "GET", "/v1/calls", token=stranger.token)).items()
    assert call["id"] not in {entry["id"] for entry in listed}
    assert call["id"] not in str(await stranger.feed())
    in_anothers_name = await stranger.send(stranger.a_report(cad_system=corner.cad.cad_system))
    assert in_anothers_name.status == 403
    assert (await corner.cad.call(call))["status"] != "cancelled"


async def test_a_supervisor_of_one_provider_is_not_shown_another_providers_team(field: Field) -> None:
    from shared.auth import Caller, issue

    corner = await field.corner(teams=1)
    caller = Caller(Role.SUPERVISOR, "bound", provider_id=uuid4())
    token = issue(field.tokens.token_secret, caller)
    path = f"/v1/teams/{corner.tablet.team_id}"
    assert (await field.wire.ask("teams", "GET", path, token=token)).status == 404
    listed = (await field.wire.ask("teams", "GET", "/v1/teams", token=token)).items()
    assert corner.tablet.team_id not in {team["id"] for team in listed}
