"""docs/rules.md: what dispatch never does whatever the status says, and every deadline with what happens then."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from services.dispatch.domain import assignment, deadlines, guards, silence
from services.dispatch.domain.diversion import DIVERTED
from services.dispatch.domain.policy import Policy
from services.documents.words import comments, sentence, table
from services.documents.words import page as whole_page

FIRST_DEADLINE: Final = 10
"""D-10 is the first of the deadlines, in the order of `Watch`."""


def page() -> str:
    """Return the page."""
    return whole_page(
        "Rules of dispatch", "`services/dispatch/domain`", INTRODUCTION, *_guards(), *_deadlines(), *_diversion()
    )


INTRODUCTION: Final = """
The rules by which triage judges a call are in [protocol.md](protocol.md), the legal moves in [states.md](states.md). Here is what dispatch
asks beyond the status, by the ids that the code uses.
"""

WHY: Final[Mapping[str, str]] = {
    "D-1": "An offer is a promise that the matter is safe as far as anybody knows. Only intake may say so, and its last word counts.",
    "D-2": "A crew may accept and drive as far as the staging point while police are awaited or a reviewer reads; it goes no further.",
    "D-3": "Worse news may be waiting on a link that is down. Silence is never taken for good news.",
    "D-4": "An offer that has run out belongs to the next team already.",
}


def needed_by(guard: guards.Guard) -> list[str]:
    """Return the actions that a guard stands before."""
    return [action.value for action in assignment.Action if guard in guards.NEEDS.get(action, frozenset())]


def _guards() -> list[str]:
    rows = [
        (guard.value, sentence(said), ", ".join(f"`{action}`" for action in needed_by(guard)), WHY[guard.value])
        for guard, said in zip(guards.Guard, comments(guards.Guard).values(), strict=True)
    ]
    free = [action.value for action in assignment.CREW_ACTIONS if action not in guards.NEEDS]
    return [
        "## Guards",
        "Each is a pure predicate in `guards.py` and stands in the SQL of the move itself, so it is judged on the newest wish there is.",
        table(("id", "holds when", "needed by", "why"), rows),
        (
            f"Nothing stands before {', '.join(f'`{action}`' for action in free)}, nor before a team's emergency: what makes a crew safer"
            f" always works. The longest silence of D-3 is {in_words(silence.LONGEST_SILENCE)}; it is not a setting."
        ),
    ]


def _deadlines() -> list[str]:
    rows = []
    for number, (watch, said) in enumerate(zip(deadlines.Watch, comments(deadlines.Watch).values(), strict=True)):
        waits = list(_waits(watch).values())
        for stage, act in enumerate(deadlines.STAGES[watch]):
            first = stage == 0
            rows.append((
                f"D-{FIRST_DEADLINE + number}" if first else "",
                f"`{watch}`: {said}" if first else "",
                waits[stage],
                f"`{act}`",
            ))  # fmt: skip
    acts = [(f"`{act}`", sentence(said)) for act, said in comments(deadlines.Act).items()]
    return [
        "## Deadlines",
        (
            "An assignment that is alive always watches exactly one thing, and an incident without a team watches `assign`. The time is a"
            " column with an index, not a timer in memory: any replica acts on it, also after a crash. The last step of each either ends"
            " the watch or repeats. Times are the defaults; [settings.md](settings.md) names the setting of each."
        ),
        table(("id", "what is awaited", "after", "then"), rows),
        table(("step", "meaning"), acts),
        (
            "A team whose work expires (D-11, D-12) counts like one that declines: after `DISPATCH_MOST_OFFERS` of them the call is"
            " returned with `no_team_accepted`. When a crew has not arrived (D-15) the call is returned *and* the call center is asked"
            " to check on the team."
        ),
    ]


def _diversion() -> list[str]:
    policy = Policy()
    assert policy.divert_saves is not None, "it is on by default"
    return [
        "## Taken off a call for a more urgent one",
        (
            f"D-{FIRST_DEADLINE + len(deadlines.Watch)}: a crew that has accepted, or is on its way, is called off"
            f" (`{DIVERTED}`) for a call of priority 1 only when all of this holds: its own call is of priority 2 or 3, has not"
            " lost a team like this before, and somebody else can go to it; the crew is not expected there within"
            f" {in_words(policy.divert_left)}; where it is now is known; to the"
            f" urgent call nobody is being sent, and the crew is there at least {in_words(policy.divert_saves)} sooner than anybody else"
            f" would be; both calls have {in_words(policy.divert_needs)} or more until they are returned; and what is saved is worth more"
            f" than what the other call loses and {in_words(policy.divert_price)} ([matching.md](matching.md)). Its own call waits again in"
            " the same statement, by its old age and deadline. The crew is free, and is offered the urgent call, when it says so; D-17 and"
            " D-18 hold as for every recall. `DISPATCH_DIVERT=false` switches it off."
        ),
    ]


def _waits(watch: deadlines.Watch) -> dict[int, str]:
    """Return, in words, how long each stage of a watch waits."""
    d = deadlines.Durations()
    one, two = d.waiting_alert[1], d.waiting_alert[2]
    half = in_words(d.staged / 2)
    words: Mapping[deadlines.Watch, tuple[str, ...]] = {
        deadlines.Watch.HOLD: (in_words(d.hold),),
        deadlines.Watch.RESPOND: (
            f"{in_words(d.respond)}; {in_words(d.respond_scheduled)} for restorative justice; never beyond `assign_by`",
        ),
        deadlines.Watch.DEPART: (
            f"{in_words(d.depart)}, or the `depart_by` that the crew named",
            f"{in_words(d.depart_grace)} more",
        ),
        deadlines.Watch.STAGED: (half, f"{half} more"),
        deadlines.Watch.REVIEW: (half, f"{half} more"),
        deadlines.Watch.ARRIVE: (
            f"twice the estimated drive, {in_words(d.arrive_at_least)} at least",
            f"{in_words(d.arrive_grace)} more",
        ),
        deadlines.Watch.CHECK_IN: (
            in_words(d.check_in),
            f"{in_words(d.check_in_grace)} more, then every {in_words(d.check_in)}",
        ),
        deadlines.Watch.READ: (in_words(d.read), f"{in_words(d.read_grace)} more, then every {in_words(d.check_in)}"),
        deadlines.Watch.AWAY: (
            in_words(d.check_in),
            f"{in_words(d.check_in_grace)} more, then every {in_words(d.check_in)}",
        ),
        deadlines.Watch.ASSIGN: (
            f"{in_words(one)} waiting at priority 1, {in_words(two)} at priority 2",
            "at `assign_by`, which the neighborhood's plan sets",
        ),
    }
    return dict(enumerate(words[watch]))


def in_words(duration: timedelta) -> str:
    """Return a duration as people say it."""
    seconds = int(duration.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
