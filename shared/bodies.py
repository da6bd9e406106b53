"""What a JSON body may not hold, whoever sends it: what no database can keep, and what is said twice."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_SUSPECT: Final = re.compile(rb"\\u0000|\x00|\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|NaN|Infinity")
"""What may be NUL, half a surrogate pair (Python reads such bytes without complaint) or no finite number."""
_DEEPEST: Final = 32
_LONGEST_NAME: Final = 60


class Fault(NamedTuple):
    """Why a body is refused, and the JSON pointer to where."""

    pointer: str
    detail: str


def fault(body: bytes) -> Fault | None:
    """Return what is wrong with `body`, or None: also for what is no JSON at all, which whoever reads it refuses."""
    if _SUSPECT.search(body) or _brackets(body) > _DEEPEST:
        where = _unkeepable(body)
        if where is not None:
            return Fault(
                where,
                "Text with NUL or half a surrogate pair, numbers that are not finite, and very deep nesting are refused.",
            )
    return _said_twice(body)


def _brackets(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _unkeepable(body: bytes) -> str | None:
    """Return the JSON pointer to the first value that cannot be kept, or None if all can."""

    def no_constant(_text: str) -> Any:
        raise ValueError

    try:
        value = json.loads(body, parse_constant=no_constant)
    except (ValueError, RecursionError):
        return "" if b"NaN" in body or b"Infinity" in body or _brackets(body) > _DEEPEST else None
    return _search(value, "", 0)


def _search(value: Any, where: str, depth: int) -> str | None:
    if depth > _DEEPEST:
        return where[:200]
    if isinstance(value, str):
        return where if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value) else None
    for pointer, name, inner in _inside(value, where):
        if isinstance(name, str) and _search(name, where, depth) is not None:
            return where
        if (found := _search(inner, pointer, depth + 1)) is not None:
            return found
    return None


def _inside(value: Any, where: str) -> Iterator[tuple[str, str | int, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield f"{where}/{_escaped(str(name))}", name, inner


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _said_twice(body: bytes) -> Fault | None:
    """Return the first name that one object gives twice: whichever of the two were kept, the other would be lost unheard."""
    twice: list[tuple[dict[str, Any], str]] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counted = Counter(name for name, _ in pairs)
            twice.append((made, next(name for name, times in counted.items() if times > 1)))
        return made

    try:
        value = json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    if not twice:
        return None
    given, name = twice[-1]  # the outermost of them: an inner one may have been given twice itself
    detail = f"The name {name[:_LONGEST_NAME]!r} is given twice in one object: say it once."
    return Fault(f"{_place_of(given, value, '') or ''}/{_escaped(name[:_LONGEST_NAME])}", detail)


def _place_of(wanted: dict[str, Any], value: Any, where: str) -> str | None:
    if value is wanted:
        return where
    places = (_place_of(wanted, inner, pointer) for pointer, _, inner in _inside(value, where))
    return next((place for place in places if place is not None), None)
