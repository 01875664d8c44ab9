"""The core's stores, in memory, by the word of their ports."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from msgspec import structs

from scp_server.domain.errors import InvalidRequest, SessionNotFound, StorageUnavailable
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, ConsentRequest, Grant, Session, SessionState
from scp_server.ports.audit import AuditEntry, AuditPage, AuditQuery
from scp_server.ports.clock import Clock
from scp_wire.stream_types import Provider, StreamType


class MemorySessions:
    """ports.sessions.SessionStore. `broken` makes every method fail as a lost database does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[int, Session] = {}
        self._ids: dict[Secret, int] = {}
        self._grants: dict[int, Grant] = {}
        self._requests: dict[Secret, ConsentRequest] = {}
        self.broken = False
        self.touched: list[int] = []

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
        self._check()
        now = self._clock.now()
        session = Session(
            pk=len(self._rows) + 1,
            last4=session_id.reveal()[-4:],
            provider=provider,
            state=SessionState.PENDING,
            account=None,
            scopes=frozenset(),
            stream_types=stream_types,
            agent_id=agent_id,
            created_at=now,
            last_used_at=now,
            expires_at=expires_at,
            endpoints=dict(endpoints),
        )
        self._rows[session.pk] = session
        self._ids[session_id] = session.pk
        return session

    @property
    def rows(self) -> list[Session]:
        """All there are."""
        return list(self._rows.values())

    async def find(self, session_id: Secret) -> Session | None:
        self._check()
        pk = self._ids.get(session_id)
        return None if pk is None else self._rows[pk]

    async def get(self, pk: int) -> Session | None:
        self._check()
        return self._rows.get(pk)

    async def activate(self, pk: int, account: Account, grant: Grant, *, expires_at: float) -> None:
        self._check()
        if self._ended(pk):
            raise SessionNotFound("The session has ended.")
        before = self._grants.get(pk)
        version = 0 if before is None else before.version + 1
        self._grants[pk] = replace(grant, version=version)
        self._rows[pk] = replace(
            self._rows[pk],
            state=SessionState.ACTIVE,
            account=account,
            scopes=grant.scopes,
            last_used_at=self._clock.now(),
            expires_at=expires_at,
        )

    async def set_state(self, pk: int, state: SessionState) -> None:
        self._check()
        if self._ended(pk):
            return
        self._rows[pk] = replace(self._rows[pk], state=state)
        if state is SessionState.ENDED:
            self._grants.pop(pk, None)
            self._requests = {
                token: request
                for token, request in self._requests.items()
                if request.session_pk != pk
            }

    async def bind(self, pk: int, agent_pk: int, *, agent_id: str) -> None:
        self._check()
        if not self._ended(pk):
            self._rows[pk] = replace(self._rows[pk], agent_pk=agent_pk, agent_id=agent_id)

    async def touch(self, pk: int, *, now: float, expires_at: float) -> None:
        self._check()
        self.touched.append(pk)
        if not self._ended(pk):
            self._rows[pk] = replace(self._rows[pk], last_used_at=now, expires_at=expires_at)

    async def grant(self, pk: int) -> Grant | None:
        self._check()
        return self._grants.get(pk)

    async def replace_grant(self, pk: int, grant: Grant) -> bool:
        self._check()
        stored = self._grants.get(pk)
        if stored is None or grant.version != stored.version + 1:
            return False
        self._grants[pk] = grant
        return True

    @asynccontextmanager
    async def refreshing(self, pk: int) -> AsyncIterator[None]:
        assert pk in self._rows
        yield

    async def others_of_account(self, pk: int) -> int:
        self._check()
        account = self._rows[pk].account
        if account is None:
            return 0
        whose = (account.issuer, account.subject)
        return sum(
            1
            for other in self._rows.values()
            if other.pk != pk
            and other.pk in self._grants
            and other.account is not None
            and (other.account.issuer, other.account.subject) == whose
        )

    async def overdue(self, *, now: float) -> list[Session]:
        self._check()
        return [
            session
            for session in self._rows.values()
            if session.state is not SessionState.ENDED and session.expires_at <= now
        ]

    async def open_request(self, token: Secret, request: ConsentRequest) -> None:
        self._check()
        if self._ended(request.session_pk):
            raise SessionNotFound("The session has ended.")
        self._requests[token] = request

    async def take_request(self, token: Secret, *, now: float) -> ConsentRequest | None:
        self._check()
        request = self._requests.pop(token, None)
        return request if request is not None and request.expires_at > now else None

    def _ended(self, pk: int) -> bool:
        return pk not in self._rows or self._rows[pk].state is SessionState.ENDED

    def _check(self) -> None:
        if self.broken:
            raise StorageUnavailable("The database does not answer.")


class MemoryAudit:
    """ports.audit.AuditTrail."""

    def __init__(self) -> None:
        self.rows: list[AuditEntry] = []
        self.broken = False
        self.refused_action = ""
        """Rows of this action cannot be written."""

    async def record(self, *entries: AuditEntry) -> None:
        if self.broken or any(entry.action == self.refused_action for entry in entries):
            raise StorageUnavailable("The audit trail cannot be written.")
        self.rows += entries

    async def page(self, query: AuditQuery) -> AuditPage:
        mine = [
            structs.replace(row, item_ids=())
            for row in self.rows
            if query.session_pk in {None, row.session_pk} and query.action in {None, row.action}
        ]
        if query.cursor is not None and not query.cursor.isdecimal():
            raise InvalidRequest("cursor is of no page.", field="cursor")
        after = int(query.cursor or 0)
        shown = mine[::-1][after : after + query.limit]
        more = after + query.limit < len(mine)
        return AuditPage(entries=shown, cursor=str(after + query.limit) if more else None)

    def told(self) -> list[tuple[str, str, str]]:
        """Action, actor and result of each row, in order."""
        return [(row.action, row.actor, row.result) for row in self.rows]
