from typing import Any

import pytest
from support import virtual_time


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time passes only when nothing is left to do."""
    return virtual_time.BACKEND
