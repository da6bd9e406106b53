"""Takes the words of the pages from the code itself: comments behind enum members, docstrings under fields."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

_MEMBER = re.compile(r"^\s*([A-Z][A-Z0-9_]*)\s*=\s*[^#]+#\s*(.+?)\s*$")


class NoWordsError(Exception):
    """Something that a page must explain has no words in the code."""


def comments(kind: type[Enum], words: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the comment behind each member of an enum says, by the member's value.

    `words` are for members that explain themselves in the code but not on a page. Raises NoWordsError for one without either.
    """
    found: dict[str, str] = {}
    for line in inspect.getsource(kind).splitlines():
        if match := _MEMBER.match(line):
            found[kind[match[1]].value] = match[2]
    found |= words or {}
    if missing := [member.value for member in kind if member.value not in found]:
        raise NoWordsError(f"{kind.__module__}.{kind.__name__} does not say what these are: {', '.join(missing)}")
    return {member.value: found[member.value] for member in kind}


def docstrings(kind: type[Any]) -> dict[str, str]:
    """Return the docstring under each annotated field of a class, as one line."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[field.target.id] = " ".join(below.value.value.split())
    return found


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def sentence(words: str) -> str:
    """Return the words with a capital and a full stop."""
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def page(title: str, source: str, *blocks: str) -> str:
    """Return a page that says from which code it was written."""
    notice = f"*Written by `python -m services.documents` from {source}. Change the code, not this page.*"
    return "\n\n".join([f"# {title}", notice, *(block.strip("\n") for block in blocks)]) + "\n"
