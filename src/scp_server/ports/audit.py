"""AuditTrail: who did what to whose data, when, how much. Never content, no addresses."""

from typing import Protocol

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row. `item_ids` are hashed with a key before they are stored."""

    at: float
    session_pk: int | None
    action: str
    """consent.granted, consent.renewed, token.refreshed, stream.started, delivered, ...: all of
    them are in docs/audit.md."""
    actor: str
    """user, operator, server, session, key:<name>, agent:<label> (labels are unverified), or
    address:<keyed hash> of somebody who presented nothing that is known."""
    result: str = "ok"
    """ok, or an error code."""
    stream_id: str | None = None
    stream_type: str | None = None
    items: int = 0
    """How many: of items; of refusals that were alike."""
    size: int = 0
    """Bytes."""
    item_ids: tuple[str, ...] = ()


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows to show. Times in epoch seconds: `since` is included, `until` is not."""

    session_pk: int | None = None
    """None: of all sessions, and of none."""
    action: str | None = None
    since: float | None = None
    until: float | None = None
    cursor: str | None = None
    """Where the page before this one ended."""
    limit: int = 100


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, newest first, without item ids. `cursor` leads to older ones, if there are any."""

    entries: list[AuditEntry]
    cursor: str | None


class AuditTrail(Protocol):
    """Rows are committed in groups, in order; `record` returns when its group is durable."""

    async def record(self, *entries: AuditEntry) -> None:
        """Append rows.

        Raises: StorageUnavailable; then what was to be audited must not happen.
        """
        ...


class AuditReader(Protocol):
    """The trail, as it is shown."""

    async def page(self, query: AuditQuery) -> AuditPage:
        """Some rows.

        Raises: InvalidRequest for a cursor of another query, StorageUnavailable.
        """
        ...
