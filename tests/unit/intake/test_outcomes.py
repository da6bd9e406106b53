"""What is counted of a neighborhood's calls, and that no number shown is, or gives away, one under five."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.outcomes import SMALLEST, CallFact, measure, suppress


def call(**more: Any) -> CallFact:
    fields: dict[str, Any] = {
        "verdict": "safe", "kind": "neighbor", "status": "closed", "was_queued": True, "return_reason": None,
        "outcome": "agreement", "arrived_after": timedelta(minutes=20),
    }  # fmt: skip
    return CallFact(**{**fields, **more})


def returned(reason: str, **more: Any) -> CallFact:
    return call(status="returned", return_reason=reason, outcome=None, arrived_after=None, **more)


def test_the_numbers_of_a_period() -> None:
    waits = [call(arrived_after=timedelta(minutes=minutes)) for minutes in range(1, 11)]
    found = measure([
        *waits,
        returned("no_team_on_duty"),
        returned("outside_hours", verdict="review", was_queued=False),
        returned("unsafe", verdict="unsafe", was_queued=False, kind="family"),
        call(status="returned", return_reason="team_escalated", outcome=None),
        call(status="cancelled", outcome=None, arrived_after=None),
        call(status="queued", outcome=None, arrived_after=None),
    ])  # fmt: skip
    assert (found.calls, found.eligible, found.served, found.not_served) == (16, 15, 11, 4)
    assert found.not_served_because == {"cancelled": 1, "no_team_on_duty": 1, "outside_hours": 1, "under_way": 1}
    assert found.verdicts == {"review": 1, "safe": 14, "unsafe": 1}
    assert found.kinds == {"family": 1, "neighbor": 15}
    assert (found.escalated, found.outcomes) == (1, {"agreement": 10})
    assert (found.response_p50_min, found.response_p90_min) == (6.0, 10.0)
    assert found.measure("share_served") == round(11 / 15, 3)
    assert found.measure("share_agreement_or_calmed") == 1.0
    assert found.measure("other") is None


def test_nothing_happened_is_told_as_nothing() -> None:
    found = measure([])
    assert (found.calls, found.response_p50_min, found.measure("share_served")) == (0, None, None)
    assert suppress(found, arrived=0) == found


def test_a_small_number_is_left_out_with_what_would_give_it_away() -> None:
    calls = [*[call()] * 20, *[call(kind="family")] * 2, *[call(kind="roommate")] * 9]
    found = suppress(measure(calls), arrived=31)
    assert found.kinds == {"family": None, "neighbor": 20, "roommate": None}
    assert (found.calls, found.suppressed) == (31, True)
    few = suppress(measure([call()] * 3), arrived=3)
    assert (few.calls, few.kinds, few.served, few.eligible) == (None, {"neighbor": None}, None, None)
    assert (few.response_p50_min, few.measure("share_served"), few.outcomes) == (None, None, {"agreement": None})


reasons = st.sampled_from([None, "no_team_on_duty", "outside_hours", "unsafe", "team_escalated"])
calls = st.lists(
    st.builds(
        call, verdict=st.sampled_from(["safe", "review", "unsafe"]), kind=st.sampled_from("abc"), return_reason=reasons,
        was_queued=st.booleans(), outcome=st.sampled_from([None, "agreement", "calmed", "refused"]),
        arrived_after=st.sampled_from([None, timedelta(minutes=9)]),
    ),
    max_size=60,
)  # fmt: skip


@given(calls)
def test_no_number_under_five_is_shown_or_can_be_worked_out(known: list[CallFact]) -> None:
    plain = measure(known)
    found = suppress(plain, arrived=sum(one.arrived_after is not None for one in known))
    shown = [found.calls, found.eligible, found.served, found.not_served, found.escalated]
    tables = [(found.calls, found.verdicts), (found.calls, found.kinds), (found.not_served, found.not_served_because)]
    for counts in (found.verdicts, found.kinds, found.not_served_because, found.outcomes):
        shown += counts.values()
    assert not [count for count in shown if count is not None and 0 < count < SMALLEST]
    for total, parts in tables:
        if total is not None and None in parts.values():
            assert total - sum(count or 0 for count in parts.values()) >= SMALLEST
    if found.eligible is not None:
        assert found.served is not None
        assert found.not_served is not None
    assert found.suppressed == (found != plain)
