"""Rows of sessions: read with their keys, and opened."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, select

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant, Session, SessionState
from scp_server.ports.envelopes import Envelopes, Field
from scp_server.storage.sql.remembered import Remembered
from scp_server.storage.sql.tables import sessions, vault
from scp_server.storage.sql.transactions import Transactions
from scp_wire.stream_types import Provider, StreamType

REMEMBERED: Final = 4096
"""Sessions, at about 2 KB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session as it lies in the database: nothing sealed is opened, so that it may be kept."""

    pk: int
    id_hash: bytes
    last4: str
    provider: str
    state: str
    stream_types: str
    scopes: str
    agent_id: str | None
    account: str | None
    endpoints: str
    created_at: float
    last_used_at: float
    expires_at: float
    agent_pk: int | None
    wrapped_key: str | None
    tokens: str | None
    version: int | None


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    refresh_token: str | None
    expires_at: float
    scopes: list[str]
    lifetime: float


_ACCOUNT: Final = msgspec.json.Decoder(Account)
_TOKENS: Final = msgspec.json.Decoder(_Tokens)
_TEXTS: Final = msgspec.json.Decoder(list[str])
_TYPES: Final = msgspec.json.Decoder(list[StreamType])
_ADDRESSES: Final = msgspec.json.Decoder(dict[str, str])

SELECT_SESSION: Final[Select[Any]] = select(
    *(column for column in sessions.c if column.name not in ("account_hash", "ended_at")),
    vault.c.wrapped_key,
    vault.c.tokens,
    vault.c.version,
).select_from(sessions.outerjoin(vault, vault.c.session_pk == sessions.c.pk))


class SessionRows:
    """Sessions by key and by hashed id, the last used ones from memory.

    Good for one process: with several over one database, another one's writes would not be seen.
    """

    __slots__ = ("_pks", "_rows", "_transactions")

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._rows: Remembered[int, SessionRow] = Remembered(REMEMBERED)
        self._pks: Remembered[bytes, int] = Remembered(REMEMBERED)

    async def by_pk(self, pk: int) -> SessionRow | None:
        """The session of that key.

        Raises: StorageUnavailable.
        """
        return self._rows.get(pk) or await self._read(SELECT_SESSION.where(sessions.c.pk == pk))

    async def by_hash(self, id_hash: bytes) -> SessionRow | None:
        """The session whose id has that keyed hash.

        Raises: StorageUnavailable.
        """
        pk = self._pks.get(id_hash)
        if pk is not None:
            return await self.by_pk(pk)
        return await self._read(SELECT_SESSION.where(sessions.c.id_hash == id_hash))

    def forget(self, pk: int) -> None:
        """The session was written."""
        self._rows.forget(pk)

    def forget_all(self) -> None:
        """Sessions were deleted."""
        self._rows.forget_all()
        self._pks.forget_all()

    async def _read(self, query: Select[Any]) -> SessionRow | None:
        generation = self._rows.generation
        row = await self._transactions.read(lambda connection: _one(connection, query))
        if row is not None:
            self._rows.put(row.pk, row, generation)
            # A key belongs to its id for ever: writes change nothing about that.
            self._pks.put(row.id_hash, row.pk, self._pks.generation)
        return row


def session_row(row: Row[Any]) -> SessionRow:
    """A row of `SELECT_SESSION`."""
    return SessionRow(**row._mapping)  # noqa: SLF001  (SQLAlchemy's documented name for it)


def opened_session(row: SessionRow, envelopes: Envelopes) -> Session:
    """The session; its account is only known as long as its data key is there.

    Raises: SealBroken.
    """
    account = None
    if row.account is not None and row.wrapped_key is not None:
        plain = envelopes.open(row.wrapped_key, account_field(row.pk), row.account)
        account = _ACCOUNT.decode(plain)
    return Session(
        pk=row.pk,
        last4=row.last4,
        provider=Provider(row.provider),
        state=SessionState(row.state),
        account=account,
        scopes=frozenset(_TEXTS.decode(row.scopes)),
        stream_types=tuple(_TYPES.decode(row.stream_types)),
        agent_id=row.agent_id,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        endpoints=_ADDRESSES.decode(row.endpoints),
        agent_pk=row.agent_pk,
    )


def opened_grant(row: SessionRow, envelopes: Envelopes) -> Grant | None:
    """The session's tokens.

    Raises: SealBroken.
    """
    if row.tokens is None or row.wrapped_key is None:
        return None
    plain = envelopes.open(row.wrapped_key, tokens_field(row.pk), row.tokens)
    tokens = _TOKENS.decode(plain)
    return Grant(
        access_token=Secret(tokens.access_token),
        refresh_token=None if tokens.refresh_token is None else Secret(tokens.refresh_token),
        expires_at=tokens.expires_at,
        scopes=frozenset(tokens.scopes),
        lifetime=tokens.lifetime,
        version=row.version or 0,
    )


def sealed_grant(pk: int, wrapped_key: str, grant: Grant, envelopes: Envelopes) -> str:
    """The tokens as they are stored; their version is a column of its own.

    Raises: SealBroken.
    """
    refresh = grant.refresh_token
    tokens = _Tokens(
        access_token=grant.access_token.reveal(),
        refresh_token=None if refresh is None else refresh.reveal(),
        expires_at=grant.expires_at,
        scopes=sorted(grant.scopes),
        lifetime=grant.lifetime,
    )
    return envelopes.seal(wrapped_key, tokens_field(pk), msgspec.json.encode(tokens))


def account_field(pk: int) -> Field:
    """Where a session's account is sealed."""
    return Field(session_pk=pk, table="sessions", row="", name="account")


def tokens_field(pk: int) -> Field:
    """Where a session's tokens are sealed."""
    return Field(session_pk=pk, table="vault", row="", name="tokens")


def _one(connection: Connection, query: Select[Any]) -> SessionRow | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else session_row(row)
