"""docs/monitoring.md: every kind of alert with what a person does, and every metric."""

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.documents.words import NoWordsError, table
from services.documents.words import page as whole_page
from services.migrate import ROOT
from services.servers import SERVICES
from shared.alerts import Severity

SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.LIFE: "a person may be in danger",
    Severity.CALL: "a call may be left with nobody",
    Severity.SERVICE: "the service works, but worse than it should",
}
DO: Final[Mapping[str, str]] = {
    "withdrawal_unconfirmed": "Phone the team and stop it; phone the call center. A crew may be going into a danger that we know of.",
    "stop_refused": "Phone the team and stop it: there is new doubt, and dispatch cannot be told. Then look why it refuses (its log).",
    "wish_refused": "Look at the call, and brief its team by phone: dispatch does not take what is new. Then look why (its log).",
    "return_not_acknowledged": "Phone the call center with the call's number: nobody there has said that they have it.",
    "notice_not_acknowledged": "Phone the call center and read the notice to it.",
    "update_refused": "Phone the call center and ask what it wanted to say: it may have been worse news.",
    "dispatch_silent": "Get dispatch back. Nobody is sent meanwhile, and calls that no team has accepted go back to the call center.",
    "dispatch_restored": "Phone every crew that was under way: dispatch may not know of its work (operations.md, restore).",
    "clock_stepped_back": "Mend the time of the database's machine. Deadlines were moved by as much; nothing else is needed.",
    "plan_review_due": "Ask the neighborhood to look at its plan again and adopt a new version. The old one stays in force meanwhile.",
    "team_emergency": "Phone the crew. The call center has been asked for help; see that it has read the notice.",
    "check_on_team": "Try to reach the crew by any means until it answers. The call center was asked to look.",
    "depart_late": "Ask the crew whether it is going. The work goes to another team if it does not leave.",
    "arrive_late": "Ask the crew where it is.",
    "check_in_missed": "Call the crew on scene.",
    "recall_unread": "Phone the crew: its work was called off, perhaps because of danger, and it has not read it.",
    "not_away": "Phone the crew: is it away?",
    "co_response_awaited": "Ask the call center for the police unit that was to be staged.",
    "review_awaited": "Find a reviewer, or review the call yourself: a crew is waiting at a distance.",
    "waiting_long": "Look at the candidates; assign a team by hand, or recall the call now rather than later.",
    "safety_link_down": 'Get intake, or the link to it, back. Tablets show "stop short, link lost" until it is heard again.',
    "hold_lost": "Look at what else the team has been given: it is out on a call and teams does not keep it for that.",
    "past_shift": "Ask the crew how long it will be, and its provider for relief.",
    "no_longer_fits": "Look whether the crew should go on: new facts ask for another kind of team or another language.",
    "tablet_silent": "Phone the crew: its tablet is off, lost or out of reach, and the team is offered no work until it is back.",
    "held_while_off_duty": "Phone the crew: the team has live work and says that it rests or has gone home.",
}
ABOUT: Final[Mapping[str, str]] = {
    "withdrawal_unconfirmed": "call",
    "stop_refused": "call",
    "wish_refused": "call",
    "return_not_acknowledged": "call",
    "notice_not_acknowledged": "call",
    "update_refused": "call",
    "dispatch_silent": "`dispatch`",
    "dispatch_restored": "`dispatch`",
    "clock_stepped_back": "the service",
    "plan_review_due": "neighborhood",
    "team_emergency": "team",
    "check_on_team": "assignment",
    "depart_late": "assignment",
    "arrive_late": "assignment",
    "check_in_missed": "assignment",
    "recall_unread": "assignment",
    "not_away": "assignment",
    "co_response_awaited": "assignment",
    "review_awaited": "assignment",
    "waiting_long": "call",
    "safety_link_down": "jurisdiction",
    "hold_lost": "assignment",
    "past_shift": "assignment",
    "no_longer_fits": "assignment",
    "tablet_silent": "team",
    "held_while_off_duty": "team",
}
"""What each kind's `subject` is."""
_WHOM_TO_PHONE: Final = (
    "**Whom to phone.** `subject` is an id of what the table names. A call: `GET /v1/calls/{id}` on intake has the "
    "CAD's number (`cad_system`, `cad_event_id`) and the team (`assignment.team_id`). An assignment: `GET "
    "/v1/assignments/{id}` on dispatch has its `team_id` and its `incident_id`, which is the call's id on intake. "
    "A team: `GET /v1/teams/{id}` on teams has the crew's `contact`."
)
_EMERGENCY: Final = (
    "**An emergency is told by two services**, and each alert is acknowledged where it is. Dispatch raises "
    "`team_emergency`: the team is offered nothing until somebody acknowledges it there, and it ends half an hour "
    "after that; a press after the acknowledgement is a new one. If the team has work, the call center has a "
    "notice on the call, and intake raises `notice_not_acknowledged` if nobody there has read it in time; that "
    "ends when the CAD acknowledges the notice. If it has none, intake raises a `team_emergency` of its own, about "
    "the notice in `GET /v1/changes`, which names the team. Nothing closes that one, nor a `clock_stepped_back`: "
    "they stay in the list, acknowledged."
)


class Metric(NamedTuple):
    """A metric as its code declares it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    says: str
    where: str


def modules(folder: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield every module below a folder with its name."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield _name(path), ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def alerts(service: str) -> dict[str, Severity]:
    """Return the kinds of alert that a service's code raises, with how bad each is."""
    found: dict[str, Severity] = {}
    for name, tree in modules(f"services/{service}"):
        for node in ast.walk(tree):
            first_two: tuple[ast.expr, ast.expr] | None = None
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Alarm":
                first_two = (node.args[0], node.args[2])
            elif isinstance(node, ast.Tuple) and len(node.elts) == 4:
                first_two = (node.elts[0], node.elts[1])
            if first_two is not None and ast.unparse(first_two[1]).startswith("Severity."):
                kind = _text(first_two[0], name)
                if kind is not None:
                    found[kind] = Severity[ast.unparse(first_two[1]).split(".")[1]]
    return found


def _text(node: ast.expr, module: str) -> str | None:
    value: Any = node.value if isinstance(node, ast.Constant) else None
    if isinstance(node, ast.Name):
        value = vars(import_module(module)).get(node.id)
    return value if isinstance(value, str) else None


def metrics() -> list[Metric]:
    """Return every metric that the kernel and the services declare."""
    found = []
    for folder in ("shared", *(f"services/{service}" for service in SERVICES)):
        for _, tree in modules(folder):
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                    "Counter",
                    "Histogram",
                    "Gauge",
                    "Summary",
                }:
                    texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
                    if len(texts) == 2:
                        labels = ast.literal_eval(node.args[2]) if len(node.args) > 2 else ()
                        where = "each" if folder == "shared" else folder.removeprefix("services/")
                        kind = ast.unparse(node.func).lower()
                        found.append(Metric(str(texts[0]), kind, tuple(labels), str(texts[1]), where))
    return found


def page() -> str:
    """Return the page. Raises NoWordsError for an alert that nobody is told how to meet, or whom it is about."""
    rows = []
    for service in SERVICES:
        for kind, severity in sorted(alerts(service).items(), key=lambda alert: (alert[1], alert[0])):
            if kind not in DO or kind not in ABOUT:
                raise NoWordsError(
                    f"services/documents/monitoring.py does not say what {kind} of {service} is about and asks for"
                )
            rows.append((f"`{kind}`", service, f"{int(severity)}", ABOUT[kind], DO[kind]))
    measured = [
        (
            f"`{metric.name}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels) or "none",
            metric.where,
            metric.says,
        )
        for metric in metrics()
    ]
    graded = "; ".join(f"**{int(severity)}**, {said}" for severity, said in SEVERITIES.items())
    return whole_page(
        "Alerts and metrics",
        "what the code raises and counts",
        "## Alerts",
        f"`GET /v1/alerts` of each service, worst first: {graded}. Most close by themselves when their cause is over;"
        " `POST /v1/alerts/{id}/acknowledge` says who has seen it.",
        table(("kind", "service", "severity", "`subject`", "what a person does"), rows),
        _WHOM_TO_PHONE,
        _EMERGENCY,
        "## Metrics",
        "`GET /metrics` of each process, beside those of Python and of the process itself.",
        table(("metric", "type", "labels", "service", "counts"), measured),
    )
