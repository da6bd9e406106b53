"""Cover: where and when no team of a discipline is planned, told ahead of time. Planned shifts only; who comes is known on the day."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from services.teams.domain.shifts import Plan, Span, less, merged, on_shift

DISCIPLINES: Final = ("mediator", "interrupter", "restorative_justice")
MUTUAL_AID: Final = "mutual_aid"


@dataclass(frozen=True, slots=True)
class Serving:
    """What a team is planned to do: which disciplines, where (neighborhood → strength), and when."""

    disciplines: tuple[str, ...]
    catchment: Mapping[str, str]
    plan: Plan


class Gap(NamedTuple):
    """A time without a team whose own ground the neighborhood is; `mutual_aid`: one that helps out is on shift."""

    starts_at: datetime
    neighborhood: str
    discipline: str
    ends_at: datetime
    mutual_aid: bool


def gaps(
    teams: Iterable[Serving], window: Span, *, neighborhoods: Collection[str], disciplines: Collection[str]
) -> list[Gap]:
    """Return the gaps in the window, the soonest first. Without `neighborhoods`: of every one in some team's catchment."""
    own: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    aid: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    named = set(neighborhoods)
    for team in teams:
        shifts = on_shift(team.plan, window)
        for neighborhood, strength in team.catchment.items():
            if not neighborhoods:
                named.add(neighborhood)
            for discipline in team.disciplines:
                (aid if strength == MUTUAL_AID else own)[neighborhood, discipline] += shifts
    found: list[Gap] = []
    for key in ((neighborhood, discipline) for neighborhood in named for discipline in disciplines):
        bare = less([window], merged(own[key]))
        helped = merged(aid[key])
        without = less(bare, helped)
        found += [Gap(s.starts_at, *key, s.ends_at, mutual_aid=False) for s in without]
        found += [Gap(s.starts_at, *key, s.ends_at, mutual_aid=True) for s in less(bare, without)]
    return sorted(found)
