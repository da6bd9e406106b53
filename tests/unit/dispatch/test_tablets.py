"""When a tablet counts as silent, and how long the list that it shows is known to be the newest."""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

import pytest

from services.dispatch.effects import team_key
from services.dispatch.tablets import LastSeen, Shown, on_duty, without_silent
from shared.messages.availability import Availability, TeamAvailability
from shared.wake import Hub

TEAM, OTHER = UUID(int=1), UUID(int=2)
KEY = team_key(TEAM)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seen(clock: Clock) -> LastSeen:
    return LastSeen(180, clock)


def test_a_team_on_duty_is_silent_from_180_s_after_its_last_poll(seen: LastSeen, clock: Clock) -> None:
    seen.poll(TEAM)
    seen.expect([TEAM])
    clock.now += 179.9
    assert not seen.is_silent(TEAM)
    clock.now += 0.1
    assert seen.silent() == {TEAM}
    assert seen.poll(TEAM)
    assert seen.silent() == set()
    assert not seen.poll(TEAM)


def test_a_team_that_is_not_on_duty_is_never_silent(seen: LastSeen, clock: Clock) -> None:
    seen.expect([TEAM])
    clock.now += 1000
    assert seen.is_silent(TEAM)
    seen.expect([])
    assert not seen.is_silent(TEAM)


def test_who_comes_on_duty_has_180_s_to_switch_the_tablet_on(seen: LastSeen, clock: Clock) -> None:
    seen.expect([])
    seen.elsewhere(TEAM, 50_000)
    seen.expect([TEAM])
    clock.now += 179
    seen.expect([TEAM])
    assert not seen.is_silent(TEAM)
    clock.now += 1
    assert seen.is_silent(TEAM)


def test_a_restart_gives_no_new_grace_to_a_tablet_known_to_be_silent(seen: LastSeen) -> None:
    seen.elsewhere(TEAM, 500)
    seen.elsewhere(OTHER, 100)
    seen.expect([TEAM, OTHER])
    assert seen.silent() == {TEAM}


def test_what_another_process_saw_counts_and_older_news_does_not(seen: LastSeen, clock: Clock) -> None:
    seen.expect([TEAM])
    clock.now += 200
    seen.elsewhere(TEAM, 10)
    assert not seen.is_silent(TEAM)
    seen.elsewhere(TEAM, 190)
    assert seen.age_s(TEAM) == 10


def test_each_poll_is_written_once_with_its_age(seen: LastSeen, clock: Clock) -> None:
    seen.poll(TEAM)
    clock.now += 3
    seen.poll(OTHER)
    seen.elsewhere(UUID(int=3), 1)
    assert seen.to_write() == {TEAM: 3, OTHER: 0}
    assert seen.to_write() == {}


def a_team(team_id: UUID, *reasons: str) -> TeamAvailability:
    return TeamAvailability(
        team_id=team_id, team_name="T", provider_id=UUID(int=9), offerable=not reasons, reasons=list(reasons),
        disciplines=["mediator"], languages=["en"], catchment={}, crew=2, minimum_crew=2,
    )  # fmt: skip


def test_a_silent_tablet_takes_its_team_out_of_matching_and_says_so() -> None:
    snapshot = Availability(items=[a_team(TEAM), a_team(OTHER), a_team(UUID(int=3), "off_duty")])
    assert on_duty(snapshot) == [TEAM, OTHER]
    first, second, _ = without_silent(snapshot, {TEAM}).items
    assert (first.offerable, first.reasons) == (False, ["tablet_silent"])
    assert (second.offerable, second.reasons) == (True, [])


@pytest.fixture
def hub() -> Hub:
    return Hub("postgresql://nobody", "test")


def test_a_list_is_known_until_its_team_is_woken(hub: Hub) -> None:
    shown = Shown(hub)
    shown.end(shown.begin(KEY), '"a"')
    assert shown.tag(KEY) == '"a"'
    hub.wake(team_key(OTHER))
    assert shown.tag(KEY) == '"a"'
    hub.wake(KEY)
    assert shown.tag(KEY) is None


def test_a_reading_that_a_wake_overtook_is_not_kept(hub: Hub) -> None:
    shown = Shown(hub)
    for wake in (partial(hub.wake, KEY), hub.wake_all):
        reading = shown.begin(KEY)
        wake()
        shown.end(reading, '"old"')
        assert shown.tag(KEY) is None


def test_after_a_lost_connection_nothing_is_known(hub: Hub) -> None:
    shown = Shown(hub)
    shown.end(shown.begin(KEY), '"a"')
    hub.wake_all()
    assert shown.tag(KEY) is None


async def test_a_change_that_nobody_told_wakes_exactly_its_team(hub: Hub) -> None:
    shown = Shown(hub)
    shown.compare({TEAM: 1, OTHER: 1})
    for key in (KEY, team_key(OTHER)):
        shown.end(shown.begin(key), '"a"')
    assert shown.compare({TEAM: 2, OTHER: 1}) == 1
    assert (shown.tag(KEY), shown.tag(team_key(OTHER))) == (None, '"a"')
    assert shown.compare({TEAM: 2}) == 1
    assert shown.tag(team_key(OTHER)) is None


async def test_a_waiter_is_woken_by_its_key_or_by_time_and_leaves_nothing_behind(hub: Hub) -> None:
    with hub.waiting(KEY) as news:
        hub.wake(KEY)  # before it waits: not missed
        await news.within(60)
    with hub.waiting(KEY) as news:
        await news.within(0)
    assert hub._lightly == {}
