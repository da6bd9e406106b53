"""What an update is read as, before anything is kept or decided."""

import tracemalloc
from typing import Any

import pytest

from services.intake.api.schemas.updates import read_update
from services.intake.commands.evidence import TEXT_LIMIT


def read(body: Any) -> tuple[str, bool]:
    said = read_update(body, "test")
    return said.extra_text, said.truncated


def test_unknown_content_is_one_line_for_each_value_with_the_names_that_lead_to_it() -> None:
    body = {"premise_history": ["he has a gun", True, None, 3], "answers": {"hostage": {"of_whom": "child"}}}
    assert read(body) == (
        "premise history: he has a gun\npremise history: yes\npremise history: 3\nanswers hostage of whom: child",
        False,
    )


def test_unknown_content_is_cut_at_the_limit_and_not_before() -> None:
    assert read({"more": "x" * (TEXT_LIMIT - 6)}) == ("more: " + "x" * (TEXT_LIMIT - 6), False)
    assert read({"more": "x" * (TEXT_LIMIT - 5)}) == ("more: " + "x" * (TEXT_LIMIT - 6), True)
    assert read({"more": ["x" * (TEXT_LIMIT - 6), ""]}) == ("more: " + "x" * (TEXT_LIMIT - 6), True)


def test_a_long_name_is_read_once_whole_and_its_end_stands_by_each_value() -> None:
    name = "he_has_a_gun " + "a" * 300
    text, truncated = read({name: {"is_near": ["yes", "no"]}})
    assert text.splitlines() == [
        "he has a gun " + "a" * 300,
        "a" * 200 + " is near",
        "a" * 192 + " is near: yes",
        "a" * 192 + " is near: no",
    ]
    assert truncated is True, "a person must look"


@pytest.mark.parametrize(
    "body",
    [
        {"a" * 8_000 + "\N{PISTOL}": [1] * 4_000},
        {"answers": {"a" * 8_000 + "\N{PISTOL}": [1] * 4_000}},
        {"a" * 8_000 + "\N{PISTOL}": {str(number): 1 for number in range(4_000)}},
    ],
)
def test_a_small_update_takes_little_memory_however_it_is_nested(body: dict[str, Any]) -> None:
    tracemalloc.start()
    try:
        text, truncated = read(body)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(text), truncated) == (TEXT_LIMIT, True)
    assert peak_bytes < 5_000_000
