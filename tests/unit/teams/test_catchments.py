"""Which slugs of a catchment are on no map, and what was meant."""

from services.teams.domain.catchments import MOST_GUESSED, MOST_NAMED, Unknown, unknown

KNOWN = frozenset({"boyle-heights", "lincoln-heights", "venice"})


def test_each_unknown_slug_is_named_in_its_order_with_the_nearest_known_one() -> None:
    named = ["venise", "boyle-heights", "mars", "lincoln-hights"]
    assert unknown(named, KNOWN) == [
        Unknown("venise", "venice"),
        Unknown("mars", None),
        Unknown("lincoln-hights", "lincoln-heights"),
    ]


def test_known_slugs_are_no_fault_and_on_an_empty_map_nothing_is_near() -> None:
    assert unknown(KNOWN, KNOWN) == []
    assert unknown(["venice"], frozenset()) == [Unknown("venice", None)]


def test_of_very_many_the_first_are_named_and_fewer_are_guessed_at() -> None:
    faults = unknown((f"venice-{n}" for n in range(500)), KNOWN)
    assert [fault.slug for fault in faults] == [f"venice-{n}" for n in range(MOST_NAMED)]
    assert [fault.nearest for fault in faults] == ["venice"] * MOST_GUESSED + [None] * (MOST_NAMED - MOST_GUESSED)
