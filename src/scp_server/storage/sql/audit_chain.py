"""The chain that this process writes, worked out inside the transaction that writes the rows.

Each process begins a chain with its first row, and another one after a write whose outcome it does
not know: so several processes write one trail without waiting for each other. A new chain's first
hash holds where all others stood: no chain can be taken away while a later one is there.
"""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import structs
from sqlalchemy import Connection, bindparam, insert, select, update

from scp_server.ports.clock import Clock
from scp_server.storage.sql.audit_marks import ChainRecord, Marks, spelled_links, tips
from scp_server.storage.sql.group_commit import Row
from scp_server.storage.sql.tables import audit_chains

_HEADS: Final = select(audit_chains).order_by(audit_chains.c.chain)
_BEGIN: Final = insert(audit_chains).returning(audit_chains.c.chain)
_GROW: Final = (
    update(audit_chains)
    .where(audit_chains.c.chain == bindparam("of"))
    .values(n=bindparam("to"), hash=bindparam("now"), seal=bindparam("sealed"))
)


class Chain:
    """Makes rows part of a chain. A `group_commit.Weaver`."""

    __slots__ = ("_clock", "_marks", "_next", "_record")

    def __init__(self, marks: Marks, clock: Clock) -> None:
        self._marks = marks
        self._clock = clock
        self._record: ChainRecord | None = None
        """As it was last written; None: the next row begins a chain."""
        self._next: ChainRecord | None = None

    def weave(self, connection: Connection, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows with their places and hashes; the chain's record is written along."""
        record = self._record or self._begun(connection)
        n, last, woven = record.n, record.hash, []
        for row in rows:
            n += 1
            placed: dict[str, Any] = {**row, "chain": record.chain, "n": n}
            last = placed["hash"] = self._marks.row(last, placed)
            woven.append(placed)
        grown = structs.replace(record, n=n, hash=last)
        seal = self._marks.sealed_chain(grown)
        connection.execute(_GROW, {"of": grown.chain, "to": n, "now": last, "sealed": seal})
        self._next = grown
        return woven

    def written(self) -> None:
        """What was woven last is durable."""
        self._record = self._next

    def lost(self) -> None:
        """What became of what was woven last is not known."""
        self._record = None

    def _begun(self, connection: Connection) -> ChainRecord:
        records = [record_of(row) for row in connection.execute(_HEADS)]
        record = ChainRecord(
            chain=0,
            started_at=self._clock.now(),
            links=spelled_links(tips(records)),
            n=0,
            hash=b"",
        )
        values = structs.asdict(record)
        del values["chain"]
        record = structs.replace(record, chain=connection.execute(_BEGIN, values).scalar_one())
        return structs.replace(record, hash=self._marks.beginning(record))


def record_of(row: Any) -> ChainRecord:  # noqa: ANN401  (a row of SQLAlchemy's)
    """A row of `audit_chains`."""
    return ChainRecord(
        chain=row.chain,
        started_at=row.started_at,
        links=row.links,
        n=row.n,
        hash=row.hash,
        seal=row.seal,
    )
