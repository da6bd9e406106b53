"""The documents say what the code does: generated pages are fresh, links lead somewhere, names exist, shell blocks are shell."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.dispatch.domain import assignment, deadlines, guards
from services.documents import monitoring, pages, problems, rules, settings, states
from services.intake.domain import call
from services.migrate import ROOT
from services.servers import SERVICES
from services.teams.domain import duty

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"\b(?:COMMONGROUND|INTAKE|DISPATCH|TEAMS)_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
ARROW = re.compile(r"^\s+(\S+) --> (\S+?)(?:: (.+))?$", re.MULTILINE)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMED_TEST = re.compile(r"`(?:([\w/]+\.py))?::([\w:]+)`")
NAMED_SOURCE = re.compile(r"`([\w/]+\.py)`")


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in LINK.findall(prose(page)):
            if not target.startswith(("http://", "https://", "mailto:")):
                yield page, target


def test_every_promise_names_code_and_tests_that_exist() -> None:
    page = (ROOT / "docs/promises.md").read_text()
    file = ""
    for named, test in NAMED_TEST.findall(page):
        file = named or file
        source = ROOT / "tests" / file
        assert source.exists(), file
        for name in test.split("::"):
            assert re.search(rf"(?:def|class) {name}\b", source.read_text()), f"{file}::{test}"
    sources = {
        str(path.relative_to(ROOT))
        for top in ("services", "shared", "migrations", "tests")
        for path in (ROOT / top).rglob("*.py")
    }
    for name in NAMED_SOURCE.findall(page):
        assert any(source == name or source.endswith(f"/{name}") for source in sources), name


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text() == pages.PAGES[name](), (
        "run `python -m services.documents` and commit what it writes"
    )


def test_the_openapi_files_are_what_the_services_serve() -> None:
    assert pages.stale() == []


@pytest.mark.parametrize(("page", "target"), [pytest.param(p, t, id=f"{p.name}:{t}") for p, t in links()])
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    file, _, anchor = target.partition("#")
    path = (page.parent / file).resolve() if file else page
    assert path.exists()
    if anchor:
        assert anchor in anchors(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_trace_of_the_machine_it_was_written_on(page: Path) -> None:
    assert not re.search(r"/(?:root|work|home/\w+|tmp/\w)", page.read_text())


def blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, (language, block) in enumerate(FENCE.findall(page.read_text())):
            if language in {"sh", "bash"}:
                yield f"{page.name}:{number}", block


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in blocks()])
def test_a_shell_block_is_shell(block: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def settings_names() -> set[str]:
    return {name for service in SERVICES for name, _, _ in settings.variables(service)}


def launcher_names() -> set[str]:
    """What the launcher and the command line read, by the texts of the code and the file that shows them."""
    sources = [
        *(ROOT / "services").glob("*.py"),
        *(ROOT / "services" / "embedded_postgres").glob("*.py"),
        ROOT / ".env.example",
    ]
    found = {name for path in sources for name in VARIABLE.findall(path.read_text())}
    made = {
        f"{service.upper()}_{what}" for service in SERVICES for what in ("DATABASE_URL", "DATABASE_PASSWORD", "PORT")
    }
    return found | made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_a_page_names_exists(page: Path) -> None:
    assert set(VARIABLE.findall(page.read_text())) - settings_names() - launcher_names() == set()


def test_every_variable_of_the_launcher_is_explained() -> None:
    read = set()
    for path in [*(ROOT / "services").glob("*.py"), *(ROOT / "services" / "embedded_postgres").glob("*.py")]:
        read |= {name for name in VARIABLE.findall(path.read_text()) if name.startswith("COMMONGROUND_")}
    assert read - set(VARIABLE.findall((ROOT / "docs" / "operations.md").read_text())) == set()


def test_every_metric_and_alert_that_a_page_names_exists() -> None:
    known = {metric.name for metric in monitoring.metrics()}
    for page in PAGES:
        assert (
            set(re.findall(r"\b(?:commonground|intake|dispatch|teams)_\w+_(?:total|seconds)\b", page.read_text()))
            <= known
        )


def test_no_words_are_left_for_what_is_gone() -> None:
    raised = {kind for service in SERVICES for kind in monitoring.alerts(service)}
    assert raised == monitoring.DO.keys() == monitoring.ABOUT.keys()
    assert problems.kinds().keys() == problems.WORDS.keys()
    fields = {name for service in SERVICES for name in settings.settings_of(service).model_fields}
    assert settings.WORDS.keys() <= fields


def arrows(diagram: str) -> dict[tuple[str, str], set[str]]:
    return {(before, after): set((by or "").split(", ")) for before, after, by in ARROW.findall(diagram)}


def test_the_diagram_of_an_assignment_has_every_move_and_no_other() -> None:
    drawn = arrows(states.diagram(states.assignment_edges()))
    wanted = {(before.value, after.value): set[str]() for before, _, after in assignment.edges()}
    for before, action, after in assignment.edges():
        wanted[before.value, after.value].add(action.value)
    assert drawn == wanted


def test_the_table_of_a_call_has_every_move_and_no_other() -> None:
    text = (ROOT / "docs" / "states.md").read_text().split("## Call")[1].split("## Incident")[0]
    grid = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    start = next(n for n, row in enumerate(grid) if len(row) == len(call.CallStatus))  # the head's first cell is empty
    columns = [cell.strip("` ") for cell in grid[start]]
    for row in grid[start + 2 : start + 2 + len(call.TRANSITIONS)]:
        before = None if "new" in row[0] else call.CallStatus(row[0].strip("` "))
        for after, cell in zip(columns, row[1:], strict=True):
            legal = {source.value for source in call.Source if call.is_legal(before, call.CallStatus(after), source)}
            shown = set() if cell == "·" else set(cell.split(", "))
            assert before == after or shown == legal


def test_the_diagram_of_duty_has_every_change() -> None:
    drawn = {(edge.before, edge.after) for edge in states.duty_edges()}
    assert drawn == {(b.value, a.value) for b in duty.DutyStatus for a in duty.CHANGES[b] if a is not b}


def test_a_released_hold_is_shown_as_gone_for_good() -> None:
    answers = states.hold_answers()
    assert "409" in answers["released", "hold"]
    assert "409" in answers["held", "hold another team"]
    assert answers["held", "hold"] == "stays `held`"


def test_every_guard_is_shown_before_the_actions_that_need_it() -> None:
    text = (ROOT / "docs" / "rules.md").read_text()
    for guard in guards.Guard:
        (row,) = re.findall(rf"^\| {guard.value} \|.*$", text, re.MULTILINE)
        shown = set(re.findall(r"`(\w+)`", row.split("|")[3]))
        assert shown == {action.value for action, needs in guards.NEEDS.items() if guard in needs}


TRIP = deadlines.Trip(scheduled=False, drive=timedelta(0), assign_by=None)
FREE = guards.Wish("civilian", may_offer=True, may_depart=True, verdict="safe")
STAGED = guards.Wish("civilian", may_offer=True, may_depart=False, verdict="safe", reason="police_staged")
REVIEW = guards.Wish("civilian", may_offer=False, may_depart=False, verdict="review", reason="review")
WATCHED = {
    deadlines.Watch.HOLD: (assignment.Status.HOLDING, FREE, TRIP),
    deadlines.Watch.RESPOND: (assignment.Status.OFFERED, FREE, TRIP),
    deadlines.Watch.DEPART: (assignment.Status.ACCEPTED, FREE, TRIP),
    deadlines.Watch.STAGED: (assignment.Status.ACCEPTED, STAGED, TRIP),
    deadlines.Watch.REVIEW: (assignment.Status.EN_ROUTE, REVIEW, TRIP),
    deadlines.Watch.ARRIVE: (assignment.Status.EN_ROUTE, FREE, TRIP),
    deadlines.Watch.CHECK_IN: (assignment.Status.ON_SCENE, FREE, TRIP),
    deadlines.Watch.READ: (assignment.Status.WITHDRAWING, FREE, TRIP),
    deadlines.Watch.AWAY: (assignment.Status.WITHDRAWING, FREE, TRIP._replace(recall_read=True)),
}


@pytest.mark.parametrize("watch", WATCHED)
def test_the_page_of_rules_tells_each_deadline_as_it_is_counted(watch: deadlines.Watch) -> None:
    durations = deadlines.Durations()
    status, wish, trip = WATCHED[watch]
    begun = deadlines.first(status, wish, trip, NOW, durations)
    assert begun is not None
    assert begun.watch is watch
    waits = [begun.act_by - NOW]
    if len(deadlines.STAGES[watch]) > 1:
        waits.append(deadlines.after(watch, 0, NOW, durations).act_by - NOW)
    text = (ROOT / "docs" / "rules.md").read_text().splitlines()
    at = next(n for n, line in enumerate(text) if f"`{watch}`:" in line)
    for line, wait, act in zip(text[at:], waits, deadlines.STAGES[watch], strict=False):
        assert rules.in_words(wait) in line.split("|")[3]
        assert f"`{act}`" in line.split("|")[4]
