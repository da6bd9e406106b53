"""Which worker runs which tests (a pytest plugin): those that share a system or a database stay together, slow ones begin first."""

from pathlib import PurePosixPath
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

_OWN_SYSTEM: Final = frozenset({"test_up", "test_pages_as_pasted", "test_crash_anywhere"})
"""Modules of `e2e` and `fault` that do not use their folder's system."""
_FIRST: Final = ("fault", "e2e", "property")


def shared_by(nodeid: str) -> str:
    """Return what the test shares with others: its folder's system, or its module's database."""
    path = PurePosixPath(nodeid.partition("::")[0])
    together = path.parent.name in {"fault", "e2e"} and path.stem not in _OWN_SYSTEM
    return path.parent.name if together else str(path)


class _Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no type hints
    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Keep together what shares a fixture that is dear to make. xdist's own groups do nothing under pytest 9.2."""
    config.option.loadscopereorder = False  # the order below, not the number of tests
    return _Together(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders that take longest, so that no worker is left with one of them at the end."""

    def place(item: pytest.Item) -> int:
        folders = item.nodeid.split("/")
        return next((at for at, folder in enumerate(_FIRST) if folder in folders), len(_FIRST))

    items.sort(key=place)
