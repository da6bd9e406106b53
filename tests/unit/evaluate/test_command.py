"""`commonground evaluate` on files of our own words: what it prints and writes, and how it ends."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli import main
from tests.unit.intake.evidence import ALL_DENIED, PROTOCOL, QUARREL
from tests.unit.intake.test_triage_protocol import minimal

CIVIL = {"safe_for_civilian": True, "disposition": "CIVILIAN", "discipline": "mediator", "reasons": ["verbal_only"]}
ARMED = {"safe_for_civilian": False, "disposition": "POLICE", "discipline": None, "reasons": ["weapon"]}
KNIFE = "Neighbors arguing about parking, <b>he has a knife</b>."


def case(name: str, narrative: str, expected: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "language": "en", "call_type_code": "415N", "narrative": narrative, "answers": dict(ALL_DENIED),
        "expected": expected, "note": "easy: x", **more,
    }  # fmt: skip


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "ours.jsonl"
    every = [
        case("calm", QUARREL, CIVIL),
        case("armed", KNIFE, ARMED),
        case("timid", KNIFE, CIVIL),
        case("unasked", QUARREL, None, answers={}),
        case("unclear", QUARREL, ARMED, ambiguous=True),
    ]
    path.write_text("\n".join(map(json.dumps, every)), encoding="utf-8")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["commonground", "evaluate", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "160")
    return main()


def test_it_prints_figures_and_every_disagreement(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cases: Path
) -> None:
    assert run(monkeypatch, cases, "--answer-all-no") == 0
    said = capsys.readouterr().out
    assert "0 of 1 = 0.0% (at most 95.00%)" in said
    assert "timid  over-caution: expected safe, decided unsafe (police)" in said
    assert "Ambiguous, in no rate: unclear safe" in said
    assert "Would become safe if all four were answered no: 1" in said
    assert "unasked  would be safe" in said
    assert "if the call center waits for our answer" in said


def test_a_false_safe_ends_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "ours.jsonl"
    path.write_text(json.dumps(case("missed", QUARREL, ARMED)), encoding="utf-8")
    assert run(monkeypatch, path, "--brief") == 1
    path.write_text(json.dumps(case("missed", QUARREL, {"safe_for_civilian": "review"})), encoding="utf-8")
    assert run(monkeypatch, path, "--brief") == 1


def test_what_cannot_be_read_ends_with_2_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, cases: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n", encoding="utf-8")
    protocol = tmp_path / "city.yaml"
    protocol.write_text(yaml.safe_dump(minimal() | {"approved_by": ""}, sort_keys=False), encoding="utf-8")
    for arguments, says in (
        ((bad,), "bad.jsonl, line 1: narrative is missing"),
        ((cases, "--protocol", protocol), "city.yaml, line 3: approved_by"),
        ((cases, "--protocol", "of-tomorrow"), "of-tomorrow is neither a file nor one of"),
        ((), "name a case file"),
    ):
        assert run(monkeypatch, *arguments) == 2
        assert says in " ".join(capsys.readouterr().err.split())


def test_two_versions_are_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, cases: Path
) -> None:
    strict = tmp_path / "strict.yaml"
    strict.write_text(yaml.safe_dump(minimal() | {"version": "strict"}, sort_keys=False), encoding="utf-8")
    assert run(monkeypatch, cases, "-p", PROTOCOL.version, "-p", strict, "--json", tmp_path / "r.json") == 0
    assert f"Decided otherwise than by {PROTOCOL.version}" in capsys.readouterr().out
    [found] = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["sets"]
    assert [version["version"] for version in found["versions"]] == [PROTOCOL.version, "strict"]
    assert {"calm"} <= {item["id"] for item in found["differences"]}
    assert not any(item["safer"] for item in found["differences"] if item["id"] == "calm")


class _Page(HTMLParser):
    """Collects what a page would load, and checks that its tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "rect", "line", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"rect", "line"}:
            while self.open and (closed := self.open.pop()) != tag:
                assert closed in {"tr", "td", "th"}, (closed, tag)


def test_the_files_hold_what_was_printed_and_load_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cases: Path
) -> None:
    files = {name: tmp_path / f"r.{name}" for name in ("json", "html", "md")}
    arguments = (
        "--json",
        files["json"],
        "--html",
        files["html"],
        "--report",
        files["md"],
        "--brief",
        "--answer-all-no",
    )
    assert run(monkeypatch, cases, *arguments) == 0
    html = files["html"].read_text(encoding="utf-8")
    page = _Page()
    page.feed(html)
    assert (page.loads, "script" in page.tags, "svg" in page.tags, page.open) == ([], False, True, [])
    assert "://" not in html
    assert "&lt;b&gt;" in html
    assert re.search(r'<mark class="unsafe">[^<]*knife', html)
    data = json.loads(files["json"].read_text(encoding="utf-8"))
    [column] = data["sets"][0]["versions"]
    assert (column["version"], column["measures"]["capture"]["count"]) == (PROTOCOL.version, 1)
    assert [item["id"] for item in column["would_be_safe_if_all_four_were_denied"]] == ["unasked"]
    text = files["md"].read_text(encoding="utf-8")
    assert column["digest"] in text
    assert column["decisions_digest"] in text
    assert "knife" not in text
    assert "parking" not in text
    assert str(tmp_path) not in text
