"""AuditTrail: who did what to whose data, when, how much. Never content, no addresses."""

from typing import Protocol

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row. `item_ids` are hashed with a key before they are stored."""

    at: float
    session_pk: int | None
    action: str
    """consent.granted, consent.renewed, token.refreshed, stream.started, delivered, ..."""
    actor: str
    """user, operator, server, or agent:<label> (labels are unverified)."""
    result: str = "ok"
    """ok, or an error code."""
    stream_id: str | None = None
    stream_type: str | None = None
    items: int = 0
    size: int = 0
    """Bytes."""
    item_ids: tuple[str, ...] = ()


class AuditTrail(Protocol):
    """Rows are committed in groups, in order; `record` returns when its group is durable."""

    async def record(self, *entries: AuditEntry) -> None:
        """Append rows.

        Raises: StorageUnavailable; then what was to be audited must not happen.
        """
        ...

    async def of_session(self, session_pk: int, *, limit: int) -> list[AuditEntry]:
        """The newest rows of a session, newest first, without item ids."""
        ...
