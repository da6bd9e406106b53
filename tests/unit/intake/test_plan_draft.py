"""The life of a draft, who may approve it, and what differs between two plans."""

from itertools import product

import pytest

from services.intake.domain.plan_draft import (
    TRANSITIONS,
    Change,
    DraftAction,
    DraftActionIllegal,
    DraftStatus,
    decide_draft,
    differences,
    only_author,
)


@pytest.mark.parametrize(("status", "action"), list(product(DraftStatus, DraftAction)))
def test_a_draft_moves_as_the_table_says_and_in_no_other_way(status: DraftStatus, action: DraftAction) -> None:
    if (status, action) in TRANSITIONS:
        assert decide_draft(status, action) is TRANSITIONS[status, action]
        return
    with pytest.raises(DraftActionIllegal):
        decide_draft(status, action)


def test_what_is_adopted_or_withdrawn_stays_so_and_only_the_proposed_is_adopted() -> None:
    assert not {status for status, _ in TRANSITIONS} & {DraftStatus.ADOPTED, DraftStatus.WITHDRAWN}
    assert [s for s, action in TRANSITIONS if action is DraftAction.ADOPT] == [DraftStatus.PROPOSED]


@pytest.mark.parametrize(
    ("approver", "authors", "alone"),
    [
        ("Ana Ruiz", ["Ana Ruiz"], True),
        (" ana  RUIZ ", ["Ana Ruiz", "ana ruiz"], True),
        ("ana", ["supervisor:ana"], True),
        ("Council", ["Ana Ruiz"], False),
        ("Ana Ruiz", ["Ana Ruiz", "Ben Cho"], False),
    ],
)
def test_an_approver_who_is_the_only_author_is_known_however_the_name_is_written(
    approver: str, authors: list[str], alone: bool
) -> None:
    assert only_author(approver, authors) is alone


def test_differences_are_told_by_pointer() -> None:
    before = {"notes": ["a"], "hours": {"mediator": [{"opens": "08:00"}]}, "same": [1]}
    after = {
        "notes": ["a", "b"],
        "hours": {"mediator": [{"opens": "09:00"}, {"opens": "10:00"}]},
        "same": [1],
        "new": 1,
    }
    assert list(differences(before, after)) == [
        Change("/notes", ["a"], ["a", "b"]),
        Change("/hours/mediator/0/opens", "08:00", "09:00"),
        Change("/hours/mediator/1", None, {"opens": "10:00"}),
        Change("/new", None, 1),
    ]
    assert list(differences(before, before)) == []
