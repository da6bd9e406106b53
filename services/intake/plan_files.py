"""One plan in one YAML file: whose it is, from when, who approved it, and its body; every fault is told with its line.

A neighborhood's file is for `commonground plans`; the city's default plan is a file that intake reads when it starts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import yaml
from pydantic import Field, ValidationError

from services.intake.domain.plan import PlanInvalid
from services.intake.domain.plan_draft import only_author
from services.intake.plan_model import PlanBody, pointer_of, problem_of, read_body
from shared.edge import Slug, Strict, Time

LARGEST_FILE: Final = 256 * 1024


class PlanFile(Strict):
    """A neighborhood's public safety plan as a file. `commonground plans apply` makes it the next version."""

    neighborhood: Slug
    approved_by: Annotated[
        str, Field(min_length=1, max_length=300, description="Who adopted it; not the only one who wrote it.")
    ]
    effective_from: Annotated[Time | None, Field(description="Now or later; absent: when it is applied.")] = None
    plan: PlanBody


class DefaultPlanFile(Strict):
    """The city's default plan as a file: that of every neighborhood which has written none."""

    version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
    approved_by: Annotated[str, Field(min_length=1, max_length=300)]
    plan: PlanBody


class FileFault(NamedTuple):
    """One thing wrong with a file: its line (0: the whole file), where in it, and what to do."""

    file: str
    line: int
    pointer: str
    problem: str

    def __str__(self) -> str:
        """Return the fault as compilers do."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.pointer or '/'}: {self.problem}"


class PlanFileInvalid(ValueError):
    """A file is no plan; `faults` names each line."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Written:
    """A plan as its file has it, and where each of its values stands."""

    file: str
    neighborhood: str
    approved_by: str
    effective_from: datetime | None
    body: Mapping[str, Any]
    lines: Mapping[str, int]

    def fault(self, pointer: str, problem: str) -> FileFault:
        """Return a fault at a pointer into the file, with its line or that of what holds it."""
        return FileFault(self.file, line_of(self.lines, pointer), pointer, problem)


class _Loader(yaml.SafeLoader):
    """YAML as people mean it in a plan: `22:00`, `2026-11-01`, `no` and `on` are text."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[1] in {"null", "merge", "float"}]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?\d+$"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|false)$"), list("tf"))


def read_plan_file(path: Path) -> Written:
    """Return the plan of a file. Raises PlanFileInvalid naming every line at fault."""
    return read_plan_text(_text(path), path.name)


def read_default_plan(path: Path) -> DefaultPlanFile:
    """Return the city's default plan. Raises PlanFileInvalid naming every line at fault.

    It names no areas and no providers: it is read before anybody knows which there are, and is meant for everywhere.
    """
    document, lines = _document(_text(path), path.name, DefaultPlanFile)
    read = DefaultPlanFile.model_validate(document)
    if local := [word for word in ("catchment", "preferred_providers") if getattr(read.plan, word)]:
        problem = "is for a neighborhood's own plan: leave it out here"
        raise PlanFileInvalid(
            [FileFault(path.name, line_of(lines, f"/plan/{word}"), f"/plan/{word}", problem) for word in local]
        )
    return read


def _text(path: Path) -> str:
    try:
        if path.stat().st_size <= LARGEST_FILE:
            return path.read_text(encoding="utf-8")
        words = f"is over {LARGEST_FILE // 1024} KiB: no plan is that long"
    except UnicodeDecodeError as error:
        words = f"is not UTF-8 text ({error.reason} at byte {error.start})"
    except OSError as error:
        words = f"cannot be read: {error.strerror}"
    raise PlanFileInvalid([FileFault(path.name, 0, "", words)])


def read_plan_text(text: str, name: str) -> Written:
    """Return the plan that a text states. Raises PlanFileInvalid."""
    document, lines = _document(text, name, PlanFile)
    read = PlanFile.model_validate(document)
    return Written(name, read.neighborhood, read.approved_by, read.effective_from, document["plan"], lines)


def _document(text: str, name: str, model: type[PlanFile | DefaultPlanFile]) -> tuple[Any, Mapping[str, int]]:
    """Return what a text says, sound by that model, and the line of each of its values. Raises PlanFileInvalid."""
    try:
        node = yaml.compose(text, _Loader)
        document = _with_text_keys(yaml.load(text, _Loader))  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        raise PlanFileInvalid([FileFault(name, line, "", f"not YAML: {getattr(error, 'problem', error)}")]) from error
    lines = dict(_lines(node, "")) if node is not None else {}
    twice = [FileFault(name, line, pointer, "stands twice") for pointer, line in _twice(node, "")]
    if faults := twice + [
        FileFault(name, line_of(lines, pointer), pointer, problem) for pointer, problem in _faults(document, model)
    ]:
        raise PlanFileInvalid(faults)
    return document, lines


def line_of(lines: Mapping[str, int], pointer: str) -> int:
    """Return the line of what a pointer names, or of the nearest thing that holds it."""
    while pointer not in lines and pointer:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 0)


def _faults(document: Any, model: type[PlanFile | DefaultPlanFile]) -> Iterator[tuple[str, str]]:
    """Yield pointer and problem of everything wrong in a file."""
    try:
        read = model.model_validate(document)
    except ValidationError as error:
        found = {(pointer_of(e["loc"]), problem_of(e)) for e in error.errors(include_url=False, include_context=False)}
        yield from sorted(found)
        return
    try:
        read_body(document["plan"])
    except PlanInvalid as error:
        yield from ((f"/plan{fault.field}", fault.problem) for fault in error.faults)
    authors = read.plan.authors
    if authors and only_author(read.approved_by, authors):
        yield "/approved_by", "is the only author: name another approver, or the other authors under plan/authors"


def _with_text_keys(value: Any) -> Any:
    """Return a document whose keys are text, as in JSON: `1: 20` is `"1": 20`."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _lines(node: yaml.Node, pointer: str) -> Iterator[tuple[str, int]]:
    yield pointer, node.start_mark.line + 1
    for key, inner, line in _inner(node):
        yield from (
            (where, line if where == f"{pointer}/{key}" else at) for where, at in _lines(inner, f"{pointer}/{key}")
        )


def _twice(node: yaml.Node | None, pointer: str) -> Iterator[tuple[str, int]]:
    """Yield the keys that stand twice in one mapping: the second would hide the first."""
    seen: set[str] = set()
    for key, inner, line in _inner(node) if node is not None else ():
        if key in seen:
            yield f"{pointer}/{key}", line
        seen.add(key)
        yield from _twice(inner, f"{pointer}/{key}")


def _inner(node: yaml.Node) -> Iterator[tuple[str, yaml.Node, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield str(index), value, value.start_mark.line + 1
