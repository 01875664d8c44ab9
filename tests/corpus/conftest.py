"""A sandbox for all of the corpus."""

from collections.abc import Iterator

import pytest
from support.processes import Child, start_sandbox


@pytest.fixture
def anyio_backend() -> str:
    """As everywhere here."""
    return "asyncio"


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """It plays Google and Microsoft."""
    child = start_sandbox(tmp_path_factory.mktemp("sandbox"), "--messages=20")
    yield child
    child.close()
