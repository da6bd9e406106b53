"""One system for the folder, with the periods of production: what the tests measure is what an operator gets."""

from collections.abc import AsyncIterator

import pytest

from tests.field.ground import Corner, Field, running


@pytest.fixture(scope="package")
async def shared_field(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Field]:
    """The folder's system; ask for `field`."""
    async with running(postgres_dsn, tmp_path_factory.mktemp("fault-logs")) as made:
        yield made


@pytest.fixture
async def field(shared_field: Field) -> AsyncIterator[Field]:
    """A running system with two replicas of each service; whatever a test breaks is mended after it."""
    yield shared_field
    await shared_field.system.make_whole()


@pytest.fixture
async def corner(field: Field) -> Corner:
    """A neighborhood of this test's own, with one team."""
    return await field.corner()
