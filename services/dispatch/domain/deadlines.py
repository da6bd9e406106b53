"""Every holder has a deadline, every deadline has an action, and no deadline ends at an alert (promise 2).

A live assignment always watches exactly one thing; the stages of that watch are tried one after the other, each at its time. The last
stage of a watch either ends it or repeats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from services.dispatch.domain.assignment import Status
from services.dispatch.domain.guards import Wish, awaited


class Watch(StrEnum):
    """What a deadline is about."""

    HOLD = "hold"  # the team is held and offered to, or let go
    RESPOND = "respond"  # the crew answers the offer
    DEPART = "depart"  # the crew leaves
    STAGED = "staged"  # police are staged for a co-response
    REVIEW = "review"  # a reviewer clears what came up after acceptance
    ARRIVE = "arrive"  # the crew arrives
    CHECK_IN = "check_in"  # the crew on scene says that it is all right
    READ = "read"  # the crew reads a recall
    AWAY = "away"  # the crew that read a recall says that it is away
    ASSIGN = "assign"  # the incident finds a team that accepts


class Act(StrEnum):
    """What is done when a stage's time comes."""

    ABANDON = "abandon"  # let the team go; the incident waits again
    EXPIRE = "expire"  # take the work back; the incident waits again
    ALERT = "alert"  # alarm on the tablet, alert to the supervisor; the next stage follows
    NOTICE = "notice"  # the call center is asked to check on the team, with its last position
    RETURN = "return"  # the call goes back to the call center


@dataclass(frozen=True, slots=True)
class Durations:
    """How long each wait is; defaults are the table in the design of dispatch (docs/rules.md, D-10 to D-19)."""

    hold: timedelta = timedelta(seconds=10)
    respond: timedelta = timedelta(seconds=90)
    respond_scheduled: timedelta = timedelta(minutes=30)
    depart: timedelta = timedelta(seconds=90)
    depart_grace: timedelta = timedelta(seconds=90)
    depart_longest: timedelta = timedelta(hours=24)
    staged: timedelta = timedelta(minutes=10)
    arrive_at_least: timedelta = timedelta(minutes=20)
    arrive_grace: timedelta = timedelta(minutes=10)
    check_in: timedelta = timedelta(minutes=10)
    check_in_grace: timedelta = timedelta(minutes=2)
    read: timedelta = timedelta(seconds=60)
    read_grace: timedelta = timedelta(seconds=60)
    waiting_alert: Mapping[int, timedelta] = field(
        default_factory=lambda: MappingProxyType({1: timedelta(minutes=5), 2: timedelta(minutes=15)})
    )


STAGES: Final[Mapping[Watch, tuple[Act, ...]]] = MappingProxyType({
    Watch.HOLD: (Act.ABANDON,),
    Watch.RESPOND: (Act.EXPIRE,),
    Watch.DEPART: (Act.ALERT, Act.EXPIRE),
    Watch.STAGED: (Act.ALERT, Act.RETURN),
    Watch.REVIEW: (Act.ALERT, Act.RETURN),
    Watch.ARRIVE: (Act.ALERT, Act.RETURN),
    Watch.CHECK_IN: (Act.ALERT, Act.NOTICE),
    Watch.READ: (Act.ALERT, Act.NOTICE),
    Watch.AWAY: (Act.ALERT, Act.NOTICE),
    Watch.ASSIGN: (Act.ALERT, Act.RETURN),
})  # fmt: skip


class Deadline(NamedTuple):
    """What an assignment watches, from which stage on, and until when."""

    watch: Watch
    act_by: datetime
    stage: int = 0


class Trip(NamedTuple):
    """What the deadlines of one assignment depend on beside its status."""

    scheduled: bool
    """A restorative-justice call: offered for longer."""
    drive: timedelta
    assign_by: datetime | None
    depart_by: datetime | None = None
    recall_read: bool = False


def first(  # noqa: PLR0911 - one return per status
    status: Status, wish: Wish, trip: Trip, now: datetime, durations: Durations
) -> Deadline | None:
    """Return what an assignment watches from now on, having just come to `status` (or its wish having changed).

    None once it has ended.
    """
    if status is Status.HOLDING:
        return Deadline(Watch.HOLD, now + durations.hold)
    if status is Status.OFFERED:
        answer = now + (durations.respond_scheduled if trip.scheduled else durations.respond)
        return Deadline(Watch.RESPOND, min(answer, trip.assign_by) if trip.assign_by else answer)
    if status in {Status.ACCEPTED, Status.EN_ROUTE} and (what := awaited(wish)):
        begins = max(trip.depart_by, now) if trip.depart_by else now
        return Deadline(Watch.STAGED if what == ("police_staged",) else Watch.REVIEW, begins + durations.staged / 2)
    if status is Status.ACCEPTED:
        return Deadline(Watch.DEPART, max(trip.depart_by, now) if trip.depart_by else now + durations.depart)
    if status is Status.EN_ROUTE:
        return Deadline(Watch.ARRIVE, now + max(trip.drive * 2, durations.arrive_at_least))
    if status is Status.ON_SCENE:
        return Deadline(Watch.CHECK_IN, now + durations.check_in)
    if status is Status.WITHDRAWING:
        return (
            Deadline(Watch.AWAY, now + durations.check_in)
            if trip.recall_read
            else Deadline(Watch.READ, now + durations.read)
        )
    return None


def act(watch: Watch, stage: int) -> Act:
    """Return what is done at this stage; beyond the last one, the last one again."""
    stages = STAGES[watch]
    return stages[min(stage, len(stages) - 1)]


def after(watch: Watch, stage: int, now: datetime, durations: Durations) -> Deadline:
    """Return the deadline that follows a stage that ended nothing (an alert or a notice)."""
    grace = {
        Watch.DEPART: durations.depart_grace,
        Watch.STAGED: durations.staged / 2,
        Watch.REVIEW: durations.staged / 2,
        Watch.ARRIVE: durations.arrive_grace,
        Watch.CHECK_IN: durations.check_in_grace,
        Watch.READ: durations.read_grace,
        Watch.AWAY: durations.check_in_grace,
    }
    wait = grace[watch] if stage == 0 else durations.check_in
    return Deadline(watch, now + wait, stage + 1)


def assign(
    since: datetime, assign_by: datetime, priority: int, now: datetime, durations: Durations
) -> tuple[datetime, int]:
    """Return when a waiting incident is looked at next and at which stage: a supervisor's alert first, then its return.

    One that has waited longer than that already, because it had a team and lost it, is alerted about at once.
    """
    alert_after = durations.waiting_alert.get(priority)
    if alert_after is not None and (alert_at := max(since + alert_after, now)) < assign_by:
        return alert_at, 0
    return assign_by, 1
