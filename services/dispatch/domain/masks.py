"""Who must not be sent: the hard rules of matching, for every call and every team at once.

Each rule is a table of calls × teams, true where it forbids. The first rule that forbids is the reason that is given. There is no second
way to ask: one call and one team are a table of one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team, Waiting, covers, speaks
from services.dispatch.domain.travel import Numbers

Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint8]
Alike = TypeVar("Alike")
OF_FACTS: Final = ("discipline", "required_language", "catchment", "do_not_send")
"""What the call needs; checked again for a team that has the call already, when new facts come."""
RULES: Final = (
    *OF_FACTS, "refused_this_call", "in_emergency", "minimum_crew", "not_offerable", "busy_here", "held", "shift_ends",
    "hold_over", "hold_saves_little",
)  # fmt: skip
"""In the order in which they are asked. `codes` counts from 1 in this order; 0 means that nothing forbids."""
FREE_TO_GO: Final = 0
BUSY: Final = frozenset({"held", "busy_here", "hold_over", "hold_saves_little"})
"""Rules that only say "not now": a team excluded by nothing else would do, but has other work."""
BY_HAND: Final = frozenset({"refused_this_call", "catchment", "required_language", "shift_ends"})
"""Rules that a supervisor who assigns by hand may set aside, with a reason. Training, bans, crew and other work stay."""


class Rule(NamedTuple):
    """Why a team is not sent: the rule, and words for a dispatcher."""

    name: str
    words: str


class Timing(NamedTuple):
    """Calls × teams, in seconds from now: the drive, and when each team is free to begin it (0: now)."""

    drive_s: Numbers
    free_s: Numbers


def of_facts(calls: Sequence[Waiting], teams: Sequence[Team], now: datetime) -> dict[str, Flags]:
    """Return where a team does not fit what a call needs."""
    wanted = [call.disciplines for call in calls]
    return {
        "discipline": ~_share_any(wanted, [team.disciplines for team in teams]),
        "required_language": _lacks_language(calls, teams),
        "catchment": _serves_elsewhere(calls, teams),
        "do_not_send": _banned(calls, teams, now),
    }


def of_sending(
    calls: Sequence[Waiting], teams: Sequence[Team], timing: Timing, policy: Policy, now: datetime
) -> dict[str, Flags]:
    """Return where a team cannot be sent, or kept for, whatever the call needs."""

    def each(forbids: Callable[[Team], bool]) -> Flags:
        return np.array([forbids(team) for team in teams], dtype=np.bool_)

    rules = {
        "refused_this_call": _pairs(calls, teams, ((call.id, call.refused_by) for call in calls)),
        "in_emergency": each(lambda team: team.in_emergency),
        "minimum_crew": each(lambda team: team.crew < team.minimum_crew),
        "not_offerable": each(lambda team: team.absent),
        "busy_here": each(lambda team: team.busy_here and team.busy is None),
        "held": each(lambda team: team.held and team.busy is None),
        "shift_ends": _shift_ends(calls, teams, timing, policy, now),
    }
    return rules | _of_holds(calls, timing, policy, now)


def first_of(rules: Mapping[str, Flags], shape: tuple[int, int], names: Sequence[str] = RULES) -> Codes:
    """Return for each pair the number of the first rule that forbids it, 0 where none does."""
    strongest = np.zeros(shape, dtype=np.uint8)
    for place, name in enumerate(RULES):
        if name in names and name in rules and (rules[name].ndim > 1 or rules[name].any()):
            strength = np.uint8(len(RULES) - place)
            np.maximum(strongest, rules[name].view(np.uint8) * strength, out=strongest)
    codes: Codes = (np.uint8(len(RULES) + 1) - strongest) * (strongest > 0)
    return codes


def alike(values: Iterable[Alike]) -> tuple[list[Alike], npt.NDArray[np.intp]]:
    """Return the different values, and for each value which of them it is: many calls ask for the same, and are looked at once."""
    places: dict[Alike, int] = {}
    which = [places.setdefault(value, len(places)) for value in values]
    return list(places), np.array(which, dtype=np.intp)


def table_of(answers: Iterable[Iterable[bool]], width: int) -> Flags:
    """Return answers to yes-or-no questions as a table, one row each; the quickest way from Python to numpy that there is."""
    flags: Flags = np.frombuffer(bytearray(b"".join(map(bytes, answers))), dtype=np.bool_).reshape(-1, width)
    return flags


def _share_any(asked: Sequence[tuple[str, ...]], sets: Sequence[AbstractSet[str] | Mapping[str, str]]) -> Flags:
    """Return calls × teams, true where the set of the team has any of the words that the call asks for."""
    kinds, of_call = alike(asked)
    places = {word: place for place, word in enumerate(dict.fromkeys(word for kind in kinds for word in kind))}
    if not places:
        return np.zeros((len(asked), len(sets)), dtype=np.bool_)
    has = table_of((map(one.__contains__, places) for one in sets), len(places)).T
    shared = np.zeros((len(kinds), len(sets)), dtype=np.bool_)
    for row, kind in enumerate(kinds):
        has[[places[word] for word in kind]].any(axis=0, out=shared[row])
    return shared[of_call]


def _lacks_language(calls: Sequence[Waiting], teams: Sequence[Team]) -> Flags:
    if not any(call.required_languages for call in calls):
        return np.zeros(len(teams), dtype=np.bool_)
    return missing_languages(teams, [call.required_languages for call in calls]) > 0


def missing_languages(teams: Sequence[Team], asked: Sequence[tuple[str, ...]]) -> npt.NDArray[np.int64]:
    """Return, calls × teams, how many of the languages asked for by each call a team lacks."""
    kinds, of_call = alike(asked)
    spoken, of_team = alike(team.languages for team in teams)
    lacking = [
        [sum(not any(covers(one, word) for one in languages) for word in {*kind}) for languages in spoken]
        for kind in kinds
    ]
    counted: npt.NDArray[np.int64] = np.array(lacking, dtype=np.int64).reshape(len(kinds), len(spoken))[:, of_team]
    return counted[of_call]


def _serves_elsewhere(calls: Sequence[Waiting], teams: Sequence[Team]) -> Flags:
    asked = [call.served_from for call in calls]
    has_place = np.array([bool(names) for names in asked], dtype=np.bool_)
    if not has_place.any():
        return np.zeros(len(teams), dtype=np.bool_)
    return has_place[:, None] & ~_share_any(asked, [team.catchment for team in teams])


def _banned(calls: Sequence[Waiting], teams: Sequence[Team], now: datetime) -> Flags:
    if not any(team.do_not_send for team in teams):
        return np.zeros(len(teams), dtype=np.bool_)
    banned = np.zeros((len(calls), len(teams)), dtype=np.bool_)
    for column, team in enumerate(teams):
        live = [ban for ban in team.do_not_send if ban.holds(now)]
        places = {ban.neighborhood for ban in live} - {None}
        addresses = {ban.address_key for ban in live} - {None}
        if live:
            banned[:, column] = [call.neighborhood in places or call.address_key in addresses for call in calls]
    return banned


def _pairs(calls: Sequence[Waiting], teams: Sequence[Team], named: Iterable[tuple[UUID, Collection[UUID]]]) -> Flags:
    named = [(call_id, team_ids) for call_id, team_ids in named if team_ids]
    if not named:
        return np.zeros(len(teams), dtype=np.bool_)
    rows = {call.id: place for place, call in enumerate(calls)}
    columns = {team.id: place for place, team in enumerate(teams)}
    flags = np.zeros((len(calls), len(teams)), dtype=np.bool_)
    for call_id, team_ids in named:
        for team_id in team_ids:
            if (column := columns.get(team_id)) is not None:
                flags[rows[call_id], column] = True
    return flags


def known_there(calls: Sequence[Waiting], teams: Sequence[Team]) -> Flags:
    """Return where a team has cleared a call at the address before."""
    return _pairs(calls, teams, ((call.id, call.known_to) for call in calls))


def _shift_ends(
    calls: Sequence[Waiting], teams: Sequence[Team], timing: Timing, policy: Policy, now: datetime
) -> Flags:
    left = [np.inf if team.shift_ends_at is None else (team.shift_ends_at - now).total_seconds() for team in teams]
    if not np.isfinite(left).any():
        return np.zeros(len(teams), dtype=np.bool_)
    stays = np.array([likely_stay(call, policy).total_seconds() for call in calls], dtype=np.float64)
    ends = np.nan_to_num(timing.drive_s)
    ends += timing.free_s
    ends += stays[:, None]
    flags: Flags = ends > np.array(left)
    return flags


def likely_stay(call: Waiting, policy: Policy) -> timedelta:
    """Return how long the call is expected to take on scene."""
    return policy.stay(call.disciplines[0] if call.disciplines else None).mean


def _of_holds(calls: Sequence[Waiting], timing: Timing, policy: Policy, now: datetime) -> dict[str, Flags]:
    """Return where a busy team is no longer, or not worth, waiting for."""
    busy = timing.free_s > 0
    if not busy.any():
        return {}
    left = np.array([(hold_until(call, policy) - now).total_seconds() for call in calls], dtype=np.float64)
    return {"hold_over": busy[None, :] & (timing.free_s[None, :] >= left[:, None])}


def hold_until(call: Waiting, policy: Policy) -> datetime:
    """Return until when a call may be kept for a busy team."""
    longest = call.since + policy.hold_longest.get(call.priority, policy.hold_longest[2])
    if call.assign_by is None:
        return longest
    return min(longest, call.since + (call.assign_by - call.since) * policy.hold_share)


def words_for(name: str, call: Waiting, team: Team) -> str:
    """Return what a dispatcher is told of a rule that keeps this team from this call."""
    if name == "discipline":
        return f"Not trained for {' or '.join(call.disciplines)}."
    if name == "required_language":
        return f"Does not speak {', '.join(one for one in call.required_languages if not speaks(team, one))}."
    if name == "minimum_crew":
        return f"{team.crew} on duty, {team.minimum_crew} are needed."
    if name == "not_offerable":
        return f"Not available: {', '.join(one for one in team.reasons if one != 'held') or 'no reason given'}."
    return _WORDS[name]


_WORDS: Final[Mapping[str, str]] = {
    "catchment": "Does not serve this neighborhood.",
    "do_not_send": "Must not be sent there: conflict of interest.",
    "refused_this_call": "Declined this call or did not answer in time.",
    "in_emergency": "The team has called an emergency that nobody has acknowledged.",
    "busy_here": "Has a call.",
    "held": "Is held for another call.",
    "shift_ends": "Its shift ends before it would likely be done.",
    "hold_over": "Has a call, and would not be free before this one may wait no longer.",
    "hold_saves_little": "Has a call, and waiting for it would bring nobody much sooner.",
}
