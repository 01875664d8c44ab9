"""Revoke: a session is given back."""

from collections.abc import Mapping

from scp_server.domain.sessions import Session
from scp_server.ports.audit import AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.clock import Clock
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.rest import SessionEnded
from scp_wire.stream_types import Provider


class Revoke:
    """Ends sessions: on demand, and when their time is over."""

    def __init__(
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        raise NotImplementedError

    async def end(self, session: Session, *, operator: bool) -> SessionEnded:
        """End a session: tokens, data key, streams, connections."""
        raise NotImplementedError

    async def sweep(self) -> int:
        """End every session whose time is over; how many. To be called about once a minute."""
        raise NotImplementedError
