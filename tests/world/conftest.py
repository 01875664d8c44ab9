"""Rooms for the tests of filters that change the world."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support.filter_room import Rooms


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    """A sandbox and a server for each provider, for the tests of a module."""
    with ExitStack() as stack:
        yield Rooms(tmp_path_factory.mktemp("rooms"), stack)
