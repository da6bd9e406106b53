"""Presses that dispatch has not answered yet: kept on disk in order, each with its own time and key, until they are answered."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

Item = dict[str, Any]
BEATEN_BY_RECALL: Final = frozenset({"accept", "decline", "depart", "arrive", "check_in"})
"""What a recall makes void. Crews escalate, acknowledge and clear whatever has happened meanwhile."""


@dataclass(frozen=True, slots=True)
class Press:
    """One button pressed: what was reported of which assignment, when by the tablet's clock, and its idempotency key."""

    assignment_id: str
    action: str
    at: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def body(self) -> dict[str, Any]:
        """Return what is sent."""
        return {"action": self.action, "at": self.at, **self.fields}


class Presses:
    """The queue. With a file it survives a dead battery."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._waiting: list[Press] = []
        if file is not None and file.exists():
            self._waiting = [Press(**one) for one in json.loads(file.read_text(encoding="utf-8"))]

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Press]:
        return iter(tuple(self._waiting))

    def add(self, press: Press) -> None:
        """Put a press at the end."""
        self._waiting.append(press)
        self._save()

    def answered(self, press: Press) -> None:
        """Take out a press that was applied, or refused for good."""
        self._waiting = [one for one in self._waiting if one.key != press.key]
        self._save()

    def overtaken(self, items: list[Item], *, sending: Press | None = None) -> list[tuple[Press, str]]:
        """Take out and return what a list just read makes void, each with the reason. What is being sent gets its answer."""
        by_id = {item["id"]: item for item in items}
        void = [
            (press, why)
            for press in self._waiting
            if press != sending and (why := _void(press, by_id.get(press.assignment_id)))
        ]
        for press, _ in void:
            self.answered(press)
        return void

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps([asdict(press) for press in self._waiting]), encoding="utf-8")
        draft.replace(self._file)


def _void(press: Press, item: Item | None) -> str | None:
    if item is not None and item["status"] == "withdrawing" and press.action in BEATEN_BY_RECALL:
        return "recalled"
    return None
