"""Which team for which call: pure, deterministic, and able to explain itself.

The first honest rule: hard masks (`why_not`), then the call's disciplines in order of preference, then preferred languages, then the
nearest by estimated drive. Calls are served by priority, then by age. Every team considered is part of the result: with its rank and
cost parts, or with the rule that excluded it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple
from uuid import UUID

from services.dispatch.domain.incident import ReturnReason

EARTH_M: Final = 6_371_000
BUSY: Final = frozenset({"held", "busy_here"})
"""Rules that only say "not now": a team excluded by nothing else would do, but has other work."""

BY_HAND: Final = frozenset({"refused_this_call", "catchment", "required_language", "shift_ends"})
"""Rules that a supervisor who assigns by hand may set aside, with a reason. Training, bans, crew and other work stay."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The constants of the rule."""

    detour: float = 1.4
    """Streets are this much longer than the great circle."""
    speed_mps: float = 8.0
    """About 29 km/h: Los Angeles by day."""
    turn_out: timedelta = timedelta(seconds=60)
    likely_scene: timedelta = timedelta(minutes=30)
    """A team is not sent if its shift ends before it would likely be done."""
    position_age: timedelta = timedelta(minutes=10)
    """An older position is not used; the base is, and the explanation says so."""
    explained: int = 4
    """How many ranked teams are kept with a choice: the chosen one and the next three."""


class Place(NamedTuple):
    """WGS 84."""

    lat_deg: float
    lon_deg: float


class Position(NamedTuple):
    """Where a team was seen, and when."""

    place: Place
    at: datetime | None


class Rule(NamedTuple):
    """Why a team is not sent: the rule, and words for a dispatcher."""

    name: str
    words: str


class DoNotSend(NamedTuple):
    """A conflict of interest of a team with a neighborhood or an address."""

    neighborhood: str | None
    address_key: str | None
    until: datetime | None

    def covers(self, call: "Waiting", now: datetime) -> bool:
        """Say whether it forbids this call now."""
        if self.until is not None and self.until <= now:
            return False
        there = self.neighborhood is not None and self.neighborhood == call.neighborhood
        return there or (self.address_key is not None and self.address_key == call.address_key)


@dataclass(frozen=True, slots=True)
class Team:
    """A team as the availability snapshot shows it, and whether it has work or an emergency here."""

    id: UUID
    name: str
    provider_id: UUID | None = None
    offerable: bool = True
    reasons: tuple[str, ...] = ()
    disciplines: frozenset[str] = frozenset()
    languages: tuple[str, ...] = ()
    catchment: Mapping[str, str] = field(default_factory=dict)
    position: Position | None = None
    base: Place | None = None
    crew: int = 2
    minimum_crew: int = 2
    shift_ends_at: datetime | None = None
    do_not_send: tuple[DoNotSend, ...] = ()
    held: bool = False
    busy_here: bool = False
    in_emergency: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a call needs."""

    id: UUID
    priority: int
    since: datetime
    disciplines: tuple[str, ...]
    required_languages: tuple[str, ...] = ()
    preferred_languages: tuple[str, ...] = ()
    place: Place | None = None
    neighborhood: str | None = None
    catchment: tuple[str, ...] = ()
    address_key: str | None = None
    refused_by: frozenset[UUID] = frozenset()
    """Teams that declined this call or let its offer expire."""


TravelTimes = Mapping[tuple[UUID, UUID], timedelta]
"""(call, team) → driving time, where something better than the estimate is known."""


@dataclass(frozen=True, slots=True)
class Considered:
    """One team considered for one call: ranked with its cost parts, or excluded by a rule."""

    team_id: UUID
    team_name: str
    rank: int | None = None
    excluded_by: str | None = None
    words: str = ""
    discipline: str | None = None
    discipline_preference: int | None = None
    languages_missing: int | None = None
    drive_s: int | None = None
    """None when the call's place or the team's is not known."""
    drive_from: str | None = None


class Choice(NamedTuple):
    """A call gets a team."""

    incident_id: UUID
    team: Team
    considered: tuple[Considered, ...]
    """The chosen team first, the next best after it, then those that a rule excluded."""


class Unmatched(NamedTuple):
    """A call gets no team in this round, and why not."""

    incident_id: UUID
    reason: ReturnReason


class Plan(NamedTuple):
    """The result of one round."""

    choices: tuple[Choice, ...]
    unmatched: tuple[Unmatched, ...]


def decide(
    waiting: Sequence[Waiting], teams: Sequence[Team], travel_times: TravelTimes | None, policy: Policy, now: datetime
) -> Plan:
    """Return who is sent where. The same input gives the same output, in whatever order it comes."""
    free = {team.id: team for team in sorted(teams, key=lambda team: team.id)}
    taken: set[UUID] = set()
    choices: list[Choice] = []
    unmatched: list[Unmatched] = []
    for call in sorted(waiting, key=lambda call: (call.priority, call.since, call.id)):
        considered = consider(call, list(free.values()), travel_times, policy, now, taken=frozenset(taken))
        if considered and considered[0].rank == 1:
            team = free[considered[0].team_id]
            taken.add(team.id)
            choices.append(Choice(call.id, team, considered))
        else:
            unmatched.append(Unmatched(call.id, why_nobody(considered)))
    return Plan(tuple(choices), tuple(unmatched))


def consider(
    call: Waiting,
    teams: Sequence[Team],
    travel_times: TravelTimes | None,
    policy: Policy,
    now: datetime,
    *,
    taken: frozenset[UUID] = frozenset(),
) -> tuple[Considered, ...]:
    """Return every team, the best first, then the excluded ones, each with its reason."""
    ranked: list[tuple[tuple[int, int, float, UUID], Considered]] = []
    excluded: list[Considered] = []
    for team in teams:
        drive, source = _drive(call, team, travel_times, policy, now)
        refusal = why_not(call, team, policy, now, drive or timedelta(0))
        if refusal is None and team.id in taken:
            refusal = Rule("busy_here", "Chosen for a more urgent call in this round.")
        if refusal is not None:
            excluded.append(Considered(team.id, team.name, excluded_by=refusal.name, words=refusal.words))
            continue
        preference = next(n for n, wanted in enumerate(call.disciplines) if wanted in team.disciplines)
        missing = sum(not speaks(team, language) for language in call.preferred_languages)
        seconds = None if drive is None else int(drive.total_seconds())
        ranked.append((
            (preference, missing, math.inf if seconds is None else seconds, team.id),
            Considered(
                team.id, team.name, discipline=call.disciplines[preference], discipline_preference=preference,
                languages_missing=missing, drive_s=seconds, drive_from=source,
            ),
        ))  # fmt: skip
    ranked.sort(key=lambda pair: pair[0])
    best = tuple(_with_rank(one, rank) for rank, (_, one) in enumerate(ranked, start=1))
    return (*best, *sorted(excluded, key=lambda one: (one.excluded_by or "", one.team_id)))


def why_not(
    call: Waiting, team: Team, policy: Policy, now: datetime, drive: timedelta = timedelta(0), *, assigned: bool = False
) -> Rule | None:
    """Return the first rule that keeps this team from this call; None if it may be sent.

    `assigned`: the team has this call already, so only what the call needs is checked, not whether the team is free.
    """
    misfits = against_facts(call, team, now)
    return next(misfits if assigned else chain(misfits, against_sending(call, team, policy, now, drive)), None)


def against_facts(call: Waiting, team: Team, now: datetime) -> Iterator[Rule]:
    """Yield each rule by which the team does not fit the call's facts."""
    if not team.disciplines.intersection(call.disciplines):
        yield Rule("discipline", f"Not trained for {' or '.join(call.disciplines)}.")
    if lacking := [language for language in call.required_languages if not speaks(team, language)]:
        yield Rule("required_language", f"Does not speak {', '.join(lacking)}.")
    served = {*call.catchment} or ({call.neighborhood} if call.neighborhood else set())
    if served and not served.intersection(team.catchment):
        yield Rule("catchment", "Does not serve this neighborhood.")
    if any(ban.covers(call, now) for ban in team.do_not_send):
        yield Rule("do_not_send", "Must not be sent there: conflict of interest.")


def against_sending(call: Waiting, team: Team, policy: Policy, now: datetime, drive: timedelta) -> Iterator[Rule]:
    """Yield each rule by which the team cannot be sent now, whatever the call needs."""
    if team.id in call.refused_by:
        yield Rule("refused_this_call", "Declined this call or did not answer in time.")
    if team.in_emergency:
        yield Rule("in_emergency", "The team has called an emergency that nobody has acknowledged.")
    if team.crew < team.minimum_crew:
        yield Rule("minimum_crew", f"{team.crew} on duty, {team.minimum_crew} are needed.")
    absent = [reason for reason in team.reasons if reason != "held"]
    if not team.offerable and (absent or not team.held):
        yield Rule("not_offerable", f"Not available: {', '.join(absent) or 'no reason given'}.")
    if team.busy_here:
        yield Rule("busy_here", "Has a call.")
    if team.held:
        yield Rule("held", "Is held for another call.")
    if team.shift_ends_at is not None and team.shift_ends_at < now + drive + policy.likely_scene:
        yield Rule("shift_ends", "Its shift ends before it would likely be done.")


def why_not_by_hand(call: Waiting, team: Team, policy: Policy, now: datetime) -> Rule | None:
    """Return the first rule that even a supervisor cannot set aside; None if the team may be sent by hand."""
    rules = chain(against_facts(call, team, now), against_sending(call, team, policy, now, timedelta(0)))
    return next((rule for rule in rules if rule.name not in BY_HAND), None)


def why_nobody(considered: Sequence[Considered]) -> ReturnReason:
    """Return why a round found no team, judging by those that only lack time or willingness."""
    rules = {one.excluded_by for one in considered}
    if rules & BUSY:
        return ReturnReason.ALL_TEAMS_BUSY
    return ReturnReason.NO_TEAM_ACCEPTED if "refused_this_call" in rules else ReturnReason.NO_TEAM_ON_DUTY


def speaks(team: Team, language: str) -> bool:
    """Say whether a team's languages cover a BCP 47 tag; a plain `es` covers `es-MX` and the other way round."""
    wanted = language.lower()
    return any(
        one == wanted or one.startswith(wanted + "-") or wanted.startswith(one + "-")
        for one in map(str.lower, team.languages)
    )


def distance_m(one: Place, other: Place) -> float:
    """Return the great-circle distance."""
    lat1, lat2 = math.radians(one.lat_deg), math.radians(other.lat_deg)
    half_lat = (lat2 - lat1) / 2
    half_lon = math.radians(other.lon_deg - one.lon_deg) / 2
    a = math.sin(half_lat) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(a)))


def start_of(team: Team, policy: Policy, now: datetime) -> tuple[Place | None, str]:
    """Return where a team would start from: its position while fresh, else its base."""
    seen = team.position
    if seen is not None and seen.at is not None and timedelta(0) <= now - seen.at <= policy.position_age:
        return seen.place, "position"
    return team.base, "base"


def _drive(
    call: Waiting, team: Team, travel_times: TravelTimes | None, policy: Policy, now: datetime
) -> tuple[timedelta | None, str]:
    if travel_times is not None and (known := travel_times.get((call.id, team.id))) is not None:
        return known, "routed"
    start, source = start_of(team, policy, now)
    if start is None or call.place is None:
        return None, "unknown"
    return policy.turn_out + timedelta(seconds=distance_m(start, call.place) * policy.detour / policy.speed_mps), source


def _with_rank(one: Considered, rank: int) -> Considered:
    minutes = "an unknown drive" if one.drive_s is None else f"{max(1, round(one.drive_s / 60))} min away"
    missing = f", lacks {one.languages_missing} preferred language(s)" if one.languages_missing else ""
    return Considered(
        one.team_id, one.team_name, rank, None, f"{minutes}{missing}.", one.discipline, one.discipline_preference,
        one.languages_missing, one.drive_s, one.drive_from,
    )  # fmt: skip
