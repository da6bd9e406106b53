"""docs/states.md: one diagram and one table for each state machine, from its transition table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, NamedTuple
from uuid import UUID

from services.dispatch.domain import assignment, incident
from services.documents.words import comments, sentence, table
from services.documents.words import page as whole_page
from services.intake.domain import call
from services.teams.domain import duty, holds
from shared.errors import Refusal

NEW: Final = "[*]"
"""How a diagram writes the beginning and the end."""


class Edge(NamedTuple):
    """One way from a status to another (which may be the same), and what takes it."""

    before: str
    by: str
    after: str


def page() -> str:
    """Return the page."""
    return whole_page(
        "States",
        "`services/*/domain`",
        INTRODUCTION,
        *_call(),
        *_incident(),
        *_assignment(),
        *_hold(),
        *_duty(),
    )


INTRODUCTION: Final = """
Five small machines, each in a file of its own that can be read in a minute. A move that is not here is refused with 409 and changes
nothing. Every move is one UPDATE that names the status (and the version) that it starts from, so of two that race one finds
nothing to change.

| machine | service | file |
|---|---|---|
| [call](#call) | intake | `services/intake/domain/call.py` |
| [incident](#incident) | dispatch | `services/dispatch/domain/incident.py` |
| [assignment](#assignment) | dispatch | `services/dispatch/domain/assignment.py` |
| [hold](#hold) | teams | `services/teams/domain/holds.py` |
| [duty](#duty-of-a-team) | teams | `services/teams/domain/duty.py` |
"""


def diagram(edges: Iterable[Edge]) -> str:
    """Return a mermaid diagram in which the edges between the same two statuses are one arrow."""
    merged: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in edges:
        if edge.by not in merged[edge.before, edge.after]:
            merged[edge.before, edge.after].append(edge.by)
    arrows = [
        f"    {before} --> {after}" + (f": {', '.join(by)}" if any(by) else "")
        for (before, after), by in merged.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


def moves(edges: Iterable[Edge], what: str) -> str:
    """Return the edges as a table."""
    rows = [("*(new)*" if e.before == NEW else f"`{e.before}`", e.by, f"`{e.after}`") for e in edges if e.after != NEW]
    return table(("from", what, "to"), rows)


def statuses(words: Mapping[str, str], ends: Sequence[str] = ()) -> str:
    """Return what each status means; the last ones are marked."""
    rows = [(f"`{value}`" + (" (final)" if value in ends else ""), sentence(said)) for value, said in words.items()]
    return table(("status", "meaning"), rows)


def _ends(final: Iterable[str]) -> list[Edge]:
    return [Edge(status, "", NEW) for status in final]


def _in_order(kind: Iterable[str], chosen: Iterable[str]) -> list[str]:
    wanted = set(chosen)
    return [str(value) for value in kind if value in wanted]


def call_edges() -> list[Edge]:
    """Return every move of a call with who makes it."""
    return [
        Edge(NEW if before is None else before.value, ", ".join(_in_order(call.Source, sources)), after.value)
        for before, row in call.TRANSITIONS.items()
        for after, sources in row.items()
        if before != after
    ]


def call_diagram() -> str:
    """Return the diagram of a call: neighbors among the live statuses, and what the live ones have in common as one arrow."""
    live, final = _in_order(call.CallStatus, call.LIVE), _in_order(call.CallStatus, call.FINAL)
    ways = {(edge.before, edge.after) for edge in call_edges()}
    inside = [
        f"        {a} --> {b}"
        for one, other in pairwise(live)
        for a, b in ((one, other), (other, one))
        if (a, b) in ways
    ]
    first = [f"        [*] --> {status}" for status in live if (NEW, status) in ways]
    into = ["    [*] --> live", *(f"    [*] --> {end}" for end in final if (NEW, end) in ways)]
    out = []
    for end in final:
        unable = [status for status in live if (status, end) not in ways]
        out.append(f"    live --> {end}" + (f": not from {', '.join(unable)}" if unable else ""))
    ends = [f"    {end} --> [*]" for end in final]
    lines = ["```mermaid", "stateDiagram-v2", *into, "    state live {", *first, *inside, "    }", *out, *ends, "```"]
    return "\n".join(lines)


def _call() -> list[str]:
    words = comments(
        call.CallStatus, {"en_route": "the crew reports that it has left", "on_scene": "the crew is with the people"}
    )
    by = {(edge.before, edge.after): edge.by for edge in call_edges()}
    after_all = list(call.CallStatus)
    rows = [
        ["*(new)*" if before is None else f"`{before}`"]
        + [by.get((NEW if before is None else before.value, after.value), "·") for after in after_all]
        for before in call.TRANSITIONS
    ]
    return [
        "## Call",
        (
            "What the CAD sees. A status that stays is always legal. The picture shows neighbors only: dispatch's reports may skip"
            " steps that intake never heard of, in both directions (a crew that does not leave loses the work, and another crew may"
            " already be asked)."
        ),
        call_diagram(),
        statuses(words, _in_order(call.CallStatus, call.FINAL)),
        "Who may move a call from the status on the left to the one above:",
        table(("", *(f"`{after}`" for after in after_all)), rows),
        table(("who", "meaning"), [(source, sentence(said)) for source, said in comments(call.Source).items()]),
    ]


def _incident() -> list[str]:
    edges = [Edge(before.value, action.value, after.value) for (before, action), after in incident.TRANSITIONS.items()]
    actions = comments(incident.Action)
    return [
        "## Incident",
        (
            "The same matter as dispatch sees it, by the same id. Intake's first wish makes it; an incident that has ended stays so"
            " whatever comes later."
        ),
        diagram([Edge(NEW, "first wish", incident.Status.WAITING.value), *edges, *_ends(incident.TERMINAL)]),
        statuses(comments(incident.Status), list(incident.TERMINAL)),
        table(("action", "meaning"), [(f"`{action}`", sentence(said)) for action, said in actions.items()]),
        moves(edges, "by"),
    ]


def assignment_edges() -> list[Edge]:
    """Return every move of an assignment, the ways out of `withdrawing` included."""
    return [Edge(before.value, action.value, after.value) for before, action, after in assignment.edges()]


def _assignment() -> list[str]:
    edges = assignment_edges()
    crew = [(f"`{status}`", ", ".join(f"`{a}`" for a in assignment.legal_actions(status)) or "nothing")
            for status in assignment.Status if status not in assignment.TERMINAL]  # fmt: skip
    marks = ", ".join(f"`{action}` while `{status}`" for status, action in sorted(assignment.MARKS))
    ways_out = ", ".join(f"after `{action}` it is `{end}`" for action, end in assignment.ENDS_AS.items())
    terminal = _in_order(assignment.Status, assignment.TERMINAL)
    return [
        "## Assignment",
        (
            "One team, one incident. An assignment never visits a status twice. Work that is taken from a crew that has accepted ends"
            f" through `withdrawing`; what the assignment becomes when that crew clears depends on why it was called off: {ways_out}."
        ),
        diagram([Edge(NEW, "", assignment.Status.HOLDING.value), *edges, *_ends(terminal)]),
        statuses(comments(assignment.Status), terminal),
        moves(edges, "by"),
        f"Recorded without a move: {marks}.",
        "What the crew may send, guards apart ([rules](rules.md) has the guards):",
        table(("status", "actions"), crew),
    ]


_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_IDS: Final = tuple(UUID(int=n) for n in range(1, 5))


def hold_answers() -> dict[tuple[str, str], str]:
    """Return what a hold in each state answers to each request, asked of the rule itself."""
    assignment_id, team, incident_id, other = _IDS
    states: dict[str, holds.HoldState | None] = {
        "unknown": None,
        "held": holds.HoldState(assignment_id, team, incident_id, _AT, None),
        "released": holds.HoldState(assignment_id, team, incident_id, _AT, _AT),
    }
    answers: dict[tuple[str, str], str] = {}
    for name, state in states.items():
        for asked, asked_team in (("hold", team), ("hold another team", other)):
            try:
                stands = holds.settled(state, team_id=asked_team, incident_id=incident_id)
                answers[name, asked] = "stays `held`" if stands else "`held`, if the team is free"
            except Refusal as refusal:
                answers[name, asked] = f"409, {refusal.title[:1].lower()}{refusal.title[1:]}"
        answers[name, "release"] = "`released`"
    return answers


def _hold() -> list[str]:
    answers = hold_answers()
    asked = ("hold", "hold another team", "release")
    rows = [
        [f"`{state}`", *(answers[state, request] for request in asked)] for state in ("unknown", "held", "released")
    ]
    edges = (Edge(NEW, "hold", "held"), Edge("held", "hold again", "held"), Edge("held", "release", "released"),
             Edge(NEW, "release in advance", "released"), Edge("released", "", NEW))  # fmt: skip
    return [
        "## Hold",
        (
            "Kept under the assignment's id. A released id, also one released before it was ever held, can never be held again, so a late"
            " request to hold cannot take a team for work that is over."
        ),
        diagram(edges),
        table(("the id is", *asked), rows),
    ]


def duty_edges() -> list[Edge]:
    """Return every change of duty to another status."""
    return [
        Edge(before.value, "held: refused" if after in duty.REFUSED_WHILE_HELD else "", after.value)
        for before in duty.DutyStatus
        for after in duty.DutyStatus
        if after in duty.CHANGES[before] and after != before
    ]


def _duty() -> list[str]:
    edges = duty_edges()
    by_itself = [(f"`{before}`", f"`{after}`") for before, after in duty.AFTER_UNTIL.items()]
    rows = [
        (f"`{before}`", ", ".join(f"`{after}`" for after in _in_order(duty.DutyStatus, after_all)))
        for before, after_all in duty.CHANGES.items()
    ]
    refused = " and ".join(f"`{status}`" for status in _in_order(duty.DutyStatus, duty.REFUSED_WHILE_HELD))
    return [
        "## Duty of a team",
        (
            "What the crew says about itself. The same status again changes crew, reason or time. A team that is held cannot go to"
            f" {refused} (409): it declines or clears first. A new team is `off_duty`."
        ),
        diagram([Edge(NEW, "", duty.DutyStatus.OFF_DUTY.value), *(Edge(e.before, "", e.after) for e in edges)]),
        statuses(comments(duty.DutyStatus)),
        table(("from", "may become"), rows),
        "With an `until`, a status ends by itself at that time (a held team stays `available` until its hold is released):",
        table(("status with `until`", "becomes"), by_itself),
    ]
