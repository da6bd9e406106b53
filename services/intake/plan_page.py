"""A plan as a page that people read and print: plain HTML without scripts, in English or Spanish, with a map of its own boundary.

Without a token it shows what is public. Notes for crews, places never to send a team to and contacts are for holders of a token.
Everything that somebody wrote goes through ElementTree, which escapes it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from xml.etree import ElementTree as ET

from services.intake.domain.geography import M_PER_DEG
from services.intake.domain.plan import DAYS
from services.intake.plan_model import Conditions, Goal, Hours, PlanBody, plan_of, told
from services.intake.plan_page_words import WORDS, Language, named, say

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_WIDTH: Final = 420.0
_STYLE: Final = """
body{font:1rem/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:46rem;margin:0 auto;padding:1rem}
h1{font-size:1.8rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.25rem;margin:1.6rem 0 .4rem;border-bottom:2px solid #1d4e5f}
a{color:#0b4f79}a:focus{outline:3px solid #b45309;outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
table{border-collapse:collapse;width:100%;margin:.4rem 0}th,td{border:1px solid #6b7280;padding:.35rem .5rem;text-align:left;vertical-align:top}
th{background:#e8eef1}caption{text-align:left;font-weight:600;padding:.2rem 0}
.note{border-left:.4rem solid #b45309;padding:.3rem .8rem;background:#fdf6ec}.lead{font-size:1.15rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{font-weight:600}dd{margin:0}
figure{margin:1rem 0}svg{max-width:100%;height:auto;max-height:22rem;border:1px solid #6b7280;background:#f7fafb}
@media(max-width:30rem){dl{grid-template-columns:1fr}table{font-size:.9rem}}
@media print{body{max-width:none;padding:0;font-size:10.5pt}.skip,nav{display:none}section{break-inside:avoid}a{color:inherit}}
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows besides the plan itself."""

    name: str
    geometry: Mapping[str, Any]
    approximate: bool
    language: Language
    public: bool
    """Without notes for crews, places never to send a team to, and contacts."""
    version: int
    effective_from: datetime | None
    approved_by: str | None
    published_at: datetime | None
    overdue: bool


def plan_page(body: PlanBody, page: Page) -> str:
    """Return the page as text."""
    lang = page.language
    html = ET.Element("html", lang=lang)
    head = _add(html, "head")
    _add(head, "meta", charset="utf-8")
    _add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", f"{page.name}: {say('title', lang)}")
    _add(head, "style", _STYLE)
    whole = _add(html, "body")
    _add(whole, "a", say("skip", lang), href="#plan", **{"class": "skip"})
    nav = _add(whole, "nav", **{"aria-label": "Language / Idioma"})
    other = "en" if lang == "es" else "es"
    _add(nav, "a", say("other", lang), href=f"?lang={other}", lang=other, hreflang=other)
    main = _add(whole, "main", id="plan")
    _add(main, "h1", f"{page.name}: {say('title', lang)}")
    _heading(main, body, page)
    _map(main, page)
    for section in _sections(body, page):
        main.append(section)
    return "<!DOCTYPE html>\n" + ET.tostring(html, encoding="unicode", method="html")


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _heading(main: ET.Element, body: PlanBody, page: Page) -> None:
    lang = page.language
    if page.version == 0:
        _add(main, "p", say("unwritten", lang), **{"class": "lead"})
    if body.summary is not None:
        _add(main, "p", told(body.summary, lang), **{"class": "lead"})
    if page.overdue and body.review_by is not None:
        _add(main, "p", say("overdue", lang, date=body.review_by), role="note", **{"class": "note"})
    _add(main, "p", say("stricter", lang))
    facts = (
        ("version", str(page.version) if page.version else None),
        ("effective", _day(page.effective_from)),
        ("approved", page.approved_by),
        ("published", _day(page.published_at)),
        ("authors", ", ".join(body.authors) or None),
        ("review_by", _day(body.review_by)),
    )
    if any(value for _, value in facts):
        _pairs(main, [(say(key, lang), value) for key, value in facts if value])


def _day(value: datetime | date | None) -> str | None:
    return (
        None if value is None else f"{value:%Y-%m-%d %H:%M %Z}".strip() if isinstance(value, datetime) else f"{value}"
    )


def _map(main: ET.Element, page: Page) -> None:
    """Draw the neighborhood's own boundary, with a bar of a kilometer."""
    kind, coordinates = page.geometry["type"], page.geometry["coordinates"]
    rings = [ring for polygon in (coordinates if kind == "MultiPolygon" else [coordinates]) for ring in polygon]
    lons, lats = ([point[axis] for ring in rings for point in ring] for axis in (0, 1))
    squeeze = math.cos(math.radians((min(lats) + max(lats)) / 2))
    wide, high = (max(lons) - min(lons)) * squeeze, max(lats) - min(lats)
    scale = (_WIDTH - 40) / max(wide, high, 1e-9)
    path = "".join(
        "M" + "L".join(f"{20 + (x - min(lons)) * squeeze * scale:.1f} {20 + (max(lats) - y) * scale:.1f}" for x, y, *_ in ring) + "Z"
        for ring in rings
    )  # fmt: skip
    width, height = wide * scale + 40, high * scale + 64
    figure = _add(main, "figure")
    svg = _add(
        figure, "svg",  viewBox=f"0 0 {width:.0f} {height:.0f}", width=f"{width:.0f}",
        height=f"{height:.0f}", role="img", **{"aria-labelledby": "map-title map-says"},
    )  # fmt: skip
    _add(svg, "title", say("map", page.language, name=page.name), id="map-title")
    _add(svg, "desc", say("map_says", page.language, name=page.name), id="map-says")
    _add(svg, "path", d=path, fill="#cfe3ea", stroke="#1d4e5f", **{"stroke-width": "2", "fill-rule": "evenodd"})
    bar = 1000 / M_PER_DEG * scale
    _add(svg, "path", d=f"M20 {height - 24:.0f}h{bar:.1f}", stroke="#1a1a1a", **{"stroke-width": "3"})
    _add(svg, "text", "1 km", x="20", y=f"{height - 6:.0f}", **{"font-size": "14"})
    caption = say("map_says", page.language, name=page.name)
    _add(figure, "figcaption", f"{caption} {say('approximate', page.language)}" if page.approximate else caption)


def _sections(body: PlanBody, page: Page) -> Iterator[ET.Element]:
    lang = page.language
    yield _who(body, lang)
    for title, conditions in (("not_sent", body.exclude), ("person_first", body.review)):
        if pairs := _conditions(conditions, lang):
            section = _section(say(title, lang))
            _pairs(section, pairs)
            yield section
    yield _how_soon(body, lang)
    spoken = (("required", body.languages.required), ("preferred", body.languages.preferred))
    if pairs := [(say(key, lang), ", ".join(_language(tag, lang) for tag in tags)) for key, tags in spoken if tags]:
        section = _section(say("languages", lang))
        _pairs(section, pairs)
        yield section
    yield from _lists(body, page)
    yield from _tables(body, page)


def _language(tag: str, lang: Language) -> str:
    key = f"lang_{tag.casefold()}"
    return say(key, lang) if key in WORDS else tag


def _measured(goal: Goal, value: float | None, lang: Language) -> str:
    """Return a goal's number as people say it: a share in percent, a time in minutes."""
    if value is None:
        return "–"
    if goal.measure.startswith("share_"):
        return f"{100 * value:g} %" if lang == "es" else f"{100 * value:g}%"
    return say("minutes", lang, n=f"{value:g}") if goal.measure.endswith("_min") else f"{value:g}"


def _minutes(minutes: int, lang: Language) -> str:
    if minutes >= 120 and minutes % 60 == 0:
        return say("whole_hours", lang, n=minutes // 60)
    return say("minutes", lang, n=minutes)


def _section(title: str) -> ET.Element:
    section = ET.Element("section")
    _add(section, "h2", title)
    return section


def _pairs(parent: ET.Element, pairs: Iterable[tuple[str, str | None]]) -> None:
    listed = _add(parent, "dl")
    for name, value in pairs:
        _add(listed, "dt", name)
        _add(listed, "dd", value)


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> ET.Element:
    section = _section(title)
    table = _add(section, "table")
    line = _add(_add(table, "thead"), "tr")
    for head in heads:
        _add(line, "th", head, scope="col")
    body = _add(table, "tbody")
    for first, *others in rows:
        line = _add(body, "tr")
        _add(line, "th", first, scope="row")
        for cell in others:
            _add(line, "td", cell)
    return section


def _who(body: PlanBody, lang: Language) -> ET.Element:
    plan = plan_of("", 0, body)
    rows = []
    for fit, order in plan.orders.items():
        sent = ", ".join(say(discipline, lang) for discipline in order) or say("nobody", lang)
        hours = "; ".join(f"{say(d, lang)}: {_hours(body.hours[d], lang)}" for d in order if d in body.hours)
        outside = body.outside_hours.get(fit)
        instead = ", ".join(say(d, lang) for d in outside.served_by) if outside else ""
        left = say("nobody", lang) if hours and not instead else instead
        if outside and outside.tell:
            left = f"{left}. {outside.tell}"
        rows.append([say(f"for_{fit}", lang), sent, hours or say("always", lang), left or "–"])
    heads = [say(key, lang) for key in ("matter", "served_by", "hours", "outside")]
    section = _table(say("who", lang), heads, rows)
    if body.preferred_providers:
        _pairs(section, [(say("providers", lang), ", ".join(body.preferred_providers))])
    return section


def _hours(hours: Sequence[Hours], lang: Language) -> str:
    """Return opening hours as people write them."""
    names = dict(zip(DAYS, say("days", lang).split(","), strict=True))
    said = []
    for window in hours:
        days = say("every_day", lang) if len(window.days) == len(DAYS) else ", ".join(names[day] for day in window.days)
        said.append(f"{days} {window.opens[:5]}–{window.closes[:5]}")
    return "; ".join(said) or say("never", lang)


def _conditions(conditions: Conditions, lang: Language) -> list[tuple[str, str]]:
    return [
        (say(name, lang), ", ".join(named(word, lang) for word in listed))
        for name in ("call_types", "relationships", "reasons")
        if (listed := getattr(conditions, name))
    ]


def _how_soon(body: PlanBody, lang: Language) -> ET.Element:
    plan = plan_of("", 0, body)
    targets = {str(key): minutes for key, minutes in body.arrive_within_min.items()}
    rows = [
        [
            say(f"p{priority}", lang),
            _minutes(int(within.total_seconds()) // 60, lang),
            _minutes(targets[str(priority)], lang) if str(priority) in targets else "–",
        ]
        for priority, within in sorted(plan.assign_within.items())
    ]
    return _table(say("how_soon", lang), [say(key, lang) for key in ("priority", "assign", "arrive")], rows)


def _lists(body: PlanBody, page: Page) -> Iterator[ET.Element]:
    """Yield the sections that are lists of lines."""
    lang = page.language
    meet = [", ".join(part for part in (m.name, m.address, m.note) if part) for m in body.places.meet]
    never = [", ".join(part for part in (n.name, n.address, n.reason) if part) for n in body.places.never]
    quiet = [_hours([hours], lang) for hours in body.quiet_hours]
    shown = [("quiet", quiet), ("meet", meet)]
    if not page.public:
        shown += [("never_at", never), ("notes", list(body.notes))]
    for key, lines in shown:
        if lines:
            section = _section(say(key, lang))
            listed = _add(section, "ul")
            for line in lines:
                _add(listed, "li", line)
            yield section


def _tables(body: PlanBody, page: Page) -> Iterator[ET.Element]:
    """Yield the sections that are tables; contacts are for holders of a token."""
    lang = page.language
    contact = [] if page.public else ["contact"]
    partners = [[p.name, told(p.bring_in, lang), p.contact][: 2 + len(contact)] for p in body.partners]
    referrals = [[r.name, told(r.for_, lang), r.contact] for r in body.referrals]
    goals = [[told(g.text, lang), _measured(g, g.baseline, lang), _measured(g, g.target, lang), f"{g.review_by}"]
             for g in body.goals]  # fmt: skip
    consulted = [[c.who, f"{c.on}", c.how or "–"] for c in body.consulted]
    for title, heads, rows in (
        ("partners", ["partner", "bring_in", *contact], partners),
        ("referrals", ["partner", "for", "contact"], referrals),
        ("goals", ["goal", "baseline", "target", "by"], goals),
        ("consulted", ["partner", "on", "how"], consulted),
    ):
        if rows:
            yield _table(say(title, lang), [say(head, lang) for head in heads], rows)
