"""Every live status watches something, and no watch ends at an alert."""

from datetime import UTC, datetime, timedelta

import pytest

from services.dispatch.domain import deadlines
from services.dispatch.domain.assignment import LIVE, TERMINAL, Status
from services.dispatch.domain.deadlines import STAGES, Act, Durations, Trip, Watch
from services.dispatch.domain.guards import Wish

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
D = Durations()
SAFE = Wish("civilian", may_offer=True, may_depart=True, verdict="safe")
STAGING = SAFE._replace(may_depart=False, reason="police_staged")
REVIEW = SAFE._replace(may_depart=False, reason="review")
TRIP = Trip(scheduled=False, drive=timedelta(minutes=6), assign_by=NOW + timedelta(hours=1))


@pytest.mark.parametrize("status", sorted(LIVE))
@pytest.mark.parametrize("wish", [SAFE, STAGING, REVIEW])
def test_every_live_status_has_a_deadline_ahead(status: Status, wish: Wish) -> None:
    found = deadlines.first(status, wish, TRIP, NOW, D)
    assert found is not None
    assert found.act_by > NOW


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_what_has_ended_watches_nothing(status: Status) -> None:
    assert deadlines.first(status, SAFE, TRIP, NOW, D) is None


@pytest.mark.parametrize("watch", Watch)
def test_no_watch_ends_at_an_alert(watch: Watch) -> None:
    assert STAGES[watch][-1] is not Act.ALERT
    assert deadlines.act(watch, 99) is STAGES[watch][-1]


@pytest.mark.parametrize(
    ("status", "wish", "trip", "watch", "after"),
    [
        (Status.HOLDING, SAFE, TRIP, Watch.HOLD, timedelta(seconds=10)),
        (Status.OFFERED, SAFE, TRIP, Watch.RESPOND, timedelta(seconds=90)),
        (Status.OFFERED, SAFE, TRIP._replace(scheduled=True), Watch.RESPOND, timedelta(minutes=30)),
        (Status.OFFERED, SAFE, TRIP._replace(assign_by=NOW + timedelta(seconds=20)), Watch.RESPOND, timedelta(seconds=20)),
        (Status.ACCEPTED, SAFE, TRIP, Watch.DEPART, timedelta(seconds=90)),
        (Status.ACCEPTED, SAFE, TRIP._replace(depart_by=NOW + timedelta(hours=3)), Watch.DEPART, timedelta(hours=3)),
        (Status.ACCEPTED, STAGING, TRIP, Watch.STAGED, timedelta(minutes=5)),
        (Status.ACCEPTED, STAGING, TRIP._replace(depart_by=NOW + timedelta(hours=3)), Watch.STAGED, timedelta(hours=3, minutes=5)),
        (Status.ACCEPTED, REVIEW, TRIP, Watch.REVIEW, timedelta(minutes=5)),
        (Status.EN_ROUTE, SAFE, TRIP, Watch.ARRIVE, timedelta(minutes=20)),
        (Status.EN_ROUTE, SAFE, TRIP._replace(drive=timedelta(minutes=25)), Watch.ARRIVE, timedelta(minutes=50)),
        (Status.EN_ROUTE, STAGING, TRIP, Watch.STAGED, timedelta(minutes=5)),
        (Status.ON_SCENE, REVIEW, TRIP, Watch.CHECK_IN, timedelta(minutes=10)),
        (Status.WITHDRAWING, SAFE, TRIP, Watch.READ, timedelta(seconds=60)),
        (Status.WITHDRAWING, SAFE, TRIP._replace(recall_read=True), Watch.AWAY, timedelta(minutes=10)),
    ],
)  # fmt: skip
def test_the_first_deadline_of_each_status(
    status: Status, wish: Wish, trip: Trip, watch: Watch, after: timedelta
) -> None:
    assert deadlines.first(status, wish, trip, NOW, D) == (watch, NOW + after, 0)


@pytest.mark.parametrize(
    ("watch", "stage", "after"),
    [
        (Watch.DEPART, 0, timedelta(seconds=90)),
        (Watch.STAGED, 0, timedelta(minutes=5)),
        (Watch.ARRIVE, 0, timedelta(minutes=10)),
        (Watch.CHECK_IN, 0, timedelta(minutes=2)),
        (Watch.CHECK_IN, 1, timedelta(minutes=10)),
        (Watch.CHECK_IN, 7, timedelta(minutes=10)),
        (Watch.READ, 0, timedelta(seconds=60)),
        (Watch.READ, 1, timedelta(minutes=10)),
        (Watch.AWAY, 0, timedelta(minutes=2)),
    ],
)
def test_what_follows_an_alert_or_a_notice(watch: Watch, stage: int, after: timedelta) -> None:
    assert deadlines.after(watch, stage, NOW, D) == (watch, NOW + after, stage + 1)


@pytest.mark.parametrize(
    ("priority", "assign_in", "expected"),
    [
        (1, timedelta(minutes=20), (timedelta(minutes=5), 0)),
        (2, timedelta(hours=1), (timedelta(minutes=15), 0)),
        (3, timedelta(hours=24), (timedelta(hours=24), 1)),
        (1, timedelta(minutes=4), (timedelta(minutes=4), 1)),
    ],
)
def test_a_waiting_call_is_alerted_before_it_is_returned(
    priority: int, assign_in: timedelta, expected: tuple[timedelta, int]
) -> None:
    at, stage = deadlines.assign(NOW, NOW + assign_in, priority, NOW, D)
    assert (at - NOW, stage) == expected


def test_a_call_that_had_a_team_and_lost_it_is_alerted_about_at_once_if_it_is_old() -> None:
    since = NOW - timedelta(minutes=20)
    assert deadlines.assign(since, NOW + timedelta(minutes=40), 2, NOW, D) == (NOW, 0)
    assert deadlines.assign(since, NOW, 2, NOW, D) == (NOW, 1), "it is returned"
