"""What each pair of a call and a team costs, in whole seconds: docs/matching.md has the formula.

`board` puts everything that a round knows of its pairs into tables of calls × teams; deciding and explaining both read them.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from services.dispatch.domain import masks, travel
from services.dispatch.domain.masks import Codes, Flags, Timing
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team, Waiting, covers
from services.dispatch.domain.travel import Numbers, Start, TravelTimes

Seconds = npt.NDArray[np.int64]
FORBIDDEN: Final = 10**11
"""Beyond any sum of costs, so that the number of calls served comes before what it costs; 1,000 of them stay exact in a float."""
URGENT: Final = 1


@dataclass(frozen=True, slots=True)
class Board:
    """All that a round knows of its calls (rows) and teams (columns), both sorted by id."""

    calls: tuple[Waiting, ...]
    teams: tuple[Team, ...]
    codes: Codes
    """The rule that forbids the pair, 0 where none does."""
    drive_s: Numbers
    routed: Flags
    starts: tuple[Start, ...]
    free_s: Numbers
    """When each team is free, from now; 0 for one that is."""
    waiting_cost: Seconds
    driving_cost: Seconds
    preference_cost: Seconds
    language_cost: Seconds
    place_cost: Seconds
    spare_cost: Seconds
    provider_cost: Seconds
    fixed_cost: Seconds
    """Of each call, whoever goes: its age, its urgency and its deadline. It decides who is left over when teams are few."""
    deadline_cost: Seconds
    """The part of the fixed cost that the call's deadline makes."""
    left_s: tuple[int | None, ...]
    """Of each call that goes first because its time to be assigned runs out: how much is left; None of all others."""
    cost: Seconds
    price: Seconds
    """The cost, or FORBIDDEN where a rule forbids the pair."""
    times_from: str
    """Who gave the drives that are `routed`."""
    fallback: str | None
    """Why a routing server's drives are missing, where one was asked."""

    @property
    def parts(self) -> tuple[Seconds, ...]:
        """What the cost of a pair is made of beside its call's fixed cost."""
        return (
            self.waiting_cost, self.driving_cost, self.preference_cost, self.language_cost, self.place_cost,
            self.spare_cost, self.provider_cost,
        )  # fmt: skip

    @property
    def busy(self) -> Flags:
        """Which teams have work."""
        flags: Flags = self.free_s > 0
        return flags


def board(
    waiting: Sequence[Waiting], teams: Sequence[Team], times: TravelTimes | None, policy: Policy, now: datetime
) -> Board:
    """Return the tables of a round."""
    calls = tuple(sorted(waiting, key=lambda call: call.id.int))
    teams = tuple(sorted(teams, key=lambda team: team.id.int))
    shape = (len(calls), len(teams))
    drives, routed, starts = travel.drives_s(calls, teams, times, policy, now)
    free_s = np.array([_free_s(team, now) for team in teams], dtype=np.float64)
    rules = masks.of_facts(calls, teams, now) | masks.of_sending(calls, teams, Timing(drives, free_s), policy, now)
    unknown = np.isnan(drives)
    counted = np.where(unknown, policy.unknown_drive.total_seconds(), drives) if unknown.any() else drives
    codes = masks.first_of(rules, shape)
    _spare_urgent_calls(calls, codes, counted, free_s, policy)
    weights = np.array([weight_of(call, policy) for call in calls], dtype=np.float64)
    parts = {
        "waiting_cost": _whole(free_s + counted, weights[:, None]),
        "driving_cost": _whole(counted.copy(), policy.drive_price),
        "preference_cost": _preference(calls, teams, policy),
        "language_cost": _languages(calls, teams, policy),
        "place_cost": _place(calls, teams, policy),
        "spare_cost": _spare(calls, teams, policy),
        "provider_cost": _provider(calls, teams, policy),
    }
    ages = np.array([(now - call.since).total_seconds() for call in calls], dtype=np.float64)
    urgent = np.array([call.priority == URGENT for call in calls]) * policy.urgent_bonus.total_seconds()
    deadline = _whole(np.array([_deadline_s(call, policy, now) for call in calls], dtype=np.float64), -1.0)
    fixed = _whole(-weights * ages - urgent, 1.0) + deadline
    cost = parts["waiting_cost"] + fixed[:, None]
    for name, part in parts.items():
        if name != "waiting_cost" and any(part.strides):  # else it is a zero for every pair
            cost += part
    price = np.where(codes == masks.FREE_TO_GO, cost, FORBIDDEN)
    return Board(
        calls=calls, teams=teams, codes=codes, drive_s=drives, routed=routed, starts=starts, free_s=free_s, fixed_cost=fixed,
        deadline_cost=deadline, left_s=tuple(_left_s(call, policy, now) for call in calls), cost=cost, price=price,
        times_from=times.source if times else "estimate", fallback=times.fallback if times else None, **parts,
    )  # fmt: skip


def _whole(values: Numbers, weight: Numbers | float) -> Seconds:
    """Return the weighted values in whole seconds; the values given are worked on in place and lost."""
    values *= weight
    np.rint(values, out=values)
    return values.astype(np.int64)


def _free_s(team: Team, now: datetime) -> float:
    """Return in how many seconds a team is free; one that has work is never free now."""
    if team.busy is None:
        return 0.0
    return float(max(1, round((team.busy.free_at - now).total_seconds())))


def weight_of(call: Waiting, policy: Policy) -> float:
    """Return what a second of this call's waiting costs."""
    weight = policy.weights.get(call.priority, policy.weights[2])
    return weight * policy.equity.get(call.neighborhood or "", 1.0)


def _used(call: Waiting, now: datetime) -> float:
    """Return how much of its time to be assigned a call has used up, 0 to 1; 0 where there is no deadline."""
    if call.assign_by is None or call.assign_by <= call.since:
        return 0.0
    return min((now - call.since) / (call.assign_by - call.since), 1.0)


def _deadline_s(call: Waiting, policy: Policy, now: datetime) -> float:
    first = policy.first_bonus.total_seconds() if _left_s(call, policy, now) is not None else 0.0
    return first + policy.deadline_bonus.total_seconds() * max(0.0, 2 * _used(call, now) - 1)


def _left_s(call: Waiting, policy: Policy, now: datetime) -> int | None:
    """Return how much of its time to be assigned is left to a call that goes first for that; None if it does not."""
    share = policy.first_share.get(call.priority)
    if share is None or call.assign_by is None or _used(call, now) < share:
        return None
    return max(0, round((call.assign_by - now).total_seconds()))


def _spare_urgent_calls(
    calls: Sequence[Waiting], codes: Codes, counted: Numbers, free_s: Numbers, policy: Policy
) -> None:
    """Forbid keeping a priority-1 call for a busy team that would not be there clearly sooner than the best free one."""
    busy = free_s > 0
    if policy.hold_saves is None:
        return
    rows = np.array([place for place, call in enumerate(calls) if call.priority == URGENT], dtype=np.intp)
    if not rows.size or not busy.any():
        return
    may = codes[rows] == masks.FREE_TO_GO
    free_now = np.where(may & ~busy, counted[rows], np.inf).min(axis=1)
    little = may & busy & (free_s + counted[rows] + policy.hold_saves.total_seconds() > free_now[:, None])
    place = masks.RULES.index("hold_saves_little") + 1
    codes[rows] = np.where(little, np.uint8(place), codes[rows])


def _nothing(calls: Sequence[Waiting], teams: Sequence[Team]) -> Seconds:
    return np.broadcast_to(np.int64(0), (len(calls), len(teams)))


def _preference(calls: Sequence[Waiting], teams: Sequence[Team], policy: Policy) -> Seconds:
    """Return the price of a discipline that the plan would rather not send, by how far down its list the team's best one is."""
    if all(len(call.disciplines) < 2 for call in calls):
        return _nothing(calls, teams)
    kinds, of_call = masks.alike(call.disciplines for call in calls)
    trained, of_team = masks.alike(team.disciplines for team in teams)
    last = max(map(len, kinds))
    best = [
        [next((place for place, name in enumerate(kind) if name in disciplines), last) for disciplines in trained]
        for kind in kinds
    ]
    table: Seconds = np.array(best, dtype=np.int64)[:, of_team] * int(policy.later_choice.total_seconds())
    return table[of_call]


def _languages(calls: Sequence[Waiting], teams: Sequence[Team], policy: Policy) -> Seconds:
    if not any(call.preferred_languages for call in calls):
        return _nothing(calls, teams)
    missing = masks.missing_languages(teams, [call.preferred_languages for call in calls])
    missing *= int(policy.language_missing.total_seconds())
    return missing


def _place(calls: Sequence[Waiting], teams: Sequence[Team], policy: Policy) -> Seconds:
    """Return what speaks against or for a team because of the neighborhood and the address."""
    names, of_call = masks.alike(call.neighborhood for call in calls)
    cost = _nothing(calls, teams)
    if any(names):
        at_home = masks.table_of(
            ([team.catchment.get(name or "") == "home" for name in names] for team in teams), len(names)
        ).T
        nowhere = np.array([name is None for name in names], dtype=np.bool_)  # which is away for nobody
        away = ~(at_home | nowhere[:, None])
        cost = (away * np.int64(policy.away_from_home.total_seconds()))[of_call]
    if any(call.known_to for call in calls):
        cost = cost - masks.known_there(calls, teams).astype(np.int64) * int(policy.known_there.total_seconds())
    return cost


def _spare(calls: Sequence[Waiting], teams: Sequence[Team], policy: Policy) -> Seconds:
    """Return the price of what a team can do and this call does not need: another call may need it, and few teams have it."""
    common = set.intersection(*({*team.languages} for team in teams)) if teams else set()
    wanted, of_call = masks.alike(
        (call.disciplines, (*call.required_languages, *call.preferred_languages)) for call in calls
    )
    able, of_team = masks.alike((team.disciplines, team.languages) for team in teams)
    spare = [
        [
            len(trained.difference(disciplines)) + _has_rare_to_spare({*spoken} - common, languages)
            for trained, spoken in able
        ]
        for disciplines, languages in wanted
    ]
    table = np.array(spare, dtype=np.int64).reshape(len(wanted), len(able)) * int(policy.spare_ability.total_seconds())
    priced: Seconds = table[:, of_team][of_call]
    return priced


def _has_rare_to_spare(rare: AbstractSet[str], wanted: Sequence[str]) -> bool:
    return bool(rare) and not any(covers(one, word) for one in rare for word in wanted)


def _provider(calls: Sequence[Waiting], teams: Sequence[Team], policy: Policy) -> Seconds:
    """Return the price of a team that is of none of the providers that the neighborhood's plan asks first."""
    if not any(call.preferred_providers for call in calls):
        return _nothing(calls, teams)
    wishes, of_call = masks.alike(frozenset(map(str.casefold, call.preferred_providers)) for call in calls)
    known_as = [{str(team.provider_id), (team.provider_name or "").casefold()} for team in teams]
    other = np.array(
        [[bool(asked) and asked.isdisjoint(names) for names in known_as] for asked in wishes], dtype=np.int64
    )
    table: Seconds = other * int(policy.other_provider.total_seconds())
    return table[of_call]


def forbidding(call: Waiting, team: Team, policy: Policy, now: datetime) -> frozenset[str]:
    """Return every rule that keeps one team from one call, whatever else there is."""
    drives, _, _ = travel.drives_s([call], [team], None, policy, now)
    free_s = np.array([_free_s(team, now)])
    timing = Timing(drives, free_s)
    rules = masks.of_facts([call], [team], now) | masks.of_sending([call], [team], timing, policy, now)
    return frozenset(name for name, flags in rules.items() if flags.any())
