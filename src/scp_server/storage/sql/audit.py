"""The audit trail, in SQL: written, and read in pages."""

from collections.abc import Callable
from operator import eq, ge, lt
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, Row, Select, insert, select

from scp_server.domain.errors import InvalidRequest
from scp_server.ports.audit import AuditEntry, AuditPage, AuditQuery
from scp_server.ports.seals import Seals
from scp_server.storage.sql.audit_chain import Chain
from scp_server.storage.sql.audit_salts import ItemHashes, Salts
from scp_server.storage.sql.group_commit import GroupCommit, Lines
from scp_server.storage.sql.group_commit import Row as Values
from scp_server.storage.sql.tables import audit
from scp_server.storage.sql.transactions import Transactions

_INSERT: Final = insert(audit)
_CURSOR: Final = "audit cursor"
_SHOWN: Final[tuple[Column[Any], ...]] = (
    audit.c.seq,
    audit.c.at,
    audit.c.session_pk,
    audit.c.action,
    audit.c.actor,
    audit.c.result,
    audit.c.stream_id,
    audit.c.stream_type,
    audit.c["items"],
    audit.c["size"],
)


def where_given(
    query: Select[Any], *conditions: tuple[Column[Any], Callable[[Any, Any], Any], object]
) -> Select[Any]:
    """The query with those conditions whose value was given."""
    for column, compared, value in conditions:
        if value is not None:
            query = query.where(compared(column, value))
    return query


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """What a cursor holds: a page's last row, and whose pages they are."""

    seq: int
    session_pk: int | None


_PLACE: Final = msgspec.msgpack.Decoder(_Place)


class SqlAudit:
    """The audit trail in SQL. See the ports `AuditTrail` and `AuditReader`."""

    __slots__ = ("_chain", "_group", "_salts", "_seals", "_transactions")

    def __init__(
        self,
        transactions: Transactions,
        group: GroupCommit,
        chain: Chain,
        salts: Salts,
        *,
        seals: Seals,
    ) -> None:
        self._transactions = transactions
        self._group = group
        self._chain = chain
        self._seals = seals
        self._salts = salts

    async def record(self, *entries: AuditEntry) -> None:
        """Append rows.

        Raises: StorageUnavailable; then what was to be audited must not happen.
        """
        if not entries:
            return
        hashed = ItemHashes()
        rows: list[Values] = []
        for entry in entries:
            ids = b""
            if entry.item_ids:
                key = self._salts.known(entry.session_pk) or await self._salts.of(entry.session_pk)
                ids = hashed.of(key, entry.item_ids)
            rows.append(_values(entry, ids))
        await self._group.submit(Lines(_INSERT, rows, self._chain))

    async def page(self, query: AuditQuery) -> AuditPage:
        """Some rows.

        Raises: InvalidRequest for a cursor of another query, StorageUnavailable.
        """
        before = None if query.cursor is None else self._opened(query.cursor, query.session_pk)
        newest: Select[Any] = select(*_SHOWN).order_by(audit.c.seq.desc())
        asked = where_given(
            newest.limit(query.limit + 1),
            (audit.c.session_pk, eq, query.session_pk),
            (audit.c.action, eq, query.action),
            (audit.c.at, ge, query.since),
            (audit.c.at, lt, query.until),
            (audit.c.seq, lt, before),
        )

        def work(connection: Connection) -> list[Row[Any]]:
            return list(connection.execute(asked))

        rows = await self._transactions.read(work)
        shown = rows[: query.limit]
        more = len(rows) > query.limit
        return AuditPage(
            entries=[_entry(row) for row in shown],
            cursor=self._sealed(shown[-1].seq, query.session_pk) if more else None,
        )

    def _sealed(self, seq: int, session_pk: int | None) -> str:
        # Sealed: a row's number would tell how much others do.
        return self._seals.seal(_CURSOR, msgspec.msgpack.encode(_Place(seq, session_pk)))

    def _opened(self, cursor: str, session_pk: int | None) -> int:
        plain = self._seals.open(_CURSOR, cursor)
        place = None if plain is None else _PLACE.decode(plain)
        if place is None or place.session_pk != session_pk:
            raise InvalidRequest(
                "This cursor is of no page of yours. Leave it out to begin at the newest.",
                field="cursor",
            )
        return place.seq


def _values(entry: AuditEntry, item_ids: bytes) -> Values:
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
        "item_ids": item_ids,
    }


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
