"""Sessions, their vault and the consents under way, in SQL."""

import hmac
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from scp_server.domain.errors import SealBroken, SessionNotFound
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, ConsentRequest, Grant, Session, SessionState
from scp_server.ports.clock import Clock
from scp_server.ports.envelopes import Envelopes
from scp_server.ports.seals import Seals
from scp_server.storage.sql.endings import end_session
from scp_server.storage.sql.refresh_locks import RefreshLocks
from scp_server.storage.sql.requests import opened_request, sealed_request
from scp_server.storage.sql.rows import (
    SELECT_SESSION,
    SessionRow,
    SessionRows,
    account_field,
    opened_grant,
    opened_session,
    sealed_grant,
    session_row,
)
from scp_server.storage.sql.tables import consent_requests, sessions, vault
from scp_server.storage.sql.tombstones import Tombstones
from scp_server.storage.sql.transactions import Transactions
from scp_wire.stream_types import Provider, StreamType

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)
_ALIVE: Final = sessions.c.state != SessionState.ENDED


class SqlSessions:
    """Sessions in SQL. See the port `SessionStore`."""

    __slots__ = (
        "_clock",
        "_envelopes",
        "_locks",
        "_rows",
        "_seals",
        "_tombstones",
        "_transactions",
    )

    def __init__(  # noqa: PLR0913  (what it stands on, handed in one by one)
        self,
        transactions: Transactions,
        rows: SessionRows,
        *,
        seals: Seals,
        envelopes: Envelopes,
        clock: Clock,
        tombstones: Tombstones,
        locks: RefreshLocks,
    ) -> None:
        self._locks = locks
        self._transactions = transactions
        self._tombstones = tombstones
        self._rows = rows
        self._seals = seals
        self._envelopes = envelopes
        self._clock = clock

    async def open(
        self,
        session_id: Secret,
        *,
        provider: Provider,
        stream_types: tuple[StreamType, ...],
        agent_id: str | None,
        endpoints: Mapping[str, str],
        expires_at: float,
    ) -> Session:
        """Store a new, pending session."""
        now = self._clock.now()
        values: dict[str, object] = {
            "id_hash": self._id_hash(session_id),
            "last4": session_id.reveal()[-4:],
            "provider": provider,
            "state": SessionState.PENDING,
            "stream_types": _json(stream_types),
            "scopes": _json([]),
            "agent_id": agent_id,
            "endpoints": _json(dict(endpoints)),
            "created_at": now,
            "last_used_at": now,
            "expires_at": expires_at,
        }

        def work(connection: Connection) -> int:
            pk: int = connection.execute(
                insert(sessions).returning(sessions.c.pk), values
            ).scalar_one()
            key = self._envelopes.new_key(pk)
            connection.execute(insert(vault), {"session_pk": pk, "wrapped_key": key, "version": 0})
            return pk

        return await self._existing(await self._transactions.write(work))

    async def find(self, session_id: Secret) -> Session | None:
        """The session of that id, whatever its state; None when there is none."""
        id_hash = self._id_hash(session_id)
        row = await self._rows.by_hash(id_hash)
        if row is None or not hmac.compare_digest(row.id_hash, id_hash):
            return None
        return opened_session(row, self._envelopes)

    async def get(self, pk: int) -> Session | None:
        """The session of that key."""
        row = await self._rows.by_pk(pk)
        return None if row is None else opened_session(row, self._envelopes)

    async def activate(self, pk: int, account: Account, grant: Grant, *, expires_at: float) -> None:
        """The user consented (or renewed): store account and tokens, make it active.

        Raises: SessionNotFound when it has ended meanwhile.
        """
        key = await self._key(pk)
        sealed = self._envelopes.seal(key, account_field(pk), msgspec.json.encode(account))
        tokens = sealed_grant(pk, key, grant, self._envelopes)
        values = {
            "state": SessionState.ACTIVE,
            "account": sealed,
            "account_hash": self._account_hash(account),
            "scopes": _json(sorted(grant.scopes)),
            "last_used_at": self._clock.now(),
            "expires_at": expires_at,
        }

        def work(connection: Connection) -> None:
            found = connection.execute(
                update(sessions).where(sessions.c.pk == pk, _ALIVE).values(values)
            )
            if found.rowcount != 1:
                raise _ended()
            connection.execute(
                update(vault)
                .where(vault.c.session_pk == pk)
                .values(tokens=tokens, version=vault.c.version + 1)
            )

        await self._write(pk, work)

    async def set_state(self, pk: int, state: SessionState) -> None:
        """Move a session to another state; ENDED also deletes tokens and data key for good.

        An ended session stays ended.
        """
        if state is SessionState.ENDED:
            await self._end(pk)
            return
        await self._write(
            pk,
            lambda connection: connection.execute(
                update(sessions).where(sessions.c.pk == pk, _ALIVE).values(state=state)
            ),
        )

    async def bind(self, pk: int, agent_pk: int, *, agent_id: str) -> None:
        """Give a session to an agent, whose name becomes its label."""
        values = {"agent_pk": agent_pk, "agent_id": agent_id}
        await self._write(
            pk,
            lambda connection: connection.execute(
                update(sessions).where(sessions.c.pk == pk, _ALIVE).values(values)
            ),
        )

    async def touch(self, pk: int, *, now: float, expires_at: float) -> None:
        """Note an authenticated use."""
        await self._write(
            pk,
            lambda connection: connection.execute(
                update(sessions)
                .where(sessions.c.pk == pk, _ALIVE)
                .values(last_used_at=now, expires_at=expires_at)
            ),
        )

    async def grant(self, pk: int) -> Grant | None:
        """The tokens, opened."""
        row = await self._rows.by_pk(pk)
        return None if row is None else opened_grant(row, self._envelopes)

    async def replace_grant(self, pk: int, grant: Grant) -> bool:
        """Store refreshed tokens if `grant.version` is the stored version + 1; else False."""
        row = await self._rows.by_pk(pk)
        if row is None or row.wrapped_key is None:
            return False
        tokens = sealed_grant(pk, row.wrapped_key, grant, self._envelopes)

        def work(connection: Connection) -> bool:
            found = connection.execute(
                update(vault)
                .where(
                    vault.c.session_pk == pk,
                    vault.c.version == grant.version - 1,
                    vault.c.tokens.is_not(None),
                )
                .values(tokens=tokens, version=grant.version)
            )
            return found.rowcount == 1

        return await self._write(pk, work)

    @asynccontextmanager
    async def refreshing(self, pk: int) -> AsyncIterator[None]:
        """Held by one process at a time; within, what is read is what is stored now."""
        async with self._locks.held(pk):
            self._rows.forget(pk)
            yield

    async def others_of_account(self, pk: int) -> int:
        """How many other sessions with tokens the same account has."""
        account = select(sessions.c.account_hash).where(sessions.c.pk == pk).scalar_subquery()
        query = (
            select(func.count())
            .select_from(sessions.join(vault, vault.c.session_pk == sessions.c.pk))
            .where(
                sessions.c.account_hash == account,
                sessions.c.pk != pk,
                vault.c.tokens.is_not(None),
            )
        )
        return await self._transactions.read(
            lambda connection: connection.execute(query).scalar_one()
        )

    async def overdue(self, *, now: float) -> list[Session]:
        """Sessions that are not ended although they expired at or before `now`."""
        query = SELECT_SESSION.where(_ALIVE, sessions.c.expires_at <= now).order_by(sessions.c.pk)
        rows = await self._transactions.read(
            lambda connection: [session_row(row) for row in connection.execute(query)]
        )
        return [self._to_end(row) for row in rows]

    async def open_request(self, token: Secret, request: ConsentRequest) -> None:
        """Store a consent request under the keyed hash of its one-time token.

        Raises: SessionNotFound when its session has ended.
        """
        token_hash = self._token_hash(token)
        key = await self._key(request.session_pk)
        values = {
            "token_hash": token_hash,
            "session_pk": request.session_pk,
            "request": sealed_request(request, token_hash, key, self._envelopes),
            "expires_at": request.expires_at,
        }
        await self._transactions.write(
            lambda connection: connection.execute(insert(consent_requests), values)
        )

    async def take_request(self, token: Secret, *, now: float) -> ConsentRequest | None:
        """Find and delete a request that has not expired: it works once."""
        token_hash = self._token_hash(token)
        taking = (
            delete(consent_requests)
            .where(consent_requests.c.token_hash == token_hash)
            .returning(*consent_requests.c)
        )
        taken = await self._transactions.write(
            lambda connection: connection.execute(taking).one_or_none()
        )
        if taken is None or taken.expires_at <= now:
            return None
        row = await self._rows.by_pk(taken.session_pk)
        if row is None or row.wrapped_key is None:
            return None
        return opened_request(taken, row.wrapped_key, self._envelopes)

    async def _end(self, pk: int) -> None:
        row = await self._rows.by_pk(pk)

        def work(connection: Connection) -> None:
            # First: ended twice is ended once, a tombstone too few is a session that comes back.
            if row is not None and row.state != SessionState.ENDED:
                self._tombstones.add(row.id_hash, row.expires_at)
            end_session(connection, pk, now=self._clock.now())

        await self._write(pk, work)
        await self._transactions.forget_log()

    def _to_end(self, row: SessionRow) -> Session:
        try:
            return opened_session(row, self._envelopes)
        except SealBroken as exc:
            # It must still end, and not keep the others from ending.
            _LOG.error("The account of session %d cannot be read: %s", row.pk, exc.message)
            return opened_session(replace(row, account=None), self._envelopes)

    async def _write(self, pk: int, work: Callable[[Connection], T]) -> T:
        try:
            return await self._transactions.write(work)
        finally:
            self._rows.forget(pk)

    async def _existing(self, pk: int) -> Session:
        session = await self.get(pk)
        if session is None:
            raise _ended()
        return session

    async def _key(self, pk: int) -> str:
        row = await self._rows.by_pk(pk)
        if row is None or row.wrapped_key is None:
            raise _ended()
        return row.wrapped_key

    def _id_hash(self, session_id: Secret) -> bytes:
        return self._seals.fingerprint("session id", session_id.reveal().encode())

    def _token_hash(self, token: Secret) -> bytes:
        return self._seals.fingerprint("consent request", token.reveal().encode())

    def _account_hash(self, account: Account) -> bytes:
        key = msgspec.json.encode([account.issuer, account.subject])
        return self._seals.fingerprint("account", key)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _ended() -> SessionNotFound:
    return SessionNotFound("There is no such session. Ask the user to consent again.")
