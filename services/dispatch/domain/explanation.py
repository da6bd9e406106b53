"""Why this team and no other: the cost parts of the best teams, the rule against each of the rest, and a HOLD in plain words."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.dispatch.domain import costs, masks
from services.dispatch.domain.costs import Board
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Team, Waiting
from services.dispatch.domain.travel import Start, TravelTimes

_TAKEN: Final = np.iinfo(np.int64).max


class Considered(NamedTuple):
    """One team considered for one call: ranked with its cost parts, or excluded by a rule."""

    team_id: UUID
    team_name: str
    rank: int | None = None
    excluded_by: str | None = None
    words: str = ""
    discipline: str | None = None
    drive_s: int | None = None
    """None when the call's place or the team's is not known."""
    drive_from: str | None = None
    """`position`, `base`, `scene` (where its work ends), or the routing server that gave the time."""
    free_in_s: int | None = None
    """Of a team that has work: in how many seconds it should be clear."""
    cost: int | None = None
    """The sum of the parts. The least sum over all calls together decides, not the least of one call."""
    parts: dict[str, int] | None = None


class Explanation(NamedTuple):
    """Of one call: the best teams, the chosen one first, and why each of the others was not considered."""

    ranked: tuple[Considered, ...]
    codes: bytes
    """For each column the number of the rule that excluded it (`masks.RULES`, from 1), 0 for none."""

    @property
    def excluded(self) -> Iterator[tuple[str, int]]:
        """The rule and the column of each team that was excluded, by the order of the rules."""
        found = sorted((code, column) for column, code in enumerate(self.codes) if code)
        return ((masks.RULES[code - 1], column) for code, column in found)


def explain(board: Board, row: int, chosen: int | None, most: int) -> Explanation:
    """Explain one row of a round; `chosen` is the column that it got, `most` how many teams are ranked."""
    return explain_rows(board, [row], [chosen], most)[0]


def explain_rows(board: Board, rows: Sequence[int], chosen: Sequence[int | None], most: int) -> list[Explanation]:
    """Explain several rows at once, which costs little more than one."""
    best = [
        columns if column is None else [column, *(other for other in columns if other != column)][:most]
        for columns, column in zip(_cheapest(board.price[rows], most), chosen, strict=True)
    ]
    return [
        Explanation(ranked, codes.tobytes())
        for ranked, codes in zip(_ranked(board, rows, best), board.codes[rows], strict=True)
    ]


def consider(
    call: Waiting, teams: Sequence[Team], times: TravelTimes | None, policy: Policy, now: datetime
) -> tuple[Considered, ...]:
    """Return every team as if this call were alone: the best first, then the excluded ones, each with its reason."""
    board = costs.board([call], teams, times, policy, now)
    return in_full(board, 0, explain(board, 0, None, len(board.teams)))


def in_full(board: Board, row: int, explanation: Explanation) -> tuple[Considered, ...]:
    """Return the ranked teams and after them each excluded team with its rule in words."""
    call = board.calls[row]
    excluded = (
        Considered(team.id, team.name, excluded_by=rule, words=masks.words_for(rule, call, team))
        for rule, team in ((rule, board.teams[column]) for rule, column in explanation.excluded)
    )
    return (*explanation.ranked, *excluded)


def hold_words(board: Board, row: int, column: int, sent: Sequence[tuple[int, int]] = ()) -> str:
    """Return a HOLD as a dispatcher says it; `sent` are the rows and columns of the round's choices."""
    team = board.teams[column]
    said = "says it will be" if team.busy is not None and team.busy.said_by == "crew" else "should be"
    kept = f"{team.name} {said} clear in {minutes(board.free_s[column])} min, {_away(board.drive_s[row, column])}"
    free = np.flatnonzero((board.codes[row] == masks.FREE_TO_GO) & ~board.busy)
    if not free.size:
        return f"{kept}; no free team can go."
    best = free[np.argmin(board.waiting_cost[row, free])]
    said = f"{kept}; best free team is {_away(board.drive_s[row, best])}."
    return " ".join(filter(None, (said, _yields_words(board, row, sent))))


def nobody_words(board: Board, row: int, sent: Sequence[tuple[int, int]]) -> str:
    """Return why a call gets no team in this round, as a dispatcher says it."""
    return _yields_words(board, row, sent) or "No team can be sent, and none is worth waiting for."


def first_words(board: Board, row: int) -> str:
    """Return why a call goes before the others; nothing if it does not."""
    left_s = board.left_s[row]
    return "" if left_s is None else f"This call goes first: {minutes(left_s)} min are left to find it a team."


def _yields_words(board: Board, row: int, sent: Sequence[tuple[int, int]]) -> str:
    """Return which team that could go here goes to a call that goes first; nothing if none does."""
    if board.left_s[row] is not None:
        return ""
    lost = [
        pair for pair in sent if board.left_s[pair[0]] is not None and board.codes[row, pair[1]] == masks.FREE_TO_GO
    ]
    if not lost:
        return ""
    other, column = min(lost, key=lambda pair: int(board.cost[row, pair[1]]))
    left = minutes(board.left_s[other] or 0)
    return f"{board.teams[column].name} goes first to another call: {left} min are left to find that one a team."


def _cheapest(price: costs.Seconds, most: int) -> list[list[int]]:
    """Return for each row the `most` cheapest columns that no rule forbids, the cheapest first; of equals the lower one."""
    width = price.shape[1]
    every = width <= 4 * most
    order = np.argsort(price, axis=1, kind="stable")[:, :most] if every else _lowest(price, most)
    allowed = np.take_along_axis(price, order, axis=1) < costs.FORBIDDEN
    counts = allowed.sum(axis=1).tolist()
    return [columns[:count] for columns, count in zip(order.tolist(), counts, strict=True)]


def _lowest(price: costs.Seconds, most: int) -> npt.NDArray[np.intp]:
    """Return the columns of the few lowest prices of each row, one after the other: no row needs to be sorted for them."""
    left, each = price.copy(), np.arange(len(price))
    order = np.empty((len(price), most), dtype=np.intp)
    for rank in range(most):
        order[:, rank] = left.argmin(axis=1)
        left[each, order[:, rank]] = _TAKEN
    return order


def _ranked(board: Board, rows: Sequence[int], best: Sequence[Sequence[int]]) -> Iterator[tuple[Considered, ...]]:
    """Yield for each row its best teams with their costs; all numbers are looked up together."""
    flat_rows = np.repeat(np.array(rows, dtype=np.intp), [len(columns) for columns in best])
    flat = np.array([column for columns in best for column in columns], dtype=np.intp)
    tables = (board.cost, board.drive_s, board.routed, *board.parts)
    numbers = zip(*(table[flat_rows, flat].tolist() for table in tables), strict=True)
    free_s = board.free_s.tolist()
    lasting = zip(
        (board.fixed_cost - board.deadline_cost)[rows].tolist(), board.deadline_cost[rows].tolist(), strict=True
    )
    for row, columns, of_call in zip(rows, best, lasting, strict=True):
        call = board.calls[row]
        of_row = zip(columns, itertools.islice(numbers, len(columns)), strict=True)
        yield tuple(
            _one(board, call, column, rank, (free_s[column], *of_call), found)
            for rank, (column, found) in enumerate(of_row, start=1)
        )


def _one(
    board: Board, call: Waiting, column: int, rank: int, lasting: tuple[float, int, int], numbers: tuple[Any, ...]
) -> Considered:  # fmt: skip
    team, start = board.teams[column], board.starts[column]
    free_s, age_and_urgency, deadline = lasting
    cost, drive_s, routed, waiting, driving, preference, language, place, spare, provider = numbers
    return Considered(
        team.id,
        team.name,
        rank,
        None,
        _words(call, team, start, (free_s, drive_s, language, provider)),
        _discipline(call, team),
        None if drive_s != drive_s else int(drive_s),  # noqa: PLR0124 - NaN: not known
        board.times_from if routed else start.source,
        int(free_s) if free_s else None,
        cost,
        {
            "waiting": waiting,
            "driving": driving,
            "preference": preference,
            "language": language,
            "place": place,
            "spare": spare,
            "provider": provider,
            "age_and_urgency": age_and_urgency,
            "deadline": deadline,
        },
    )


def _discipline(call: Waiting, team: Team) -> str | None:
    for name in call.disciplines:
        if name in team.disciplines:
            return name
    return None


def _words(call: Waiting, team: Team, start: Start, numbers: tuple[float, float, int, int]) -> str:
    free_s, drive_s, language, provider = numbers
    words = _away(drive_s)
    if free_s:
        words = f"clear in {minutes(free_s)} min, then {words}"
    if start.why:
        words = f"{words} from its base ({start.why})"
    if language:
        words = f"{words}; lacks a preferred language"
    if provider:
        words = f"{words}; not of a provider that the neighborhood asks first"
    if call.known_to and team.id in call.known_to:
        words = f"{words}; has been at this address before"
    return f"{words[0].upper()}{words[1:]}."


def _away(drive_s: float) -> str:
    return "an unknown drive" if drive_s != drive_s else f"{minutes(drive_s)} min away"  # noqa: PLR0124 - NaN


def minutes(seconds: float) -> int:
    """Return whole minutes as they are said: never 0."""
    return int(seconds / 60 + 0.5) or 1
