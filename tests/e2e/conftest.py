"""Real processes: one sandbox for all tests of a run, one server for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.javascript import install
from support.processes import Child, start_sandbox, start_server
from support.running import Server, StartSandbox, StartServer

MESSAGES = 400
"""In each mailbox of the shared sandbox."""


@pytest.fixture
def anyio_backend() -> str:
    """Processes are read with anyio, on asyncio as everywhere here."""
    return "asyncio"


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A sandbox that plays Google, for tests that only read from it."""
    child = start_sandbox(tmp_path_factory.mktemp("sandbox"), f"--messages={MESSAGES}")
    yield child
    child.close()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[StartSandbox]:
    """Starts a sandbox that the test may change: `own_sandbox("--token-lifetime=3")`."""
    children: list[Child] = []

    def begin(*options: str) -> Child:
        folder = tmp_path / f"sandbox-{len(children)}"
        folder.mkdir()
        children.append(start_sandbox(folder, *options))
        return children[-1]

    yield begin
    for child in children:
        child.close()


@pytest.fixture
def start(tmp_path: Path, sandbox: Child) -> Iterator[StartServer]:
    """Starts a server: `start(limits__stream_events_per_minute="0")`.

    Settings are variables without `SCP_`, in lower case. It reads from the shared sandbox, or from
    one that is given, and has a data folder of its own.
    """
    servers: list[Server] = []

    def begin(google: Child | None = None, **settings: str) -> Server:
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        child = start_server(folder, google or sandbox, **settings)
        servers.append(Server(child, folder, google or sandbox, settings))
        return servers[-1]

    yield begin
    for server in servers:
        server.child.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[Server]:
    """One for all tests of a module, at its default settings but for the limit on events.

    Who stops it, or needs other settings, takes `start`.
    """
    folder = tmp_path_factory.mktemp("server")
    settings = {"limits__stream_events_per_minute": "0"}
    child = start_server(folder, sandbox, **settings)
    yield Server(child, folder, sandbox, settings)
    child.close()


@pytest.fixture
async def session(server: Server) -> str:
    """A session of `server` for one test, that the sandbox's first user has consented to."""
    return await server.open_session()


@pytest.fixture(scope="session")
def javascript() -> None:
    """The JavaScript client's packages are installed."""
    install()
