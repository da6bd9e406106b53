"""What the crew reads of an assignment, as Rich text: what is unknown stands as large as what is known."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rich.text import Text

from services.replay.clock import parse_time
from services.tablet.presses import Item

STATUS_WORDS = {
    "offered": "OFFER: will you go?",
    "accepted": "ACCEPTED: get ready",
    "en_route": "EN ROUTE",
    "on_scene": "ON SCENE",
    "withdrawing": "RECALLED: turn back",
}


def countdown(item: Item, now: datetime) -> tuple[str, int] | None:
    """Return the words of the nearest deadline and the seconds that are left, or None."""
    recall = item.get("recall") or {}
    for words, text in (
        ("answer within", item["respond_by"] if item["status"] == "offered" else None),
        ("read within", None if recall.get("acknowledged_at") else recall.get("acknowledge_by")),
        ("next step within", item["act_by"]),
    ):
        if (by := parse_time(text)) is not None:
            return words, max(0, round((by - now).total_seconds()))
    return None


def headline(item: Item, now: datetime) -> Text:
    """Return the status with its countdown."""
    text = Text(STATUS_WORDS.get(item["status"], item["status"].upper()), style="bold")
    if (left := countdown(item, now)) is not None:
        minutes, seconds = divmod(left[1], 60)
        text.append(f"   {left[0]} {minutes}:{seconds:02}", style="bold red" if left[1] <= 20 else "bold yellow")
    return text


def briefing(item: Item) -> Text:
    """Return the whole briefing."""
    text = Text()
    for line, style in _lines(item):
        text.append(f"{line}\n", style=style)
    return text


def _lines(item: Item) -> Iterator[tuple[str, str]]:
    yield from _urgent(item)
    yield from _known(item["briefing"])


def _urgent(item: Item) -> Iterator[tuple[str, str]]:
    if recall := item.get("recall"):
        yield f"RECALL: {recall.get('words') or recall.get('reason')}", "bold white on red"
    if item.get("call_cancelled_at"):
        yield "The caller no longer needs anybody: finish as usual.", "bold"
    if item.get("misfit"):
        yield f"New facts: this team no longer quite fits ({item['misfit']}). Go on unless you are recalled.", "yellow"
    if item.get("alarm"):
        yield f"OVERDUE: {item['alarm']}", "bold red"
    if item["awaiting"]:
        yield f"STOP SHORT: waiting for {', '.join(_plain(one) for one in item['awaiting'])}.", "bold magenta"


def _known(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for caution in said.get("cautions", ()):
        yield f"! {caution}", "bold red"
    place = said.get("location") or {}
    where = [place.get("address"), said.get("neighborhood")]
    yield f"Where     {', '.join(str(part) for part in where if part) or 'unknown'}", "bold"
    required = (said.get("languages") or {}).get("required") or []
    preferred = (said.get("languages") or {}).get("preferred") or []
    yield f"Language  {', '.join([*required, *(f'{one} (preferred)' for one in preferred)]) or 'none asked for'}", ""
    yield f"Priority  {said.get('priority')}   {', '.join(_plain(one) for one in said.get('disciplines') or ())}", ""
    for words in said.get("words", ()):
        yield f"{_plain(str(words.get('source', 'said')))}: “{words.get('text', '')}”", "italic"
    for unknown in said.get("unknown", ()):
        yield f"Unknown   {_plain(str(unknown))}", "bold yellow"
    for note in said.get("notes", ()):
        yield f"Note      {note}", ""
    for reason in said.get("reasons", ()):
        yield f"Why       {reason.get('explanation') or reason.get('rule')}", "dim"


def _plain(word: Any) -> str:
    return str(word).replace("_", " ")
