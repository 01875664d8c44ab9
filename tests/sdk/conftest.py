from collections.abc import AsyncIterator

import pytest
from sdk.scripted_server import SESSION, ScriptedServer, scripted_server

from scp_sdk import AsyncSCPClient, Patience, WireName

HASTY = Patience(first_delay=0.001, longest_delay=0.01, longest_outage=5.0, quiet=30.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[AsyncSCPClient]:
    async with AsyncSCPClient(server.url, SESSION, timeout=5.0, patience=HASTY) as client:
        yield client


@pytest.fixture(params=["socketio", "sse", "ndjson"])
def wire(request: pytest.FixtureRequest) -> WireName:
    """Every wire, in turn."""
    name: WireName = request.param
    return name
