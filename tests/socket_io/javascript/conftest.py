"""The official client from npm, under the Node of the wheel."""

import pytest
from support.javascript import install


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    install()
