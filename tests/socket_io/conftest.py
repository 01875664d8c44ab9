"""Every test runs twice: with WebSockets as ASGI messages, and by the fast lane."""

import pytest
from support.socketio_server import Way


@pytest.fixture
def anyio_backend() -> str:
    """Uvicorn is asyncio's."""
    return "asyncio"


@pytest.fixture(params=list(Way), ids=lambda way: way.name.lower())
def way(request: pytest.FixtureRequest) -> Way:
    """How WebSockets reach the server."""
    return Way(request.param)
