"""Two processes over one database, at a provider that takes a reused refresh token for a theft."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream
from support.consent import Office
from support.microsoft_sign_in import ScriptedMicrosoft
from support.refreshing import Task, digest
from support.sql_stores import sql_stores
from support.time_and_chance import TurnedClock

from scp_server.crypto.key_lines import new_text
from scp_server.crypto.keyring import parse_keys
from scp_server.domain.sessions import SessionState
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_wire.stream_types import Provider, StreamType

HERE = Path(__file__).parents[3]
CALLERS = 100


@asynccontextmanager
async def asking(task: Task) -> AsyncIterator[tuple[Process, TextReceiveStream]]:
    """A process that is ready to ask."""
    line = [sys.executable, "-m", "support.refreshing", msgspec.json.encode(task).decode()]
    paths = f"{HERE / 'src'}:{HERE / 'tests'}"
    async with await anyio.open_process(line, env={"PYTHONPATH": paths}, stderr=None) as process:
        assert process.stdout is not None
        said = TextReceiveStream(process.stdout)
        assert (await said.receive()).strip() == "ready"
        yield process, said


async def test_two_hundred_callers_in_two_processes_use_the_refresh_token_once(
    tmp_path: Path, microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, clock: TurnedClock
) -> None:
    microsoft.strict = True
    text = new_text()
    path, keys = tmp_path / "scp.db", parse_keys(text, "keys")
    async with sql_stores(path, keys, clock) as stores:
        office = Office(
            clock=clock, provider=Provider.MICROSOFT, stream_type=StreamType.OUTLOOK_MESSAGES
        )
        office.sessions = cast("Any", stores.sessions)
        office.authorities = {Provider.MICROSOFT: authority}
        page = await office.page(None)
        code, state = microsoft.consent(page.redirect)
        session = (await office.answer(page, code=code, state=state, iss=None)).session
        clock.turn(3600)
        task = Task(
            database=str(path),
            keys=text,
            microsoft=microsoft.url,
            session_pk=session.pk,
            now=clock.now(),
            callers=CALLERS,
        )
        got = list[str]()
        async with asking(task) as one, asking(task) as two:
            for process, _ in (one, two):
                assert process.stdin is not None
                await process.stdin.send(b"go\n")
            for _, said in (one, two):
                got += msgspec.json.decode("".join([part async for part in said]))
        assert len(microsoft.forms("refresh_token")) == 1
        async with stores.sessions.refreshing(session.pk):
            stored = await stores.sessions.grant(session.pk)
        assert stored is not None
        assert got == [digest(stored.access_token)] * 2
        assert stored.refresh_token is not None
        assert stored.refresh_token.reveal() in microsoft.alive
        assert (await office.now(session)).state is SessionState.ACTIVE
