"""A real sandbox on a free port, and clients that walk its consent page."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import anyio
import pytest
from sandbox.browsing import Sandbox

from scp_sandbox import SandboxSettings, serve

Opened = Callable[[SandboxSettings], Awaitable[Sandbox]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def running(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """A sandbox with these settings, for as long as the block lasts."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    async with anyio.create_task_group() as group:
        group.start_soon(_serve, settings, listening)
        async with aiohttp.ClientSession() as http:
            yield Sandbox(base=f"http://127.0.0.1:{port}", http=http)
        group.cancel_scope.cancel()


async def _serve(settings: SandboxSettings, listening: socket.socket) -> None:
    await serve(settings, host="127.0.0.1", port=0, sockets=[listening])


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A small world with nothing refused."""
    async with running(SandboxSettings(messages=300, events=90)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared() -> AsyncIterator[Sandbox]:
    """One small world for all tests that leave it as it is."""
    async with running(SandboxSettings(messages=300, events=90)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared_token(shared: Sandbox) -> str:
    """Ada's access token in the shared world."""
    return await shared.sign_in()


@pytest.fixture
async def strict_sandbox() -> AsyncIterator[Sandbox]:
    """A small world with the published quotas."""
    async with running(SandboxSettings(messages=300, events=90, quotas="published")) as opened:
        yield opened
