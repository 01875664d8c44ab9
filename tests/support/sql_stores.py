"""Stores over a real SQLite file, and things to put into them."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.time_and_chance import TurnedClock

from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.key_lines import new_text
from scp_server.crypto.keyring import Keyring, parse_keys
from scp_server.crypto.seals import KeyringSeals
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant, Session
from scp_server.domain.streams import (
    LedgerRow,
    Phase,
    Place,
    Position,
    Stream,
    StreamConfig,
    StreamState,
)
from scp_server.ports.clock import Clock
from scp_server.ports.sessions import SessionStore
from scp_server.storage.sql.database import Stores, open_database
from scp_wire.filters import MailFilters
from scp_wire.stream_types import Provider, StreamType

NOW = 1_800_000_000.0
DAY = 86_400.0
SESSION_ID = Secret("session-" + "Q" * 43)
ACCOUNT = Account(issuer="https://accounts.example", subject="subject-1", label="ada@mail.example")


def new_keyring() -> Keyring:
    """Keys nobody has seen before."""
    return parse_keys(new_text(), "The keys of a test")


def sql(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement from outside, as whoever has the file can."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement, values).fetchall()
        connection.commit()
    finally:
        connection.close()
    return rows


def all_bytes(directory: Path) -> bytes:
    """Everything in all files of a directory and below."""
    return b"\n".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


@asynccontextmanager
async def sql_stores(
    path: Path, keyring: Keyring | None = None, clock: Clock | None = None
) -> AsyncIterator[Stores]:
    """The stores of the database file at that path."""
    keys = keyring or new_keyring()
    async with open_database(
        f"sqlite:///{path}",
        seals=KeyringSeals(keys),
        envelopes=KeyringEnvelopes(keys),
        clock=clock or TurnedClock(NOW),
    ) as stores:
        yield stores


def a_grant(version: int = 0, access: str = "ya29.access", refresh: str = "1//0refresh") -> Grant:
    """A grant good for an hour."""
    return Grant(
        access_token=Secret(access),
        refresh_token=Secret(refresh),
        expires_at=NOW + 3600,
        scopes=frozenset({"mail.readonly"}),
        lifetime=3599.0,
        version=version,
    )


async def pending(sessions: SessionStore, session_id: Secret = SESSION_ID) -> Session:
    """A session whose user has not consented yet."""
    return await sessions.open(
        session_id,
        provider=Provider.GOOGLE,
        stream_types=(StreamType.GMAIL_MESSAGES, StreamType.CALENDAR_EVENTS),
        agent_id="helper",
        endpoints={"gmail_url": "https://gmail.example"},
        expires_at=NOW + 600,
    )


async def consented(
    sessions: SessionStore, session_id: Secret = SESSION_ID, account: Account = ACCOUNT
) -> Session:
    """A session with tokens."""
    session = await pending(sessions, session_id)
    await sessions.activate(session.pk, account, a_grant(), expires_at=NOW + 30 * DAY)
    active = await sessions.get(session.pk)
    assert active is not None
    return active


def a_config(stream_type: StreamType = StreamType.GMAIL_MESSAGES) -> StreamConfig:
    """A stream's configuration, as a caller gave it."""
    return StreamConfig(
        stream_type=stream_type,
        provider=Provider.GOOGLE,
        filters=MailFilters(query="is:unread", label_ids=("INBOX",)),
        given_filters={"query": "is:unread", "label_ids": ["INBOX"]},
        batch_size=100,
        max_results=1000,
        real_time=True,
        rate_limit_per_minute=60,
        include_raw=False,
        agent_id="helper",
    )


def a_stream(
    session_pk: int, stream_id: str = "stream-1", config: StreamConfig | None = None
) -> Stream:
    """A stream that has just begun."""
    return Stream(
        stream_id=stream_id,
        session_pk=session_pk,
        config=config or a_config(),
        state=StreamState.ACTIVE,
        state_reason="backfilling",
        items_streamed=0,
        started_at=NOW,
        last_activity=NOW,
        ended_at=None,
        error=None,
    )


def a_row(n: int, epoch: str = "epoch", position: bytes = b'{"page":"p"}') -> LedgerRow:
    """A place after event `n`."""
    place = Place(phase=Phase.BACKFILLING, resume=Position(position), taken=n)
    return LedgerRow(epoch=epoch, n=n, place=place, items=n)
