"""The sandboxed Microsoft of the sandboxes of `tests/sandbox`."""

from collections.abc import AsyncIterator

import pytest
from sandbox.browsing import Sandbox
from sandbox.conftest import running
from sandbox.microsoft.calling import Graph, Microsoft

from scp_sandbox import SandboxSettings

SMALL = SandboxSettings(messages=300, events=90, contacts=60, files=80)


@pytest.fixture(scope="session")
async def at_rest() -> AsyncIterator[Sandbox]:
    """One small world for all tests that leave it as it is."""
    async with running(SMALL) as opened:
        yield opened


@pytest.fixture(scope="session")
def resting(at_rest: Sandbox) -> Microsoft:
    """Microsoft in the world that stays as it is."""
    return Microsoft(at_rest)


@pytest.fixture(scope="session")
async def reading(resting: Microsoft) -> Graph:
    """Ada's Graph in the world that stays as it is."""
    return await resting.sign_in()


@pytest.fixture
async def microsoft() -> AsyncIterator[Microsoft]:
    """Microsoft in a small world of the test's own."""
    async with running(SMALL) as opened:
        yield Microsoft(opened)


@pytest.fixture
async def graph(microsoft: Microsoft) -> Graph:
    """Ada's Graph in a world of the test's own."""
    return await microsoft.sign_in()
