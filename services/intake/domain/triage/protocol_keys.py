"""The values of a protocol's document, read strictly: every fault names the key at fault."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from services.intake.domain.triage.model import FACT_KEYS
from services.intake.domain.triage.protocol import ProtocolInvalid

_Word = TypeVar("_Word", bound=StrEnum)


class Key:
    """A value of the document and the path to it."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.value = value
        self.path = path

    def fault(self, problem: str) -> ProtocolInvalid:
        return ProtocolInvalid(self.path or "(the file)", problem)

    def fields(self, *required: str, optional: tuple[str, ...] = ()) -> Mapping[str, "Key"]:
        """Return the fields of a mapping that has exactly these; those optional and absent are left out."""
        mapping = self.mapping()
        for name in mapping:
            if name not in required and name not in optional:
                raise mapping[name].fault("is not a key of a protocol")
        for name in required:
            if name not in mapping:
                raise Key(None, self._below(name)).fault("is missing")
        return mapping

    def mapping(self) -> dict[str, "Key"]:
        if not isinstance(self.value, Mapping):
            raise self.fault("must be a mapping")
        return {str(name): Key(value, self._below(str(name))) for name, value in self.value.items()}

    def items(self) -> Iterator["Key"]:
        if not isinstance(self.value, list):
            raise self.fault("must be a list")
        for index, value in enumerate(self.value):
            yield Key(value, f"{self.path}[{index}]")

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.fault("must be text")
        return self.value.strip()

    def texts(self) -> tuple[str, ...]:
        return tuple(item.text() for item in self.items())

    def number(self, least: float, most: float) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not least <= self.value <= most:
            raise self.fault(f"must be a number from {least} to {most}")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fault("must be true or false")
        return self.value

    def one_of(self, words: type[_Word]) -> _Word:
        try:
            return words(self.value)
        except ValueError:
            raise self.fault(f"must be one of {', '.join(words)}") from None

    def fact(self) -> str:
        if self.value not in FACT_KEYS:
            raise self.fault(f"must be one of {', '.join(FACT_KEYS)}")
        return str(self.value)

    def _below(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
