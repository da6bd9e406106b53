"""Life of a plan before it is in force: written, proposed, adopted by somebody who is not its only author. Diagram: docs/plans.md."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from shared.errors import Refusal


class DraftStatus(StrEnum):
    DRAFT = "draft"  # people write it
    PROPOSED = "proposed"  # finished by its authors; nobody may change it while it is looked at
    ADOPTED = "adopted"  # it became a version of the plan
    WITHDRAWN = "withdrawn"


class DraftAction(StrEnum):
    PROPOSE = "propose"
    REOPEN = "reopen"
    ADOPT = "adopt"
    WITHDRAW = "withdraw"


TRANSITIONS: Final[Mapping[tuple[DraftStatus, DraftAction], DraftStatus]] = MappingProxyType({
    (DraftStatus.DRAFT, DraftAction.PROPOSE): DraftStatus.PROPOSED,
    (DraftStatus.DRAFT, DraftAction.WITHDRAW): DraftStatus.WITHDRAWN,
    (DraftStatus.PROPOSED, DraftAction.REOPEN): DraftStatus.DRAFT,
    (DraftStatus.PROPOSED, DraftAction.ADOPT): DraftStatus.ADOPTED,
    (DraftStatus.PROPOSED, DraftAction.WITHDRAW): DraftStatus.WITHDRAWN,
})  # fmt: skip


class DraftActionIllegal(Refusal):
    """The draft's status has no such action; nothing has changed."""

    title = "Illegal action for this draft"


class Change(NamedTuple):
    """One difference between two versions of a plan; None: not there."""

    pointer: str
    before: Any
    after: Any


def decide_draft(status: DraftStatus, action: DraftAction) -> DraftStatus:
    """Return the status that `action` leads to. Raises DraftActionIllegal if the table has none."""
    if (after := TRANSITIONS.get((status, action))) is None:
        legal = sorted(known for before, known in TRANSITIONS if before == status)
        raise DraftActionIllegal(f"A draft that is {status} cannot be: {action}.", status=status.value, actions=legal)
    return after


def only_author(approver: str, authors: Iterable[str]) -> bool:
    """Say whether the approver wrote the plan alone: then nobody else has looked at it."""
    names = {_person(author) for author in authors}
    return names <= {_person(approver)}


def _person(name: str) -> str:
    """Return a name as it is compared: a token's `role:name` is the same person as the name."""
    return " ".join(name.rpartition(":")[2].casefold().split())


def differences(before: Any, after: Any, pointer: str = "") -> Iterator[Change]:
    """Yield what differs between two bodies, by JSON pointer. Lists of texts are told as what came and went."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in (*before, *(key for key in after if key not in before)):
            yield from differences(before.get(key), after.get(key), f"{pointer}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and _maps(before) and _maps(after):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else None
            yield from differences(old, after[index] if index < len(after) else None, f"{pointer}/{index}")
    elif before != after:
        yield Change(pointer, before, after)


def _maps(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, Mapping) for item in items)
