"""The data that tests may read and that are not part of this repository."""

import os
from pathlib import Path
from typing import Final

import pytest

SHARED: Final = Path(__file__).resolve().parent.parent.parent / "shared"


def shared_data(*parts: str) -> Path:
    """Return `../shared/data/<parts>`; where it is not there the test is skipped, saying so.

    With COMMONGROUND_REQUIRE_SHARED=1 (our own CI) a file missing from a `../shared` that is there fails the test.
    """
    wanted = SHARED.joinpath("data", *parts)
    if wanted.exists():
        return wanted
    reason = f"needs ../shared/data/{'/'.join(parts)}, which is not beside this clone"
    if os.environ.get("COMMONGROUND_REQUIRE_SHARED") == "1" and SHARED.is_dir():
        pytest.fail(reason)
    pytest.skip(reason)
