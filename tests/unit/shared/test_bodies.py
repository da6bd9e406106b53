"""What a body may not hold: the same name twice in one object. (What no database can keep: test_edge.)"""

import pytest

from shared.bodies import fault


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"a": 1, "b": 2, "a": 1}', "/a"),
        (b'{"answers": {"weapons": "yes", "weapons": "no"}}', "/answers/weapons"),
        (b'{"answers": {"weapons": "yes"}, "answers": {}}', "/answers"),
        (b'{"answers": {"weapons": "yes", "weapons": "no"}, "answers": {}}', "/answers"),
        (b'[{"a": {}}, {"x/y~": {"b": 1, "b": 2}}]', "/1/x~1y~0/b"),
        (b'{"weapons": "yes", "\\u0077eapons": "no"}', "/weapons"),
    ],
)
def test_a_name_given_twice_is_named(body: bytes, pointer: str) -> None:
    found = fault(body)
    assert found is not None
    assert found.pointer == pointer
    assert repr(pointer.rsplit("/", 1)[1]) in found.detail


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"7", b"{", b"\xff", b'{"a": {"a": {"a": 1}}, "A": 2}', b'[{"a": 1}, {"a": 1}]'],
)
def test_everything_else_is_left_to_whoever_reads_it(body: bytes) -> None:
    found = fault(body)
    assert found is None or "twice" not in found.detail


def test_the_longest_name_is_cut() -> None:
    name = "n" * 50_000
    found = fault(f'{{"{name}": 1, "{name}": 2}}'.encode())
    assert found is not None
    assert len(found.detail) + len(found.pointer) < 300
