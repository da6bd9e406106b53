"""Calls to replay: a file, a mapping and a seed give the same calls every time."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from services.replay.call_taker import CallTaker, Taken
from services.replay.draws import chance
from services.replay.later import Later, read_later
from services.replay.mapping import Mapping_, check_columns
from services.replay.source import Row, csv_rows, json_rows
from services.replay.yaml_file import FileFaultError
from services.starter_city.cells import Neighborhood, neighborhoods

_OUTSIDE: Final = Neighborhood("outside", "outside the city", 34.0195, -118.4912, "outside")
"""Downtown Santa Monica: another city."""
_SCATTER_M: Final = 120.0
_M_PER_DEGREE: Final = 111_320.0


@dataclass(frozen=True, slots=True)
class ReplayCall:
    """One call as it will be reported; who reports it adds the system, the event id and the time."""

    key: str
    """The file's own number of the event."""
    at: datetime
    """When it came in, in the file's city."""
    report: Mapping[str, Any]
    later: tuple[Later, ...] = ()
    scenario: str | None = None
    """What the simulated call-taker drew; None when the file said all itself."""
    could_go: bool = True
    """Whether, by the truth behind the report, a civilian team could serve it: what a reviewer would find out."""


@dataclass(slots=True)
class Selection:
    """The calls, in order of time, and how many rows were left out for which reason."""

    calls: list[ReplayCall] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    @property
    def span(self) -> timedelta:
        """From the first call to the last."""
        return self.calls[-1].at - self.calls[0].at if self.calls else timedelta(0)


def select_calls(
    data: Path,
    mapping: Mapping_,
    mapping_path: Path,
    *,
    seed: int,
    on: date | None = None,
    limit: int | None = None,
    one_day: bool = False,
) -> Selection:
    """Return the calls of `data`; `on` keeps one local day, `limit` the first so many.

    `one_day` keeps each time of day and puts all on one date: for a file whose calls are spread over years.
    Raises FileFaultError, also where the mapping does not fit the file.
    """
    rows = _rows(data, mapping, mapping_path)
    reader = _Reader(mapping, CallTaker.load(mapping.call_taker.name) if mapping.call_taker else None, seed)
    if reader.taker and mapping.call_taker:
        reader.taker.check_profiles(mapping.call_taker, mapping_path)
    chosen = Selection()
    dated: list[tuple[datetime, Row]] = []
    for row in rows:
        chosen.rows += 1
        if (because := _skip(mapping, row)) is not None:
            chosen.skipped[because] += 1
        elif (at := _time(mapping, row)) is None:
            chosen.skipped["no time"] += 1
        elif on is not None and at.astimezone(ZoneInfo(mapping.time.timezone)).date() != on:
            chosen.skipped["another day"] += 1
        else:
            dated.append((_on_one_day(at) if one_day else at, row))
    dated.sort(key=lambda pair: pair[0])
    chosen.skipped["over the limit"] += max(0, len(dated) - len(dated[:limit]))
    chosen.calls = [reader.call(at, row) for at, row in dated[:limit]]
    _no_twins(chosen.calls, data)
    chosen.skipped = +chosen.skipped
    return chosen


def _rows(data: Path, mapping: Mapping_, mapping_path: Path) -> Iterator[Row]:
    if mapping.kind == "jsonl":
        return json_rows(data)
    return csv_rows(data, lambda header: check_columns(mapping, mapping_path, header, data))


def _skip(mapping: Mapping_, row: Row) -> str | None:
    return next((rule.because for rule in mapping.skip if row.text(rule.column) in rule.values), None)


def _time(mapping: Mapping_, row: Row) -> datetime | None:
    """Return when the call came in; None when a column is empty. Raises FileFaultError for anything unreadable."""
    rule = mapping.time
    parts = [row.text(column) for column in rule.columns]
    if not all(parts):
        return None
    text = " ".join(parts)
    try:
        read = datetime.fromisoformat(text) if rule.format == "iso" else datetime.strptime(text, rule.format)  # noqa: DTZ007 - the zone comes next
    except ValueError:
        wanted = "an ISO 8601 time" if rule.format == "iso" else f"a time written {rule.format!r}"
        raise row.fault(" + ".join(rule.columns), f"{text!r} is not {wanted}") from None
    return read if read.tzinfo else read.replace(tzinfo=ZoneInfo(rule.timezone))


def _on_one_day(at: datetime) -> datetime:
    return at.replace(year=2000, month=1, day=1)


def _no_twins(calls: Sequence[ReplayCall], data: Path) -> None:
    twice = [key for key, count in Counter(call.key for call in calls).items() if count > 1]
    if twice:
        raise FileFaultError(
            f"{data}: event id {twice[0]!r} stands in several rows; a replay needs one row for an event"
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns rows into calls."""

    mapping: Mapping_
    taker: CallTaker | None
    seed: int

    def call(self, at: datetime, row: Row) -> ReplayCall:
        key = row.text(self.mapping.event_id)
        if not key:
            raise row.fault(self.mapping.event_id, "is empty: every call needs the event's number")
        if self.mapping.report is not None:
            return self._ready_made(key, at, row)
        taken = self._taken(key, row)
        report = {**self._call_type(row, taken), **self._words(row, taken), **self._location(key, row)}
        if taken is None:
            return ReplayCall(key, at, report, could_go=False)
        return ReplayCall(
            key, at, {**report, "answers": taken.answers}, scenario=taken.scenario, could_go=taken.could_go
        )

    def _ready_made(self, key: str, at: datetime, row: Row) -> ReplayCall:
        name = str(self.mapping.report)
        report = row.fields.get(name)
        if not isinstance(report, dict):
            raise row.fault(name, "is not an object")
        later = row.fields.get(self.mapping.later, []) if self.mapping.later else []
        try:
            events = read_later(later)
        except ValidationError as error:
            fault = error.errors()[0]
            pointer = "/".join(str(part) for part in fault["loc"])
            raise row.fault(f"{self.mapping.later}/{pointer}", fault["msg"]) from error
        return ReplayCall(key, at, report, later=events, could_go=bool(row.fields.get("could_go", True)))

    def _taken(self, key: str, row: Row) -> Taken | None:
        rule = self.mapping.call_taker
        if rule is None or self.taker is None:
            return None
        value = row.text(rule.by)
        profile = rule.table.get(value)
        if profile is None:
            low = value.casefold()
            profile = next((entry.profile for entry in rule.contains if entry.text.casefold() in low), rule.otherwise)
        if profile is None or profile == "none":
            return None
        return self.taker.take(profile, chance(self.seed, key, "call-taker"), spanish=rule.spanish)

    def _call_type(self, row: Row, taken: Taken | None) -> dict[str, str]:
        rule = self.mapping.call_type
        code, text = (row.text(column) if column else "" for column in (rule.code, rule.text))
        if code in rule.table:
            code, text = rule.table[code].code, rule.table[code].text
        if taken is not None and taken.code is not None:
            code, text = taken.code, taken.text or text
        return {key: value for key, value in (("call_type_code", code[:40]), ("call_type_text", text[:200])) if value}

    def _words(self, row: Row, taken: Taken | None) -> dict[str, Any]:
        own = [words for words in (row.text(column) for column in self.mapping.narrative) if words]
        said = [*own, taken.narrative] if taken and taken.narrative else own
        words: dict[str, Any] = {"narrative": " ".join(said)} if said else {}
        if taken is not None:
            words |= {"language": taken.language, "caller": {"language": taken.language}}
        return words

    def _location(self, key: str, row: Row) -> dict[str, Any]:
        rule = self.mapping.place
        if rule is None:
            return {}
        address = row.text(rule.address) if rule.address else ""
        location: dict[str, Any] = {"address": address[:200]} if address else {}
        if (point := self._point(key, row)) is not None:
            location |= {"lat_deg": round(point[0], 5), "lon_deg": round(point[1], 5), "accuracy_m": 150}
        return {"location": location} if location else {}

    def _point(self, key: str, row: Row) -> tuple[float, float] | None:
        rule = self.mapping.place
        if rule is None:
            return None
        if rule.lat is not None and rule.lon is not None:
            return _coordinates(row, rule.lat, rule.lon)
        value = row.text(rule.by or "")
        slug = rule.table.get(value, rule.otherwise if value else "unknown")
        if slug == "unknown":
            return None
        return _near(_OUTSIDE if slug == "outside" else _neighborhood(slug, value, row, rule.by or ""), self.seed, key)


def _coordinates(row: Row, lat: str, lon: str) -> tuple[float, float] | None:
    if not row.text(lat) or not row.text(lon):
        return None
    point = []
    for column, limit in ((lat, 90.0), (lon, 180.0)):
        try:
            degrees = float(row.text(column))
        except ValueError:
            degrees = math.nan
        if not abs(degrees) <= limit:
            raise row.fault(column, f"{row.text(column)!r} is not a number of degrees from {-limit:.0f} to {limit:.0f}")
        point.append(degrees)
    return point[0], point[1]


def _neighborhood(slug: str, value: str, row: Row, column: str) -> Neighborhood:
    rows = neighborhoods()
    if slug == "spread":
        return rows[int.from_bytes(hashlib.sha256(value.encode()).digest()[:4], "big") % len(rows)]
    found = next((place for place in rows if place.slug == slug), None)
    if found is None:
        raise row.fault(
            column, f"the mapping places {value!r} in {slug!r}, which is no neighborhood of the starter city"
        )
    return found


def _near(place: Neighborhood, seed: int, key: str) -> tuple[float, float]:
    """Return a point within 120 m of the center: inside the neighborhood by the rough cells and by official boundaries."""
    draw = chance(seed, key, "where")
    angle, distance_m = draw.uniform(0, 2 * math.pi), draw.uniform(0, _SCATTER_M)
    north, east = distance_m * math.cos(angle), distance_m * math.sin(angle)
    return (
        place.lat_deg + north / _M_PER_DEGREE,
        place.lon_deg + east / (_M_PER_DEGREE * math.cos(math.radians(place.lat_deg))),
    )
