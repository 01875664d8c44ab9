"""One house per test."""

from collections.abc import AsyncIterator

import pytest
from support.api_server import House, serving


@pytest.fixture
def anyio_backend() -> str:
    """The server is uvicorn's, which runs on asyncio."""
    return "asyncio"


@pytest.fixture
async def house(anyio_backend: str) -> AsyncIterator[House]:
    """The API with no limits, at its default settings."""
    async with serving() as running:
        yield running
