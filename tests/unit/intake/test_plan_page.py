"""A plan's page: whole in both languages, with a map, nothing unescaped, and without what is not for everybody."""

import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from services.intake.api.plan_pages import language_of, wants_page
from services.intake.plan_model import PlanBody, read_body
from services.intake.plan_page import Page, plan_page
from services.intake.plan_page_words import NAMES, WORDS, Language
from services.plans.command import read_all
from services.starter_city.cells import feature_collection
from tests.unit.intake.evidence import PROTOCOL
from tests.unit.plans.test_files import PLANS

AREA = feature_collection()["features"][0]["geometry"]
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def shown(body: PlanBody, language: Language = "en", *, public: bool = False, version: int = 3, **more: Any) -> str:
    page = Page("Watts & Co", AREA, True, language, public, version, NOW, "The <b>Council</b>", NOW, False)
    from dataclasses import replace

    return plan_page(body, replace(page, **more))


def tree(text: str) -> ET.Element:
    """Return the page as XML; void elements are the only ones that HTML leaves open."""
    return ET.fromstring(re.sub(r"(<meta[^>]*)>", r"\1/>", text.removeprefix("<!DOCTYPE html>\n")))


def test_a_page_names_people_and_reasons_in_its_own_language() -> None:
    body = read_body(
        {"review": {"relationships": ["landlord_tenant", "bandmate"], "reasons": ["intox_calm", "animal_loose"]}}
    )
    english, spanish = shown(body), shown(body, "es")
    for word in ("landlord and tenant, bandmate", "drunk or high, but calm, animal loose"):
        assert word in english
    for word in ("casero e inquilino, bandmate", "ebriedad o drogas, en calma, animal loose"):
        assert word in spanish


def test_every_reason_of_the_protocol_has_a_name() -> None:
    assert {rule.reason for rule in PROTOCOL.rules.values() if rule.reason} <= NAMES.keys()


def test_every_word_is_there_in_both_languages() -> None:
    for key, (en, es) in {**WORDS, **NAMES}.items():
        assert en.strip(), key
        assert es.strip(), key
        assert set(re.findall(r"{\w+}", en)) == set(re.findall(r"{\w+}", es)), key


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_has_a_language_one_heading_a_map_and_tables_with_heads(language: Language) -> None:
    for plan in read_all([PLANS]):
        page = tree(shown(read_body(plan.body), language))
        assert page.get("lang") == language
        assert len(list(page.iter("h1"))) == 1
        svg = next(page.iter("svg"))
        assert svg.get("role") == "img"
        ids = {element.get("id") for element in page.iter()}
        assert set(str(svg.get("aria-labelledby")).split()) <= ids
        assert str(next(svg.iter("path")).get("d")).startswith("M")
        assert all(head.get("scope") in {"col", "row"} for head in page.iter("th"))
        assert not list(page.iter("script"))
        assert next(page.iter("a")).get("href") == "#plan"


def test_a_goal_is_told_as_people_say_it() -> None:
    goal = {"text": "g", "target": 0.05, "baseline": 0.08, "measure": "share_escalated", "review_by": "2027-01-01"}
    body = read_body({"goals": [goal, {**goal, "measure": "response_p50_min", "baseline": None, "target": 20}]})
    for language, words in (("en", ("8%", "5%", "20 minutes")), ("es", ("8 %", "5 %", "20 minutos"))):
        assert all(f"<td>{word}</td>" in shown(body, language) for word in words)  # type: ignore[arg-type]  # both are languages


def test_what_people_wrote_is_escaped() -> None:
    body = read_body({"notes": ["<script>alert(1)</script>"], "summary": "a < b & c"})
    text = shown(body)
    assert "<script" not in text
    assert "<b>" not in text
    assert "a &lt; b &amp; c" in text
    assert "Watts &amp; Co" in text


def test_without_a_token_contacts_notes_and_places_never_to_go_to_are_left_out() -> None:
    body = read_body({
        "notes": ["Gate code 4711."],
        "places": {"never": [{"name": "The yard", "address": "9 B St"}], "meet": [{"name": "Library"}]},
        "partners": [{"name": "Circle", "contact": "213-555-0101", "bring_in": "for elders"}],
        "referrals": [{"name": "211", "for": "housing", "contact": "dial 211"}],
    })  # fmt: skip
    private = ("Gate code", "The yard", "213-555-0101")
    assert all(word in shown(body) for word in private)
    public = shown(body, public=True)
    assert not any(word in public for word in private)
    assert all(word in public for word in ("Library", "Circle", "dial 211"))


def test_a_plan_of_nobody_and_one_not_reviewed_in_time_say_so() -> None:
    unwritten = shown(PlanBody(), version=0, approved_by=None, effective_from=None, published_at=None)
    assert "has not written a plan" in unwritten
    assert "24 hours" in unwritten
    overdue = shown(read_body({"review_by": "2026-01-01"}), overdue=True)
    assert "It stays in force" in overdue


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html;q=0", False),
        ("text/html;q=abc, ;;,", True),
    ],
)
def test_a_browser_gets_a_page_and_a_program_json(accept: str | None, page: bool) -> None:
    assert wants_page(accept) is page


def test_the_language_asked_for_comes_before_the_browsers() -> None:
    assert language_of("es", "en") == "es"
    assert language_of(None, "fr-FR, es-MX;q=0.9, en") == "es"
    assert language_of(None, "fr") == "en"
    assert language_of(None, None) == "en"
