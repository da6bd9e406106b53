"""What matching never does, whatever calls and teams there are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from services.dispatch.domain import costs, explanation, matching, travel
from services.dispatch.domain.diversion import UnderWay
from services.dispatch.domain.matching import Choice, Hold
from services.dispatch.domain.policy import Policy
from services.dispatch.domain.pool import Busy, Place, Position, Team, Waiting

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DISCIPLINES = ("mediator", "interrupter", "restorative_justice")
LANGUAGES = ("en", "es", "ko")
SLUGS = ("boyle-heights", "sylmar")
places = st.builds(Place, st.floats(33.7, 34.3), st.floats(-118.6, -118.1))


def ids(first: int) -> st.SearchStrategy[UUID]:
    return st.integers(first, first + 30).map(lambda n: UUID(int=n))


busy = st.builds(Busy, st.integers(1, 90).map(lambda n: NOW + timedelta(minutes=n)), places)
teams = st.builds(
    Team,
    id=ids(1),
    name=st.just("Team"),
    provider_name=st.sampled_from((None, "Cedar", "Palm")),
    offerable=st.booleans(),
    disciplines=st.frozensets(st.sampled_from(DISCIPLINES)),
    languages=st.lists(st.sampled_from(LANGUAGES), unique=True).map(tuple),
    catchment=st.dictionaries(st.sampled_from(SLUGS), st.just("home")),
    base=st.one_of(st.none(), places),
    crew=st.integers(0, 3),
    held=st.booleans(),
    busy_here=st.booleans(),
).flatmap(
    lambda team: st.builds(replace, st.just(team), busy=st.one_of(st.none(), busy) if team.busy_here else st.none())
)
calls = st.builds(
    Waiting,
    id=ids(1000),
    priority=st.integers(1, 3),
    since=st.integers(0, 60).map(lambda n: NOW - timedelta(minutes=n)),
    disciplines=st.lists(st.sampled_from(DISCIPLINES), min_size=1, unique=True).map(tuple),
    required_languages=st.lists(st.sampled_from(LANGUAGES), max_size=1).map(tuple),
    preferred_languages=st.lists(st.sampled_from(LANGUAGES), max_size=2).map(tuple),
    place=st.one_of(st.none(), places),
    neighborhood=st.sampled_from(SLUGS),
    catchment=st.lists(st.sampled_from(SLUGS), max_size=2, unique=True).map(tuple),
    refused_by=st.frozensets(ids(1), max_size=3),
    preferred_providers=st.lists(st.sampled_from(("CEDAR", "palm")), max_size=2).map(tuple),
)
rounds = st.tuples(
    st.lists(calls, max_size=8, unique_by=lambda one: one.id), st.lists(teams, max_size=8, unique_by=lambda one: one.id)
)


@given(rounds)
def test_a_plan_keeps_the_promises(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    plan = matching.decide(waiting, everybody, None, Policy(), NOW)
    served_by: list[Choice | Hold] = [*plan.choices, *plan.holds]
    sent = [one.team.id for one in served_by]
    served = [one.incident_id for one in served_by]
    assert len(set(sent)) == len(sent), "no team twice"
    assert len(set(served)) == len(served), "no call twice"
    assert {*served, *(one.incident_id for one in plan.unmatched)} == {call.id for call in waiting}, "no call forgotten"
    by_id = {call.id: call for call in waiting}
    for one in served_by:
        call, team = by_id[one.incident_id], one.team
        assert matching.why_not(call, team, Policy(), NOW) is None
        assert team.disciplines & {*call.disciplines}
        assert all(language in team.languages for language in call.required_languages)
        assert {*(call.catchment or (call.neighborhood,))} & {*team.catchment}
        assert team.id not in call.refused_by
        assert not team.absent
        assert team.crew >= team.minimum_crew
        if isinstance(one, Hold):
            assert team.busy is not None, "a call is only kept for a team whose work is expected to end"
        else:
            assert not team.held
            assert not team.busy_here


@given(rounds)
def test_the_order_of_the_input_does_not_matter(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    plan = matching.decide(waiting, everybody, None, Policy(), NOW)
    assert matching.decide(waiting[::-1], everybody[::-1], None, Policy(), NOW) == plan


near = st.builds(Place, st.floats(34.0, 34.1), st.floats(-118.3, -118.2))
mostly_able = teams.map(
    lambda team: replace(
        team,
        offerable=True,
        crew=2,
        catchment=dict.fromkeys(SLUGS, "home"),
        disciplines=team.disciplines | {"mediator"},
    )
)
at_work = st.builds(
    lambda team, work: replace(team, busy=work, busy_here=True),
    mostly_able,
    st.builds(Busy, st.integers(1, 90).map(lambda n: NOW + timedelta(minutes=n)), near),
)
driving = st.builds(
    lambda team, place, call, left: UnderWay(
        replace(team, busy=None, held=False, busy_here=False, position=Position(place, NOW)), call, NOW + left
    ),
    mostly_able,
    near,
    calls,
    st.integers(0, 90).map(lambda n: timedelta(minutes=n)),
)
late = st.builds(replace, calls, priority=st.just(1), place=near, refused_by=st.just(frozenset()))
crowded = st.tuples(
    st.lists(st.one_of(calls, late), min_size=1, max_size=4, unique_by=lambda one: one.id),
    st.lists(st.one_of(teams, at_work), max_size=6, unique_by=lambda one: one.id),
    st.lists(driving, min_size=1, max_size=6, unique_by=(lambda one: one.team.id, lambda one: one.call.id)),
)


@given(crowded)
def test_who_is_taken_off_a_call_may_go_to_the_other_and_leaves_it_to_somebody(
    scene: tuple[list[Waiting], list[Team], list[UnderWay]],
) -> None:
    waiting, everybody, under_way = scene
    waiting = [call for call in waiting if call.id not in {one.call.id for one in under_way}]
    on_road = {one.team.id: one for one in under_way}
    everybody = [team for team in everybody if team.id not in on_road] + [
        replace(one.team, busy_here=True, busy=Busy(one.eta + timedelta(minutes=30), one.call.place))
        for one in under_way
    ]
    policy = replace(
        Policy(), divert_saves=timedelta(minutes=1), divert_price=timedelta(0)
    )  # else it hardly ever happens
    plan = matching.decide(waiting, everybody, None, policy, NOW, under_way)
    assert matching.decide(waiting[::-1], everybody[::-1], None, policy, NOW, under_way[::-1]) == plan
    if (found := plan.diversion) is None:
        return
    one, urgent = on_road[found.team.id], next(call for call in waiting if call.id == found.incident_id)
    assert (urgent.priority, one.call.id) == (1, found.taken_from)
    assert one.call.priority > 1
    assert urgent.id not in {choice.incident_id for choice in plan.choices}, "a call that is sent a team needs no other"
    assert matching.why_not(urgent, one.team, policy, NOW) is None
    assert matching.why_not(one.call, found.successor, policy, NOW) is None
    assert found.successor.id != found.team.id
    assert found.successor.id not in {choice.team.id for choice in plan.choices}
    assert {hold.incident_id for hold in plan.holds if hold.team.id == found.successor.id} <= {urgent.id}
    assert one.eta - NOW >= policy.divert_left
    assert found.saves_s >= 60


@given(rounds)
def test_every_team_is_explained_for_every_choice(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    for call in waiting:
        considered = explanation.consider(call, everybody, None, Policy(), NOW)
        assert {one.team_id for one in considered} == {team.id for team in everybody}
        assert all((one.rank is None) == (one.excluded_by is not None) for one in considered)
        assert all(one.words for one in considered)
        ranks = [one.rank for one in considered if one.rank is not None]
        assert ranks == list(range(1, len(ranks) + 1))


@given(rounds)
def test_a_call_gets_nobody_only_if_everybody_who_fits_it_serves_another(
    both: tuple[list[Waiting], list[Team]],
) -> None:
    waiting, everybody = both
    plan = matching.decide(waiting, everybody, None, Policy(), NOW)
    served_by: list[Choice | Hold] = [*plan.choices, *plan.holds]
    served = {one.team.id for one in served_by}
    board = plan.board
    for incident_id, _ in plan.unmatched:
        row = next(place for place, call in enumerate(board.calls) if call.id == incident_id)
        fitting = {team.id for team, code in zip(board.teams, board.codes[row], strict=True) if code == 0}
        assert fitting <= served


@given(rounds)
def test_no_other_assignment_serves_more_calls_or_as_many_for_less(both: tuple[list[Waiting], list[Team]]) -> None:
    """Against the plain solver on the whole table: what `solve` leaves out or takes off changes nothing."""
    plan = matching.decide(*both, None, Policy(), NOW)
    board = plan.board
    price = np.where(board.codes == 0, board.cost, costs.FORBIDDEN)
    rows, columns = linear_sum_assignment(price)
    best = price[rows, columns]
    served_by: list[Choice | Hold] = [*plan.choices, *plan.holds]
    ours = [int(price[plan.place_of(one.incident_id, one.team.id)]) for one in served_by]
    assert len(ours) == (best < costs.FORBIDDEN).sum()
    assert sum(ours) == best[best < costs.FORBIDDEN].sum()


def plain_parts(call: Waiting, team: Team, everybody: list[Team], policy: Policy) -> dict[str, int]:
    """The formula of docs/matching.md for one pair, said slowly; drives are asked of `travel`, which has its own tests."""
    drives, _, _ = travel.drives_s([call], [team], None, policy, NOW)
    drive = policy.unknown_drive.total_seconds() if np.isnan(drives[0, 0]) else drives[0, 0]
    free = 0.0 if team.busy is None else (team.busy.free_at - NOW).total_seconds()
    places = [place for place, name in enumerate(call.disciplines) if name in team.disciplines]
    rare = {word for word in team.languages if not all(word in one.languages for one in everybody)}
    needed = {*call.required_languages, *call.preferred_languages}
    idle = len(team.disciplines - {*call.disciplines}) + bool(rare and not rare & needed)
    asked = {name.lower() for name in call.preferred_providers}
    return {
        "waiting": round((3 if call.priority == 1 else 1) * (free + drive)),
        "driving": round(drive),
        "preference": 900 * (places or [max(1, len(call.disciplines))])[0],
        "language": 300 * len({*call.preferred_languages} - {*team.languages}),
        "place": 0 if team.catchment.get(call.neighborhood or "") == "home" else 180,
        "spare": 300 * idle,
        "provider": 300 if asked and (team.provider_name or "").lower() not in asked else 0,
    }


def plain_rule(call: Waiting, team: Team) -> str | None:
    """The first hard rule against a pair, one question after the other."""
    for name, forbids in (
        ("discipline", not team.disciplines & {*call.disciplines}),
        ("required_language", not {*call.required_languages} <= {*team.languages}),
        ("catchment", not {*(call.catchment or (call.neighborhood,))} & {*team.catchment}),
        ("refused_this_call", team.id in call.refused_by),
        ("minimum_crew", team.crew < team.minimum_crew),
        ("not_offerable", not team.offerable and not team.held),
        ("busy_here", team.busy_here and team.busy is None),
        ("held", team.held and team.busy is None),
    ):
        if forbids:
            return name
    return None


@given(rounds)
def test_the_tables_say_what_the_formula_says_of_each_pair(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    board = costs.board(waiting, everybody, None, Policy(), NOW)
    rows = range(len(board.calls))
    found = explanation.explain_rows(board, rows, [None for _ in rows], len(board.teams))
    for call, of_call in zip(board.calls, found, strict=True):
        excluded = {board.teams[column].id: rule for rule, column in of_call.excluded}
        ranked = {one.team_id: one for one in of_call.ranked}
        assert {*excluded} | {*ranked} == {team.id for team in everybody}
        assert not {*excluded} & {*ranked}
        for team in everybody:
            rule = plain_rule(call, team)
            assert rule == excluded.get(team.id) or (rule is None and excluded[team.id].startswith("hold_"))
            if team.id in ranked:
                parts = dict(ranked[team.id].parts or {})
                fixed = parts.pop("age_and_urgency") + parts.pop("deadline")
                assert parts == plain_parts(call, team, everybody, Policy())
                assert ranked[team.id].cost == sum(parts.values()) + fixed
        assert [one.cost for one in of_call.ranked] == sorted(one.cost or 0 for one in of_call.ranked)
