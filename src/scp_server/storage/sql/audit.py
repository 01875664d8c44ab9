"""The audit trail, in SQL."""

from typing import Any, Final

from sqlalchemy import Row, insert, select

from scp_server.ports.audit import AuditEntry
from scp_server.ports.seals import Seals
from scp_server.storage.sql.group_commit import GroupCommit, Lines
from scp_server.storage.sql.group_commit import Row as Values
from scp_server.storage.sql.tables import audit
from scp_server.storage.sql.transactions import Transactions

ITEM_HASH_BYTES: Final = 16
"""Of each item id's keyed hash: enough to find an item, and never to find two alike."""

_INSERT: Final = insert(audit)


class SqlAudit:
    """The audit trail in SQL. See the port `AuditTrail`."""

    __slots__ = ("_group", "_seals", "_transactions")

    def __init__(self, transactions: Transactions, group: GroupCommit, *, seals: Seals) -> None:
        self._transactions = transactions
        self._group = group
        self._seals = seals

    async def record(self, *entries: AuditEntry) -> None:
        """Append rows.

        Raises: StorageUnavailable; then what was to be audited must not happen.
        """
        if entries:
            await self._group.submit(Lines(_INSERT, [self._values(entry) for entry in entries]))

    async def of_session(self, session_pk: int, *, limit: int) -> list[AuditEntry]:
        """The newest rows of a session, newest first, without item ids."""
        query = (
            select(audit)
            .where(audit.c.session_pk == session_pk)
            .order_by(audit.c.seq.desc())
            .limit(limit)
        )
        return await self._transactions.read(
            lambda connection: [_entry(row) for row in connection.execute(query)]
        )

    def _values(self, entry: AuditEntry) -> Values:
        return {
            "at": entry.at,
            "session_pk": entry.session_pk,
            "action": entry.action,
            "actor": entry.actor,
            "result": entry.result,
            "stream_id": entry.stream_id,
            "stream_type": entry.stream_type,
            "items": entry.items,
            "size": entry.size,
            "item_ids": b"".join(map(self._item_hash, entry.item_ids)),
        }

    def _item_hash(self, item_id: str) -> bytes:
        return self._seals.fingerprint("audited item", item_id.encode())[:ITEM_HASH_BYTES]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        at=row.at,
        session_pk=row.session_pk,
        action=row.action,
        actor=row.actor,
        result=row.result,
        stream_id=row.stream_id,
        stream_type=row.stream_type,
        items=row.items,
        size=row.size,
    )
