"""SessionStore: sessions, their sealed tokens and the consents under way."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, ConsentRequest, Grant, Session, SessionState
from scp_wire.stream_types import Provider, StreamType


class SessionStore(Protocol):
    """Durable when a method returns. Ids are stored as keyed hashes, tokens sealed.

    Nothing brings an ended session back: to change one is to do nothing.

    Every method raises StorageUnavailable when the database does not answer.
    """

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
        ...

    async def bind(self, pk: int, agent_pk: int, *, agent_id: str) -> None:
        """Give a session to an agent, whose name becomes its label."""
        ...

    async def find(self, session_id: Secret) -> Session | None:
        """The session of that id, whatever its state; None when there is none."""
        ...

    async def get(self, pk: int) -> Session | None:
        """The session of that key."""
        ...

    async def activate(self, pk: int, account: Account, grant: Grant, *, expires_at: float) -> None:
        """The user consented (or renewed): store account and tokens, make it active.

        The stored version becomes one more than the one that was stored, whatever the grant says:
        a refresh of the old tokens that is still under way must not overwrite these.

        Raises: SessionNotFound when it has ended meanwhile.
        """
        ...

    async def set_state(self, pk: int, state: SessionState) -> None:
        """Move a session to another state; ENDED also deletes tokens and data key for good."""
        ...

    async def touch(self, pk: int, *, now: float, expires_at: float) -> None:
        """Note an authenticated use."""
        ...

    async def grant(self, pk: int) -> Grant | None:
        """The tokens, opened."""
        ...

    async def replace_grant(self, pk: int, grant: Grant) -> bool:
        """Store refreshed tokens if `grant.version` is the stored version + 1; else False."""
        ...

    def refreshing(self, pk: int) -> AbstractAsyncContextManager[None]:
        """To be held around a refresh: by one process at a time, of all over one database.

        Within, what is read is what is stored now, whoever wrote it.
        """
        ...

    async def others_of_account(self, pk: int) -> int:
        """How many other sessions with tokens the same account has."""
        ...

    async def overdue(self, *, now: float) -> list[Session]:
        """Sessions that are not ended although they expired at or before `now`."""
        ...

    async def open_request(self, token: Secret, request: ConsentRequest) -> None:
        """Store a consent request under the keyed hash of its one-time token.

        Raises: SessionNotFound when its session has ended.
        """
        ...

    async def take_request(self, token: Secret, *, now: float) -> ConsentRequest | None:
        """Find and delete a request that has not expired: it works once."""
        ...
