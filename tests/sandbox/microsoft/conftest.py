"""The sandboxed Microsoft of the sandboxes of `tests/sandbox`."""

from collections.abc import AsyncIterator

import pytest
from sandbox.browsing import Sandbox
from sandbox.conftest import running
from sandbox.microsoft.calling import Graph, Microsoft

from scp_sandbox import SandboxSettings
from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.accounts import ACCOUNTS
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.mail import Mail

SMALL = SandboxSettings(messages=300, events=90, contacts=60, files=80)


@pytest.fixture(scope="module")
async def at_rest() -> AsyncIterator[Sandbox]:
    """One small world for all tests that leave it as it is."""
    async with running(SMALL) as opened:
        yield opened


@pytest.fixture(scope="module")
def resting(at_rest: Sandbox) -> Microsoft:
    """Microsoft in the world that stays as it is."""
    return Microsoft(at_rest)


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def some() -> Mail:
    """One message of Ada's."""
    account = ACCOUNTS[0]
    return Box(account.user, seed=1, visible=20, clock=Clock()).newest_first()[0]
