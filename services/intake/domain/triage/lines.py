"""What the line breaks of a text mean: which ones software put in, and which others may be no ends of sentences either.

Both readings of a text keep its length, so that places in them are places in it.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

_STAMP: Final = r"[\[(<][^\[\]()<>\n]{0,40}\d[^\[\]()<>\n]{0,40}[\])>]|\d{1,2}:\d\d(?::\d\d)?\b"
_TITLES: Final = ("mr", "mrs", "ms", "dr", "sr", "sra", "srta")
_TITLE: Final = r"\.(?:" + "|".join(rf"(?<=\b{title}\.)" for title in _TITLES) + r")(?=[ \t]+[^\W\d_])"
"""The dot behind a title, before a name."""
_BREAK_ALONE: Final = r"(?<![\n\r\u2028\u2029])(?:\r\n|[\n\r\u2028\u2029])(?![\n\r\u2028\u2029])"
_MAY_RUN_ON: Final = re.compile(rf"[\n\r\u2028\u2029\u2026]|\.\.|\A[ \t]*(?:{_STAMP})|{_TITLE}", re.IGNORECASE)
_RUN_ON: Final = re.compile(
    rf"{_BREAK_ALONE}(?:[ \t]*(?:{_STAMP}))?|\A[ \t]*(?:{_STAMP})|\.{{2,}}|\u2026|{_TITLE}", re.IGNORECASE
)
_NARROWEST: Final = 40
"""No software wraps at fewer letters; remarks of their own are often as short."""
_BREAK: Final = re.compile(r"[ \t]*\r?\n[ \t]*")
_FIRST_WORD: Final = re.compile(r"\S+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_LONGER_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_STOPS: Final = ".!?;:"
_FEWEST_LINES: Final = 3
"""Two remarks look wrapped at one width as often as not."""


class LineEnds(NamedTuple):
    """Words that show that a wrapped line goes on."""

    never_last: frozenset[str] = frozenset()
    """No remark ends with one."""
    denying: frozenset[str] = frozenset()
    """Each denies what comes behind it where it goes on a list of denials; elsewhere it may be an answer."""
    denied: frozenset[str] = frozenset()
    """What such a list denies."""


class _Line(NamedTuple):
    start: int
    first: int
    """Where its first word begins."""
    end: int
    """Behind its last word."""


class _Value(NamedTuple):
    told: str
    length_of_line: int
    """With the name before it."""


def run_on(text: str) -> str:
    """Return `text` without what may be no end of a sentence: a line break alone, dots in a row, a line's stamp, a title's dot.

    Software that wraps lines puts a break anywhere, and whoever types in haste puts dots between words.
    """
    if _MAY_RUN_ON.search(text) is None:
        return text
    return _RUN_ON.sub(lambda found: " " * len(found.group()), text)


def unwrapped(text: str, ends: LineEnds) -> str:
    """Return `text` without the breaks that are certainly no ends of sentences.

    All lines of the paragraph must look wrapped at one width, and the line must end in the middle of something by its last word: remarks on
    lines of their own can look the one way by chance ("no weapons", "knife in hand"), or the other, not both.
    """
    if "\n" not in text:
        return text
    read, at = [], 0
    for paragraph in _paragraphs(text):
        if _is_wrapped(text, paragraph):
            for line, following in pairwise(paragraph):
                if _goes_on(text, paragraph, line, following, ends):
                    read += [text[at : line.end], " " * (following.first - line.end)]
                    at = following.first
    return "".join([*read, text[at:]])


def prose_of(text: str, fewest: int) -> str:
    """Return what the fields of `text` tell in `fewest` words or more, where it stands, and blanks for all else.

    A field is a line `name: value`, the lines behind it that name none, and those that name the same.
    """
    fields: list[tuple[str, list[_Value]]] = []
    for line in text.split("\n"):
        name, colon, value = line.partition(": ")
        if not colon:
            name, value = (fields[-1][0] if fields else ""), line
        if not fields or fields[-1][0] != name:
            fields.append((name, []))
        fields[-1][1].append(_Value(value, len(line)))
    prose: list[str] = []
    for _, values in fields:
        words = sum(len(_LONGER_WORD.findall(value.told)) for value in values)
        prose += [(value.told if words >= fewest else "").rjust(value.length_of_line) for value in values]
    return "\n".join(prose)


def _paragraphs(text: str) -> Iterator[Sequence[_Line]]:
    lines: list[_Line] = []
    start = 0
    for line in text.split("\n"):
        if words := line.strip():
            first = start + line.index(words[0])
            lines.append(_Line(start, first, first + len(words)))
        elif lines:
            yield lines
            lines = []
        start += len(line) + 1
    if lines:
        yield lines


def _is_wrapped(text: str, paragraph: Sequence[_Line]) -> bool:
    """Tell whether the first word of each line but the first had no room on the line before it, at one width for all."""
    width = max(line.end - line.start for line in paragraph)
    return width >= _NARROWEST and all(
        line.end - line.start + 1 + _length_of_word_at(text, following.first) > width
        for line, following in pairwise(paragraph)
    )


def _length_of_word_at(text: str, at: int) -> int:
    found = _FIRST_WORD.match(text, at)
    return found.end() - at if found else 0


def _goes_on(text: str, paragraph: Sequence[_Line], line: _Line, following: _Line, ends: LineEnds) -> bool:
    told, begins = text[line.first : line.end], text[following.first]
    begins_anew = begins.isupper() and any(c.islower() for c in told)
    is_plain = _BREAK.fullmatch(text, line.end, following.first) is not None
    if begins_anew or not (is_plain and told[-1].isalpha() and begins.isalpha()):
        return False
    stop = max(map(told.rfind, _STOPS))
    *before, clause = (_WORD.findall(part.lower()) for part in told[stop + 1 :].split(","))
    if clause[-1] in ends.never_last:
        return True
    goes_on_a_list = len(clause) == 1 and clause[0] in ends.denying and before and _denies(before[-1], ends)
    return bool(goes_on_a_list) and len(paragraph) >= _FEWEST_LINES


def _denies(words: Sequence[str], ends: LineEnds) -> bool:
    """Tell whether that is one of a list of denials, and no answer: "no weapons", but not "weapons no" or "no sir"."""
    return len(words) > 1 and words[-2] in ends.denying and words[-1] in ends.denied
