"""Reads our YAML files into models; every fault names the file, the line and the column."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class FileFaultError(Exception):
    """A file given to the replay is wrong; the message names the file, the line and the column or field."""


class Part(BaseModel):
    """A part of a YAML file: unknown fields are refused, and nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


Model = TypeVar("Model", bound=Part)


class _Loader(yaml.SafeLoader):
    """YAML whose keys are always text, so that call type 415 needs no quotes."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        self.flatten_mapping(node)
        return {str(key.value): self.construct_object(value, deep=deep) for key, value in node.value}


def find(folder: str, name: str) -> Path:
    """Return the YAML file that `name` means: a path as it stands, else the one of that name that we ship."""
    given = Path(name)
    if given.suffix in (".yaml", ".yml"):
        return given
    shipped = files("services.replay").joinpath(folder)
    path = Path(str(shipped.joinpath(f"{name}.yaml")))
    if not path.is_file():
        known = ", ".join(sorted(Path(str(entry)).stem for entry in shipped.iterdir() if entry.name.endswith(".yaml")))
        raise FileFaultError(f"there is no {name!r} in {folder}; we ship {known}, or give the path of a .yaml file")
    return path


def read(path: Path, model: type[Model]) -> Model:
    """Return the file as a `model`. Raises FileFaultError with every fault, one to a line."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_twins(root)
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe loader
    except OSError as error:
        raise FileFaultError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileFaultError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise FileFaultError(f"{where}: {error.problem}") from error
    except RecursionError as error:
        raise FileFaultError(f"{path}: an alias holds itself, or the file is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:  # a control character; a date that is none
        raise FileFaultError(f"{path}: {error}") from error
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise FileFaultError(
            "\n".join(_fault(path, root, fault["loc"], fault["msg"]) for fault in error.errors())
        ) from error


def locate(path: Path, *field: str | int) -> str:
    """Return `file:line:column` of a field in a YAML file that can be read, for faults found later."""
    return _where(path, yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader), field)


def _refuse_twins(node: yaml.Node | None) -> None:
    """Raise for a key that stands twice in one mapping: YAML would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
            _refuse_twins(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twins(value)


def _fault(path: Path, root: yaml.Node | None, field: Sequence[str | int], words: str) -> str:
    return f"{_where(path, root, field)}: {'.'.join(str(part) for part in field) or 'the file'}: {words}"


def _where(path: Path, root: yaml.Node | None, field: Sequence[str | int]) -> str:
    node = root
    for part in field:
        inner = _inner(node, part)
        if inner is None:
            break
        node = inner
    return str(path) if node is None else f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _inner(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[Any, yaml.Node]] = node.value
        return next((value for key, value in pairs if str(key.value) == str(part)), None)
    return None
