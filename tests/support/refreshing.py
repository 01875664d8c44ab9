"""A process of its own that asks for a session's token, many times at once.

`python -m support.refreshing '<Task as JSON>'`: says `ready`, waits for a line, asks, and prints
the digests of the tokens it got, as JSON.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any, cast

import aiohttp
import anyio
import msgspec
from support.consent import Office
from support.microsoft_sign_in import ScriptedMicrosoft
from support.sql_stores import sql_stores
from support.time_and_chance import TurnedClock

from scp_server.crypto.keyring import parse_keys
from scp_server.domain.secrets import Secret
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_wire.stream_types import Provider


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask for, where and when."""

    database: str
    keys: str
    """The text of a key file."""
    microsoft: str
    """Where the scripted provider is."""
    session_pk: int
    now: float
    callers: int


def digest(token: Secret) -> str:
    """What tells two tokens apart."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


async def ask(task: Task) -> set[str]:
    """The digests of what many callers are given."""
    clock, got = TurnedClock(task.now), set[str]()
    scripted = ScriptedMicrosoft(clock=clock, key=cast("Any", None), url=task.microsoft)
    path, keys = Path(task.database), parse_keys(task.keys, "keys")
    async with aiohttp.ClientSession() as http, sql_stores(path, keys, clock) as stores:
        office = Office(clock=clock)
        office.sessions = cast("Any", stores.sessions)
        office.authorities = {
            Provider.MICROSOFT: MicrosoftAuthority(scripted.endpoints(), http, clock)
        }
        freshness = office.freshness()
        # As in a server that has run for long: what is stored was read before.
        await stores.sessions.grant(task.session_pk)
        print("ready", flush=True)  # noqa: T201  (to who started us)
        await anyio.to_thread.run_sync(sys.stdin.readline)

        async def one() -> None:
            got.add(digest(await freshness.access_token(task.session_pk)))

        async with anyio.create_task_group() as tasks:
            for _ in range(task.callers):
                tasks.start_soon(one)
    return got


if __name__ == "__main__":
    answer = anyio.run(ask, msgspec.json.decode(sys.argv[1], type=Task))
    print(msgspec.json.encode(sorted(answer)).decode())  # noqa: T201
