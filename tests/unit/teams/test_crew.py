"""What the crew on duty can do: its languages and certifications decide where the roster records them."""

from datetime import UTC, datetime, timedelta

from services.teams.domain.availability import Reason, TeamState, standing, stands_until
from services.teams.domain.crew import Ability, Certification, Member, ability
from services.teams.domain.duty import Duty, DutyStatus
from services.teams.domain.shifts import Plan, Span

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
CLAIMED = Ability(("mediator", "interrupter"), ("en", "es"))


def certified(*names: str, until: datetime | None = None) -> tuple[Certification, ...]:
    return tuple(Certification(name, until) for name in names)


def test_without_records_the_providers_word_stands() -> None:
    assert ability(CLAIMED, [Member("a"), Member("b")], ["a"], NOW) == CLAIMED


def test_the_languages_are_those_that_somebody_on_duty_speaks() -> None:
    roster = [Member("a", ("en",)), Member("b", ("es", "ko")), Member("c")]
    assert ability(CLAIMED, roster, ["a"], NOW).languages == ("en",)
    assert ability(CLAIMED, roster, ["a", "b"], NOW).languages == ("en", "es", "ko")
    assert ability(CLAIMED, roster, ["c"], NOW).languages == ()


def test_a_discipline_with_certificates_on_the_roster_needs_a_valid_one_on_duty() -> None:
    roster = [Member("a", (), certified("mediator", "first_aid")), Member("b")]
    assert ability(CLAIMED, roster, ["a", "b"], NOW).disciplines == ("mediator", "interrupter")
    assert ability(CLAIMED, roster, ["b"], NOW).disciplines == ("interrupter",)
    lapsed = [Member("a", (), certified("mediator", until=NOW)), Member("b")]
    assert ability(CLAIMED, lapsed, ["a", "b"], NOW).disciplines == ("interrupter",)


def test_a_team_without_a_crew_shows_what_it_can_do_once_it_has_one() -> None:
    assert ability(CLAIMED, [Member("a", ("en",), certified("mediator"))], [], NOW) == CLAIMED


def test_a_crew_certified_for_nothing_is_not_offerable_and_says_so_from_the_moment_it_lapses() -> None:
    until = NOW + timedelta(minutes=5)
    roster = (Member("a", (), certified("mediator", until=until)), Member("b"))
    duty = Duty(DutyStatus.AVAILABLE, ("a", "b"))
    plan = Plan(dated=(Span(NOW - timedelta(hours=1), NOW + timedelta(hours=1)),))
    team = TeamState(
        retired=False, duty=duty, minimum_crew=2, plan=plan, held_by=None, claimed=Ability(("mediator",), ("en",)),
        roster=roster,
    )  # fmt: skip
    assert standing(team, NOW).offerable
    assert stands_until(team, NOW) == until
    assert standing(team, until).reasons == (Reason.CREW_NOT_CERTIFIED,)
    assert stands_until(team, until) == NOW + timedelta(hours=1)
