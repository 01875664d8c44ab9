"""One sandbox for what only reads, one of its own for a test that changes the world."""

from collections.abc import AsyncIterator

import pytest
from certified.google_clients import Google, signed_in
from certified.microsoft_clients import Outlook, outlook_of
from sandbox.browsing import Sandbox
from sandbox.conftest import running

from scp_sandbox import SandboxSettings

SMALL = SandboxSettings(messages=120, events=60, contacts=50, files=60)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def quiet() -> AsyncIterator[Sandbox]:
    """A sandbox that tests leave as it is."""
    async with running(SMALL) as opened:
        yield opened


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox of the test's own."""
    async with running(SMALL) as opened:
        yield opened


@pytest.fixture
async def reader(quiet: Sandbox) -> AsyncIterator[Google]:
    """Ada's Google, for reading."""
    google = await signed_in(quiet)
    yield google
    google.close()


@pytest.fixture
async def google(sandbox: Sandbox) -> AsyncIterator[Google]:
    """Ada's Google, for a test that changes the world or its rules."""
    google = await signed_in(sandbox)
    yield google
    google.close()


@pytest.fixture
async def reading(quiet: Sandbox) -> AsyncIterator[Outlook]:
    """Ada's Outlook, for reading."""
    outlook = await outlook_of(quiet)
    yield outlook
    outlook.close()


@pytest.fixture
async def outlook(sandbox: Sandbox) -> AsyncIterator[Outlook]:
    """Ada's Outlook, for a test that changes the world or its rules."""
    outlook = await outlook_of(sandbox)
    yield outlook
    outlook.close()
