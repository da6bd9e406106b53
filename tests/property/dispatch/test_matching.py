"""What matching never does, whatever calls and teams there are."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain import matching
from services.dispatch.domain.matching import Place, Policy, Team, Waiting

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DISCIPLINES = ("mediator", "interrupter", "restorative_justice")
LANGUAGES = ("en", "es", "ko")
SLUGS = ("boyle-heights", "sylmar")
places = st.builds(Place, st.floats(33.7, 34.3), st.floats(-118.6, -118.1))


def ids(first: int) -> st.SearchStrategy[UUID]:
    return st.integers(first, first + 30).map(lambda n: UUID(int=n))


teams = st.builds(
    Team,
    id=ids(1),
    name=st.just("Team"),
    offerable=st.booleans(),
    disciplines=st.frozensets(st.sampled_from(DISCIPLINES)),
    languages=st.lists(st.sampled_from(LANGUAGES), unique=True).map(tuple),
    catchment=st.dictionaries(st.sampled_from(SLUGS), st.just("home")),
    base=st.one_of(st.none(), places),
    crew=st.integers(0, 3),
    held=st.booleans(),
    busy_here=st.booleans(),
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
)
rounds = st.tuples(
    st.lists(calls, max_size=8, unique_by=lambda one: one.id), st.lists(teams, max_size=8, unique_by=lambda one: one.id)
)


@given(rounds)
def test_a_plan_keeps_the_promises(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    plan = matching.decide(waiting, everybody, None, Policy(), NOW)
    sent = [choice.team.id for choice in plan.choices]
    served = [choice.incident_id for choice in plan.choices]
    assert len(set(sent)) == len(sent), "no team twice"
    assert len(set(served)) == len(served), "no call twice"
    assert {*served, *(one.incident_id for one in plan.unmatched)} == {call.id for call in waiting}, "no call forgotten"
    by_id = {call.id: call for call in waiting}
    for choice in plan.choices:
        call, team = by_id[choice.incident_id], choice.team
        assert matching.why_not(call, team, Policy(), NOW) is None
        assert team.disciplines & {*call.disciplines}
        assert all(language in team.languages for language in call.required_languages)
        assert {*(call.catchment or (call.neighborhood,))} & {*team.catchment}
        assert team.id not in call.refused_by
        assert team.offerable
        assert not team.held
        assert not team.busy_here
        assert team.crew >= team.minimum_crew


@given(rounds)
def test_the_order_of_the_input_does_not_matter(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    plan = matching.decide(waiting, everybody, None, Policy(), NOW)
    assert matching.decide(waiting[::-1], everybody[::-1], None, Policy(), NOW) == plan


@given(rounds)
def test_every_team_is_explained_for_every_choice(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    for call in waiting:
        considered = matching.consider(call, everybody, None, Policy(), NOW)
        assert {one.team_id for one in considered} == {team.id for team in everybody}
        assert all((one.rank is None) == (one.excluded_by is not None) for one in considered)
        assert all(one.words for one in considered)
        ranks = [one.rank for one in considered if one.rank is not None]
        assert ranks == list(range(1, len(ranks) + 1))


@given(rounds)
def test_a_call_waits_only_if_nobody_fits_it_any_more(both: tuple[list[Waiting], list[Team]]) -> None:
    waiting, everybody = both
    plan = matching.decide(waiting, everybody, None, Policy(), NOW)
    taken = {choice.team.id for choice in plan.choices}
    by_id = {call.id: call for call in waiting}
    for incident_id, _ in plan.unmatched:
        for team in everybody:
            assert (
                team.id in taken
                or matching.why_not(by_id[incident_id], team, Policy(), NOW, timedelta(hours=9)) is not None
            )
