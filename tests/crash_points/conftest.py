"""Real processes, read with anyio on asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """As everywhere here."""
    return "asyncio"
