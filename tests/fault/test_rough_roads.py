"""The short form of `tests.bench.rough_roads`: a quarter of a minute in and out of dead spots while dispatch is killed."""

from tests.field.ground import Field
from tests.field.rough_roads import drive, said


async def test_on_rough_roads_no_offer_is_missed_nothing_is_done_twice_and_all_agree(field: Field) -> None:
    corners = [await field.corner() for _ in range(3)]
    found = await drive(field, corners, seconds=15)
    assert found.wrong == [], said(found)
    assert found.did["offers shown"] > 3
