"""What a tablet shows of a call that has come into doubt."""

import pytest

from services.dispatch.api.views import worse_news
from services.dispatch.domain.assignment import Status
from services.dispatch.domain.guards import Wish

FINE = Wish("civilian", may_offer=True, may_depart=True, verdict="safe", reason=None)
DOUBTED = Wish("civilian", may_offer=False, may_depart=False, verdict="review", reason="review")
AWAY = Wish("civilian", may_offer=True, may_depart=False, verdict="safe", reason="police_staged")


@pytest.mark.parametrize("status", [Status.EN_ROUTE, Status.ON_SCENE])
def test_a_crew_on_its_way_or_with_people_is_alarmed_when_the_call_comes_into_doubt(status: Status) -> None:
    assert worse_news(DOUBTED, status) == "review"
    assert worse_news(FINE, status) is None
    assert worse_news(AWAY, status) is None


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.EN_ROUTE, Status.ON_SCENE}))
def test_who_is_not_moving_is_shown_what_is_awaited_and_not_alarmed(status: Status) -> None:
    assert worse_news(DOUBTED, status) is None
