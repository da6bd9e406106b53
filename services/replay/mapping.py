"""A column mapping: how one city's export reads as calls. The format is described in docs/replay.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from services.replay.draws import Share
from services.replay.yaml_file import FileFaultError, Part, find, locate, read


class TimeRule(Part):
    """When the call came in: columns joined by a blank, read by `format` in `timezone`."""

    columns: tuple[str, ...]
    format: str = "iso"
    """`iso`, or a strptime format."""
    timezone: str = "America/Los_Angeles"
    """For times without an offset."""

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is not a time zone") from error
        return name


class SkipRule(Part):
    """Rows that are no calls from the public; the summary counts them under `because`."""

    column: str
    values: tuple[str, ...] = ()
    """Exact values; `""` is an empty field."""
    because: str


class CallType(Part):
    """The call-type code and text, passed as they are unless `table` says what a code becomes."""

    code: str | None = None
    text: str | None = None
    table: dict[str, "CodeText"] = {}


class CodeText(Part):
    """What the call center of the replayed city would call it."""

    code: str
    text: str


class PlaceRule(Part):
    """Where the call is. A file of another city is laid over the neighborhoods of this one, always in the same way."""

    by: str | None = None
    """The column that names the area."""
    table: dict[str, str] = {}
    """Its values to neighborhood slugs; `outside` is beyond the city, `unknown` has no location."""
    otherwise: Literal["spread", "unknown"] = "spread"
    """Any other value: spread over all neighborhoods by the value, or no location."""
    address: str | None = None
    lat: str | None = None
    lon: str | None = None
    """Columns with coordinates, for a file of this very city."""

    @model_validator(mode="after")
    def _one_way(self) -> "PlaceRule":
        if (self.lat is None) != (self.lon is None) or (self.by is None and self.lat is None):
            raise ValueError("name a column in `by`, or two in `lat` and `lon`")
        return self


class Contains(Part):
    """A text to look for, whatever the case, and the profile that it means."""

    text: str
    profile: str


class TakerRule(Part):
    """The simulated call-taker: who it is, and which of its profiles a row gets."""

    name: str
    by: str
    """The column that decides."""
    table: dict[str, str] = {}
    contains: tuple[Contains, ...] = ()
    """Looked through in order when the table has no such value."""
    otherwise: str | None = None
    """None: the row goes as it is, without answers."""
    spanish: Share = 0.3
    """Callers who speak Spanish."""


class Mapping_(Part):  # noqa: N801 - `Mapping` is the standard library's
    """A whole mapping."""

    name: str
    says: str
    cad_system: str
    kind: Literal["csv", "jsonl"] = "csv"
    event_id: str
    time: TimeRule
    skip: tuple[SkipRule, ...] = ()
    call_type: CallType = CallType()
    place: PlaceRule | None = None
    narrative: tuple[str, ...] = ()
    """Columns whose words the narrative begins with."""
    report: str | None = None
    """jsonl: the field that holds a whole report, as `POST /v1/calls` takes it."""
    later: str | None = None
    """jsonl: the field that holds what happens later."""
    call_taker: TakerRule | None = None
    script: str = "drill"
    """The shift script used when the command names none."""

    @model_validator(mode="after")
    def _whole(self) -> "Mapping_":
        if self.kind == "csv" and (self.place is None or self.report or self.later):
            raise ValueError("a csv mapping needs `place`, and has neither `report` nor `later`")
        if self.kind == "jsonl" and self.report is None:
            raise ValueError("a jsonl mapping needs `report`")
        return self

    def columns(self) -> Mapping[str, tuple[str | int, ...]]:
        """Return every column that this mapping reads, with the field of the mapping that names it."""
        named: list[tuple[str | None, tuple[str | int, ...]]] = [
            (self.event_id, ("event_id",)),
            *((column, ("time", "columns", i)) for i, column in enumerate(self.time.columns)),
            *((rule.column, ("skip", i, "column")) for i, rule in enumerate(self.skip)),
            (self.call_type.code, ("call_type", "code")),
            (self.call_type.text, ("call_type", "text")),
            *((column, ("narrative", i)) for i, column in enumerate(self.narrative)),
        ]
        if self.place:
            named += [(getattr(self.place, key), ("place", key)) for key in ("by", "address", "lat", "lon")]
        if self.call_taker:
            named.append((self.call_taker.by, ("call_taker", "by")))
        return {column: field for column, field in reversed(named) if column is not None}


def load_mapping(name: str) -> tuple[Mapping_, Path]:
    """Return the mapping of that name, or in that file, and its path. Raises FileFaultError."""
    path = find("mappings", name)
    return read(path, Mapping_), path


def check_columns(mapping: Mapping_, path: Path, header: tuple[str, ...], data: Path) -> None:
    """Refuse a mapping that names a column the file does not have. Raises FileFaultError."""
    faults = [
        f"{locate(path, *field)}: {'.'.join(str(part) for part in field)}: {data} has no column {column!r}"
        for column, field in mapping.columns().items()
        if column not in header
    ]
    if faults:
        raise FileFaultError("\n".join([*faults, f"{data}:1: its columns are {', '.join(header)}"]))
