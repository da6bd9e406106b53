"""One system for the whole folder; its loops run three times as often, so that a deadline that was reached acts at once."""

from collections.abc import AsyncIterator

import pytest

from tests.field.ground import Corner, Field, running


@pytest.fixture(scope="package")
async def field(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    """A running system with two replicas of each service."""
    async with running(postgres_dsn, tmp_path_factory.mktemp("e2e-logs"), hurried=3) as made:
        yield made


@pytest.fixture
async def corner(field: Field) -> Corner:
    """A neighborhood of this test's own, with one team."""
    return await field.corner()
