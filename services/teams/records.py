"""What the queries give: a team as stored, and how it stands now. Also the stored form of a shift plan."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping

from services.teams.domain.availability import Standing, TeamState, standing
from services.teams.domain.crew import Ability, Certification, Member
from services.teams.domain.duty import Duty, DutyStatus
from services.teams.domain.holds import HoldState
from services.teams.domain.shifts import Plan, Span, Weekly

SETTLES_EVERY_S: Final = 10
"""Positions change the ETag of availability at most this often: at the ends of these slices of time."""


JSON_COLUMNS: Final = ("catchment", "members", "do_not_send", "contact", "vehicle")
"""Read as text, so that what has not changed is parsed once and not at every reading of every team."""

POSITION_COLUMNS: Final = (
    "lat_deg", "lon_deg", "position_at", "received_at", "settled_lat_deg", "settled_lon_deg", "settled_at"
)  # fmt: skip
"""Where the team was seen last, when by its own clock and by ours; and the last one of earlier slices."""
_RECEIVED_AT: Final = POSITION_COLUMNS.index("received_at")


class Seen(NamedTuple):
    """A position, and when the team was seen there by its own clock."""

    lat_deg: float
    lon_deg: float
    at: datetime


@dataclass(frozen=True, slots=True)
class TeamRecord:
    """One team: its profile, duty, shifts, hold and position, read in one statement at `now`."""

    id: UUID
    provider_id: UUID
    profile: Mapping[str, Any]
    """The columns of `team`. Shared with other records: never changed."""
    state: TeamState
    duty_since: datetime
    duty_version: int
    shifts_version: int
    revision: int
    hold: HoldState | None
    position: Seen | None
    settled: Seen | None
    """The position that the ETag counts."""
    now: datetime
    standing: Standing

    @property
    def base(self) -> tuple[float, float]:
        """Latitude and longitude of the base in degrees."""
        return self.profile["base_lat_deg"], self.profile["base_lon_deg"]

    @property
    def roster(self) -> frozenset[str]:
        """The ids of the team's members."""
        return frozenset(member["id"] for member in self.profile["members"])


def team_record(row: RowMapping) -> TeamRecord:
    """Return the record of a row of `queries`."""
    state = TeamState(
        retired=row["retired_at"] is not None,
        duty=Duty(DutyStatus(row["status"]), tuple(row["crew"]), row["until"], row["reason"]),
        minimum_crew=row["minimum_crew"],
        plan=read_plan(row["plan"]),
        held_by=row["held_by"],
        claimed=Ability(tuple(row["disciplines"]), tuple(row["languages"])),
        roster=_roster(row["members"]),
    )
    hold = (
        HoldState(row["held_by"], row["id"], row["incident_id"], row["held_at"], None)
        if row["held_by"] is not None
        else None
    )
    position, settled = positions(row["now"], tuple(row[name] for name in POSITION_COLUMNS))
    return TeamRecord(
        id=row["id"],
        provider_id=row["provider_id"],
        profile={**row, **{name: _parsed(row[name]) for name in JSON_COLUMNS}},
        state=state,
        duty_since=row["since"],
        duty_version=row["duty_version"],
        shifts_version=row["shifts_version"],
        revision=row["revision"],
        hold=hold,
        position=position,
        settled=settled,
        now=row["now"],
        standing=standing(state, row["now"]),
    )


def positions(now: datetime, stored: tuple[Any, ...]) -> tuple[Seen | None, Seen | None]:
    """Return where the team is, and the position that the ETag counts at `now`, of its `POSITION_COLUMNS`."""
    lat_deg, lon_deg, at, _received_at, *settled = stored
    if at is None:
        return None, None
    live = Seen(lat_deg, lon_deg, at)
    if received_slice(stored) != slice_of(now):
        return live, live
    return live, None if settled[-1] is None else Seen(*settled)


def received_slice(stored: tuple[Any, ...]) -> float | None:
    """Return in which slice of time the position of these `POSITION_COLUMNS` came; None without one."""
    return None if stored[_RECEIVED_AT] is None else slice_of(stored[_RECEIVED_AT])


def slice_of(at: datetime) -> float:
    """Return the number of the slice of time in which `at` lies."""
    return at.timestamp() // SETTLES_EVERY_S


@lru_cache(maxsize=8192)
def _parsed(stored: str) -> Any:
    """Return the value of stored JSON text. It is shared between records: read it, never change it."""
    return json.loads(stored)


@lru_cache(maxsize=8192)
def _roster(stored: str) -> tuple[Member, ...]:
    return tuple(
        Member(
            member["id"],
            tuple(member.get("languages", ())),
            tuple(
                Certification(held["name"], datetime.fromisoformat(held["until"]) if held.get("until") else None)
                for held in member.get("certifications", ())
            ),
        )
        for member in json.loads(stored)
    )


@lru_cache(maxsize=8192)
def read_plan(stored: str) -> Plan:
    """Return the plan of its stored JSON text."""
    parts = json.loads(stored)

    def spans(name: str) -> tuple[Span, ...]:
        return tuple(Span(*(datetime.fromisoformat(moment) for moment in pair)) for pair in parts.get(name, ()))

    weekly = [Weekly(*shift) for shift in parts.get("weekly", ())]
    for place, (every_weeks, *days) in enumerate(parts.get("patterns", ())):
        starts_on, ends_on = (date.fromisoformat(day) if day else None for day in days)
        weekly[place] = replace(weekly[place], every_weeks=every_weeks, starts_on=starts_on, ends_on=ends_on)
    return Plan(tuple(weekly), spans("dated"), spans("off"))


def stored_plan(plan: Plan) -> dict[str, Any]:
    """Return the JSON value under which a plan is stored."""

    def spans(given: tuple[Span, ...]) -> list[list[str]]:
        return [[moment.isoformat() for moment in span] for span in given]

    def pattern(shift: Weekly) -> list[Any]:
        days = (shift.starts_on, shift.ends_on)
        return [shift.every_weeks, *(day.isoformat() if day else None for day in days)]

    # Beside `weekly`, not in it: the version before, which may run at the same time, reads four values of each shift.
    patterns = [] if all(shift.is_every_week for shift in plan.weekly) else [pattern(shift) for shift in plan.weekly]
    return {
        "weekly": [[shift.weekday, shift.from_minute, shift.to_minute, shift.zone] for shift in plan.weekly],
        "dated": spans(plan.dated),
        "off": spans(plan.off),
        **({"patterns": patterns} if patterns else {}),
    }


def age(now: datetime, since: datetime) -> timedelta:
    """Return how long ago `since` was; never negative, also after the clock stepped back."""
    return max(now - since, timedelta(0))
