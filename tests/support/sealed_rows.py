"""Everything that lies sealed in a database: one of each kind, and opened from outside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Text, cast, create_engine, literal, select
from support.sql_stores import NOW, a_row, a_stream, consented, pending

from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.keyring import Keyring
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import ConsentRequest
from scp_server.domain.streams import StreamState
from scp_server.ports.envelopes import Field
from scp_server.storage.sql.database import Stores
from scp_server.storage.sql.tables import (
    METADATA,
    consent_requests,
    ledger,
    sessions,
    streams,
    vault,
)
from scp_wire.codes import ErrorCode, ErrorObject
from scp_wire.stream_types import Provider


def sealed_columns() -> set[str]:
    """Every column that the tables say is sealed."""
    return {
        f"{table.name}.{column.name}"
        for table in METADATA.tables.values()
        for column in table.c
        if column.comment is not None and column.comment.startswith("sealed")
    }


async def one_of_each(stores: Stores, name: str) -> int:
    """A session with everything a session can have; its key."""
    session = await consented(stores.sessions, Secret(f"session-{name}"))
    await stores.sessions.open_request(
        Secret(f"token-{name}"),
        ConsentRequest(
            session_pk=session.pk,
            provider=Provider.GOOGLE,
            renewal=True,
            by_hand=False,
            session_id=None,
            return_to=None,
            expires_at=NOW + 600,
        ),
    )
    stream_id = f"stream-{name}"
    await stores.streams.create(a_stream(session.pk, stream_id))
    await stores.streams.save(stream_id, a_row(1), now=NOW)
    await stores.streams.note(stream_id, a_row(2), now=NOW)
    error = ErrorObject(code=ErrorCode.PROVIDER_ERROR, message=f"failed: {name}")
    await stores.streams.end(stream_id, StreamState.FAILED, "PROVIDER_ERROR", error, now=NOW)
    return session.pk


async def many_of_each(stores: Stores, count: int) -> None:
    """So many sessions with everything, and as many that wait for their user."""
    for number in range(count):
        await one_of_each(stores, f"{number:04}")
        await pending(stores.sessions, Secret(f"session-pending-{number:04}"))


def opened(path: Path, keyring: Keyring) -> dict[str, list[bytes]]:
    """All that is sealed in the database, opened with these keys alone, by column.

    Raises: SealBroken.
    """
    envelopes = KeyringEnvelopes(keyring)
    engine = create_engine(f"sqlite:///{path}")
    found: dict[str, list[bytes]] = {name: [] for name in sealed_columns()}
    try:
        with engine.connect() as connection:
            keys = dict(connection.execute(select(vault.c.session_pk, vault.c.wrapped_key)).all())
            for column, field, sealed in sealed_values(connection):
                found[column].append(envelopes.open(keys[field.session_pk], field, sealed))
    finally:
        engine.dispose()
    return found


def sealed_values(connection: Connection) -> Iterator[tuple[str, Field, str]]:
    """Each sealed value, with its column and the place it belongs to."""

    def values(query: Any, column: str) -> Iterator[tuple[str, Field, str]]:  # noqa: ANN401
        table, name = column.split(".")
        for pk, row, sealed in connection.execute(query):
            if sealed is not None:
                spelled = row.hex() if isinstance(row, bytes) else row
                yield column, Field(session_pk=pk, table=table, row=spelled, name=name), sealed

    yield from values(select(sessions.c.pk, literal(""), sessions.c.account), "sessions.account")
    yield from values(select(vault.c.session_pk, literal(""), vault.c.tokens), "vault.tokens")
    requests = consent_requests.c
    yield from values(
        select(requests.session_pk, requests.token_hash, requests.request),
        "consent_requests.request",
    )
    for name in ("config", "error"):
        yield from values(
            select(streams.c.session_pk, streams.c.stream_id, streams.c[name]), f"streams.{name}"
        )
    place = ledger.c.stream_id + "/" + ledger.c.epoch + "/" + cast(ledger.c.n, Text)
    owned = ledger.join(streams, streams.c.stream_id == ledger.c.stream_id)
    yield from values(
        select(streams.c.session_pk, place, ledger.c.place).select_from(owned), "ledger.place"
    )
