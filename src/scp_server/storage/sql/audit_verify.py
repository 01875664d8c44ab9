"""Verification: whether the audit trail is what was written, and if not, which row is the first.

    records, purges --> Verification --row, row, row--> end: a Fault, or none

Rows come in the order in which they lie in the table. Each chain is followed on its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from scp_server.storage.sql.audit_marks import ChainRecord, Head, Marks, PurgeRecord, same

CHANGED: Final = "changed"
MISSING: Final = "missing"
MISPLACED: Final = "misplaced"
ADDED: Final = "added"
CUT_OFF: Final = "cut_off"
RECORD: Final = "record"

Row = Mapping[Any, Any]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing that is wrong. `seq`: the row's number in the table, where there is a row."""

    kind: str
    chain: int | None
    n: int | None
    seq: int | None
    message: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and the first fault."""

    rows: int
    chains: int
    purged: int
    """Rows that are gone because they were purged."""
    unchained: int
    """Rows that are older than the chains: nothing protects them."""
    fault: Fault | None


class Verification:
    """Follows the chains. Stop at the first fault it names."""

    def __init__(
        self,
        marks: Marks,
        records: Sequence[ChainRecord],
        purges: Iterable[PurgeRecord],
        known: Iterable[Head] = (),
    ) -> None:
        """`known`: heads that were exported earlier and kept elsewhere."""
        self._marks = marks
        self._records = {record.chain: record for record in records}
        self._purges = list(purges)
        self._gone: dict[int, Head] = {}
        self._reached: dict[int, Head] = {}
        self._wanted: dict[tuple[int, int], bytes] = {}
        self._known = list(known)
        self.rows = 0
        self.unchained = 0

    def begin(self) -> Fault | None:
        """Look at what is kept beside the rows."""
        for record in self._records.values():
            if not same(record.seal, self._marks.sealed_chain(record)):
                return _of_record(record.chain, "was changed, or cut short by hand")
        for purge in self._purges:
            if not same(purge.seal, self._marks.sealed_purge(purge)):
                return _of_record(purge.chain, "tells of a purge that was none")
        self._start()
        links = [link for record in self._records.values() for link in record.linked]
        for link in (*links, *self._known):
            if (fault := self._expect(link)) is not None:
                return fault
        return None

    def anchor(self, head: Head) -> None:
        """Begin a chain after this row, which is taken as good."""
        reached = self._reached.get(head.chain)
        if reached is not None and head.n > reached.n:
            self._reached[head.chain] = head

    def row(self, row: Row) -> Fault | None:
        """The next row of the table."""
        chain = row["chain"]
        if chain is None:
            return self._older(row)
        before = self._reached.get(chain)
        if before is None:
            return _fault(ADDED, row, "belongs to a chain of which nothing is recorded")
        if not isinstance(row["n"], int):
            return _fault(CHANGED, row, "is not as it was written")
        if row["n"] <= self._purged(chain):
            return None  # purged, and about to go
        self.rows += 1
        if row["n"] != before.n + 1:
            return self._out_of_order(row, before)
        return self._next(row, before)

    def end(self) -> Fault | None:
        """There are no more rows."""
        for chain, record in self._records.items():
            reached = self._reached[chain]
            if reached.n < record.n:
                return Fault(
                    kind=CUT_OFF,
                    chain=chain,
                    n=reached.n + 1,
                    seq=None,
                    message=f"Chain {chain} ends after row {reached.n}: rows {reached.n + 1} to"
                    f" {record.n} are gone.",
                )
            if not same(record.hash, reached.hash):
                return _of_record(chain, "is older than its rows")
        return None

    def verified(self, fault: Fault | None) -> Verified:
        """What to report."""
        purged = sum(self._purged(chain) for chain in self._records)
        return Verified(
            rows=self.rows,
            chains=len(self._records),
            purged=purged,
            unchained=self.unchained,
            fault=fault,
        )

    def _start(self) -> None:
        for purge in self._purges:
            if purge.n > self._purged(purge.chain):
                self._gone[purge.chain] = Head(purge.chain, purge.n, purge.hash)
        for chain, record in self._records.items():
            first = Head(chain, 0, self._marks.beginning(record))
            self._reached[chain] = self._gone.get(chain, first)

    def _purged(self, chain: int) -> int:
        """Up to which row a chain was purged."""
        gone = self._gone.get(chain)
        return 0 if gone is None else gone.n

    def _expect(self, head: Head) -> Fault | None:
        record = self._records.get(head.chain)
        if record is None:
            return _of_record(head.chain, "is gone, and all its rows with it")
        if record.n < head.n:
            return Fault(
                kind=CUT_OFF,
                chain=head.chain,
                n=record.n + 1,
                seq=None,
                message=f"Chain {head.chain} ends after row {record.n}, but had {head.n} rows:"
                " what is newer was cut off, and its record put back.",
            )
        if head.n > self._purged(head.chain):
            self._wanted[head.chain, head.n] = head.hash
            return None
        for purge in self._purges:
            if (purge.chain, purge.n) == (head.chain, head.n) and not same(purge.hash, head.hash):
                return _of_record(head.chain, "tells of another row than was purged")
        return None

    def _next(self, row: Row, before: Head) -> Fault | None:
        made = self._made(before.hash, row)
        if made is None or not same(row["hash"], made):
            return _fault(CHANGED, row, "is not as it was written")
        wanted = self._wanted.pop((before.chain, row["n"]), None)
        if wanted is not None and not same(made, wanted):
            return _fault(CHANGED, row, "is not the one that was seen at this place before")
        self._reached[before.chain] = Head(before.chain, row["n"], made)
        return None

    def _made(self, before: bytes, row: Row) -> bytes | None:
        try:
            return self._marks.row(before, row)
        except (TypeError, ValueError, OverflowError):
            return None  # no value of ours is in that column

    def _older(self, row: Row) -> Fault | None:
        if self.rows or self._gone:
            return _fault(ADDED, row, "belongs to no chain, but is younger than the chains")
        self.unchained += 1
        return None

    def _out_of_order(self, row: Row, before: Head) -> Fault:
        if row["n"] <= before.n:
            return _fault(MISPLACED, row, f"comes after row {before.n} of its chain")
        return Fault(
            kind=MISSING,
            chain=before.chain,
            n=before.n + 1,
            seq=None,
            message=f"Row {before.n + 1} of chain {before.chain} is not at its place: row"
            f" {row['n']} follows row {before.n}.",
        )


def _fault(kind: str, row: Row, told: str) -> Fault:
    chain, n = row["chain"], row["n"]
    of = "" if chain is None else f" (chain {chain}, row {n})"
    return Fault(
        kind=kind, chain=chain, n=n, seq=row["seq"], message=f"Row {row['seq']}{of} {told}."
    )


def _of_record(chain: int, told: str) -> Fault:
    return Fault(
        kind=RECORD, chain=chain, n=None, seq=None, message=f"The record of chain {chain} {told}."
    )
