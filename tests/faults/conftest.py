"""One room for the tests of a module; each leaves it as it was."""

from collections.abc import Iterator

import pytest
from support.fault_room import Room, settings
from support.lives import Lives
from support.processes import start_sandbox


@pytest.fixture
def anyio_backend() -> str:
    """Processes are read with anyio, on asyncio as everywhere here."""
    return "asyncio"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A sandbox with small worlds, and a server."""
    folder = tmp_path_factory.mktemp("room")
    sandbox = start_sandbox(folder, "--messages=60", "--events=20", "--contacts=30")
    given, contacts_at = settings(folder)
    try:
        with Lives(folder, sandbox, **given) as lives:
            yield Room(folder, sandbox, lives, contacts_at)
    finally:
        sandbox.close()


@pytest.fixture
def room(built: Room) -> Iterator[Room]:
    """The room, with nothing wrong in it."""
    yield built
    built.forgive()
    built.turn_clock(0)
    assert "Traceback" not in built.log
