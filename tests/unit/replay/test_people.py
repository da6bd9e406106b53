"""What simulated people do is drawn in stated shares, repeatable, and never depends on ids that the system made."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from services.replay.clock import SystemClock
from services.replay.crew import Crew, distance_m
from services.replay.draws import Spread, chance, pick
from services.replay.later import Later
from services.replay.ledger import Ledger
from services.replay.news import events_of
from services.replay.script import load_script
from services.replay.summary import Percentiles
from services.replay.supervisor import Phases
from tests.unit.replay.fake import call, view

DRILL = load_script("drill")


def test_a_spread_keeps_its_median_and_its_ninth_tenth() -> None:
    spread = Spread(median_s=60, p90_s=180)
    drawn = sorted(spread.draw(chance(1, n)).total_seconds() for n in range(4000))
    assert drawn[2000] == pytest.approx(60, rel=0.1)
    assert drawn[3600] == pytest.approx(180, rel=0.1)
    assert drawn[-1] <= 540


def test_pick_leaves_out_what_the_shares_leave_out() -> None:
    drawn = Counter(pick(chance(1, n), {"a": 0.2, "b": 0.1}) for n in range(5000))
    assert drawn["a"] / 5000 == pytest.approx(0.2, abs=0.02)
    assert drawn[None] / 5000 == pytest.approx(0.7, abs=0.02)


def test_a_crews_intent_depends_on_the_event_and_not_on_the_incidents_id() -> None:
    keys = {"one": "E7:1", "other": "E7:1", "third": "E8:1"}
    crew = Crew(DRILL.crews, 1, keys.__getitem__)
    assert crew.intent("one", "Team") == crew.intent("other", "Team")
    assert crew.intent("one", "Team") != crew.intent("third", "Team")


def test_crews_decline_and_ignore_in_the_scripts_shares() -> None:
    crew = Crew(DRILL.crews, 1, str)
    answers = Counter(crew.intent(str(n), "Team").answer for n in range(4000))
    assert answers["decline"] / 4000 == pytest.approx(DRILL.crews.decline, abs=0.015)
    assert answers["ignore"] / 4000 == pytest.approx(DRILL.crews.ignore, abs=0.015)


def test_an_unwilling_crew_never_accepts() -> None:
    crew = Crew(DRILL.crews, 1, str, unwilling=lambda: True)
    assert "accept" not in {crew.intent(str(n), "Team").answer for n in range(200)}


def test_a_drive_takes_its_distance_at_the_scripts_speed() -> None:
    here, there = (34.0, -118.2), (34.1, -118.2)
    assert distance_m(here, there) == pytest.approx(11_120, rel=0.001)
    hours = Crew(DRILL.crews, 1, str).drive(here, there).total_seconds() / 3600
    assert hours == pytest.approx(11.12 * 1.3 / DRILL.crews.speed_kmh, rel=0.01)


def test_what_a_file_says_happens_later_is_not_mixed_with_what_is_drawn() -> None:
    scripted = (Later(do="cancel", after="queued"),)
    assert events_of(call(later=scripted), DRILL, seed=1) == list(scripted)


def test_drawn_news_comes_in_the_scripts_shares() -> None:
    drawn = Counter(event.do for n in range(4000) for event in events_of(call(f"E{n}"), DRILL, seed=1))
    assert drawn["update"] / 4000 == pytest.approx(sum(DRILL.cad.worse_news.values()), abs=0.015)
    assert drawn["report_again"] / 4000 == pytest.approx(DRILL.cad.duplicate, abs=0.01)


def test_an_event_waits_for_its_stage_and_happens_once() -> None:
    ledger = Ledger()
    case = ledger.open_case(call(), "run-E1")
    case.pending = [Later(do="update", after="accepted", body={"narrative": "x"}), Later(do="cancel")]
    ledger.note(view("id-1", "queued"), case)
    assert [event.do for event in case.due()] == ["cancel"]
    ledger.note(view("id-1", "en_route", version=2))
    assert [event.do for event in case.due()] == ["update"]
    assert case.due() == []


def test_an_older_answer_does_not_replace_a_newer_one() -> None:
    ledger = Ledger()
    case = ledger.open_case(call(), "run-E1")
    ledger.note(view("id-1", "closed", version=5), case)
    ledger.note(view("id-1", "en_route", version=4))
    assert case.status == "closed"
    assert ledger.note(view("somebody-elses", "queued")) is None


def test_a_phase_is_on_for_its_time_only() -> None:
    clock = SystemClock(1.0)
    began = clock.now() - timedelta(hours=10)
    phases = Phases(DRILL.phases, clock, began, timedelta(hours=24))
    assert [phase.what for phase in phases.on()] == ["nobody_answers"]
    assert phases.nobody_answers()
    assert not phases.reviewers_absent()


def test_the_systems_time_is_believed_within_the_round_trip() -> None:
    clock = SystemClock(60.0)
    truth = datetime(2030, 1, 1, tzinfo=UTC)
    clock.learn(truth, asked_at=100.0, answered_at=100.1)
    assert abs(clock._base - truth) <= timedelta(seconds=6)
    before = clock._base
    clock.learn(truth + timedelta(seconds=1), asked_at=100.0, answered_at=100.1)
    assert clock._base == before
    assert clock.wall_s(timedelta(minutes=1)) == 1.0


def test_percentiles_are_by_nearest_rank() -> None:
    assert Percentiles.of(range(1, 101)).wire() == {"count": 100, "p50": 50, "p90": 90, "p99": 99}
    assert Percentiles.of([]).wire() == {"count": 0, "p50": None, "p90": None, "p99": None}
