from typing import Any

import pytest
from hypothesis import settings
from support import virtual_time


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time passes only when nothing is left to do."""
    return virtual_time.BACKEND


settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
