"""Keeping the audit trail: verified, exported, purged, and a user's part of it erased.

All of it may be done beside a running server, from another process.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import eq, ge, lt
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, TextClause, delete, func, insert, select, text

from scp_server.domain.sessions import SessionState
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.clock import Clock
from scp_server.storage.sql.audit import where_given
from scp_server.storage.sql.audit_chain import record_of
from scp_server.storage.sql.audit_marks import ChainRecord, Head, Marks, PurgeRecord, same
from scp_server.storage.sql.audit_salts import ITEM_HASH_BYTES, Salts
from scp_server.storage.sql.audit_verify import Fault, Verification, Verified
from scp_server.storage.sql.tables import (
    audit,
    audit_purges,
    audit_salts,
    sessions,
)
from scp_server.storage.sql.transactions import Transactions

_LOG: Final = logging.getLogger(__name__)

SECONDS_A_DAY: Final = 86_400.0
READ_AT_ONCE: Final = 1000
PURGED_AT_ONCE: Final = 1000
"""Rows in one transaction: other writers wait no longer than that takes."""

NEVER: Final = 2**62
"""A row's number that none reaches."""

# Without types: whoever meddled may have put anything into a column, and it is to be named.
_EVERY: Final = text("SELECT * FROM audit WHERE seq >= :first ORDER BY seq")
_OLDEST: Final = text(f"SELECT * FROM audit ORDER BY seq LIMIT {PURGED_AT_ONCE}")  # noqa: S608
_RECORDS: Final = text("SELECT * FROM audit_chains ORDER BY chain")
_PURGES: Final = text("SELECT * FROM audit_purges ORDER BY chain, n")
_ENDED: Final = SessionState.ENDED.value


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows to export. Times in epoch seconds: `since` is included, `until` is not."""

    session_pk: int | None = None
    since: float | None = None
    until: float | None = None


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows went, and what kept more from going."""

    rows: int
    fault: Fault | None


class AuditKeeping:
    """What the operator does with the trail."""

    __slots__ = ("_clock", "_marks", "_salts", "_trail", "_transactions")

    def __init__(
        self,
        transactions: Transactions,
        trail: AuditTrail,
        salts: Salts,
        *,
        marks: Marks,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._trail = trail
        self._salts = salts
        self._marks = marks
        self._clock = clock

    async def verify(self, *, since: float | None = None, known: Sequence[Head] = ()) -> Verified:
        """Check all rows, or those from a time on, and that `known` heads are still there.

        Raises: StorageUnavailable.
        """
        return await self._transactions.read(lambda c: self._verified(c, since, known))

    async def export(self, write: Callable[[bytes], object], rows: Slice) -> int:
        """Write rows as lines of JSON, and a manifest as the last line; how many rows.

        Raises: StorageUnavailable, OSError of `write`.
        """
        return await self._transactions.read(lambda c: self._exported(c, write, rows))

    async def purge(self, *, before: float, actor: str) -> Purged:
        """Delete what is older than that, from the beginning of the trail up to the first younger
        row.

        A trail that was meddled with is purged up to there: nothing is to hide it.

        Raises: StorageUnavailable.
        """
        gone, fault = 0, None
        while fault is None:
            some = await self._transactions.write(lambda c: self._purged_some(c, before))
            gone, fault = gone + some.rows, some.fault
            if not some.rows:
                break
        if gone:
            await self._transactions.write(_unused_salts)
            await self._note("audit.purged", actor, items=gone)
        return Purged(rows=gone, fault=fault)

    async def keep(self, days: float) -> None:
        """Purge what is older than so many days; 0 keeps everything.

        Raises: StorageUnavailable.
        """
        if not days:
            return
        gone = await self.purge(before=self._clock.now() - days * SECONDS_A_DAY, actor="server")
        if gone.fault is not None:
            _LOG.error("The audit trail was meddled with. %s", gone.fault.message)

    async def erase(self, session_pk: int, *, actor: str) -> bool:
        """Make the item hashes of a session tell nothing any more; whether they told something.

        Raises: StorageUnavailable.
        """
        await self._note("audit.erased", actor, session_pk=session_pk)
        return await self._salts.destroy(session_pk)

    def manifest(self, lines: Iterator[bytes]) -> list[Head]:
        """The heads that an export tells of.

        Raises: ValueError when it is not whole, was changed, or is another server's.
        """
        return read_manifest(lines, self._marks)

    async def _note(
        self, action: str, actor: str, *, session_pk: int | None = None, items: int = 0
    ) -> None:
        await self._trail.record(
            AuditEntry(
                at=self._clock.now(),
                session_pk=session_pk,
                action=action,
                actor=actor,
                items=items,
            )
        )

    # -- verifying -----------------------------------------------------------------------------

    def _verified(
        self, connection: Connection, since: float | None, known: Sequence[Head]
    ) -> Verified:
        records, purges = _kept(connection)
        looking = Verification(self._marks, records, purges, known)
        fault = looking.begin() or self._followed(connection, looking, since) or looking.end()
        return looking.verified(fault)

    def _followed(
        self, connection: Connection, looking: Verification, since: float | None
    ) -> Fault | None:
        first = 0
        if since is not None:
            youngest = select(func.min(audit.c.seq)).where(audit.c.at >= since)
            first = connection.execute(youngest).scalar_one() or NEVER
            for head in _heads_before(connection, first):
                looking.anchor(head)
        query = _EVERY.bindparams(first=first)
        for row in _streamed(connection, query):
            if (fault := looking.row(row)) is not None:
                return fault
        return None

    # -- exporting -----------------------------------------------------------------------------

    def _exported(
        self, connection: Connection, write: Callable[[bytes], object], rows: Slice
    ) -> int:
        query = where_given(
            select(audit).order_by(audit.c.seq),
            (audit.c.session_pk, eq, rows.session_pk),
            (audit.c.at, ge, rows.since),
            (audit.c.at, lt, rows.until),
        )
        count, digest = 0, hashlib.sha256()
        for row in _streamed(connection, query):
            line = msgspec.json.encode(_shown(row)) + b"\n"
            digest.update(line)
            write(line)
            count += 1
        records, _ = _kept(connection)
        manifest = {
            "rows": count,
            "sha256": digest.hexdigest(),
            "exported_at": _moment(self._clock.now()),
            "session": rows.session_pk,
            "since": None if rows.since is None else _moment(rows.since),
            "until": None if rows.until is None else _moment(rows.until),
            "heads": [[r.chain, r.n, r.hash.hex()] for r in records],
        }
        spelled = msgspec.json.encode(manifest)
        seal = self._marks.sealed_manifest(spelled).hex()
        write(msgspec.json.encode({"manifest": msgspec.Raw(spelled), "seal": seal}) + b"\n")
        return count

    # -- purging -------------------------------------------------------------------------------

    def _purged_some(self, connection: Connection, before: float) -> Purged:
        records, purges = _kept(connection)
        looking = Verification(self._marks, records, purges)
        fault = looking.begin()
        old: list[Mapping[Any, Any]] = []
        for row in _streamed(connection, _OLDEST):
            fault = fault or looking.row(row)
            if fault is not None or row["at"] >= before:
                break
            old.append(row)
        if old:
            last = {row["chain"]: row for row in old if row["chain"] is not None}
            for row in last.values():
                self._note_purge(connection, row)
            connection.execute(delete(audit).where(audit.c.seq <= old[-1]["seq"]))
        return Purged(rows=len(old), fault=fault)

    def _note_purge(self, connection: Connection, row: Mapping[Any, Any]) -> None:
        record = PurgeRecord(chain=row["chain"], n=row["n"], hash=row["hash"], at=self._clock.now())
        values = msgspec.structs.asdict(record) | {"seal": self._marks.sealed_purge(record)}
        connection.execute(insert(audit_purges), values)


class _Sealed(msgspec.Struct):
    manifest: msgspec.Raw
    seal: str


class _Manifest(msgspec.Struct):
    sha256: str
    heads: list[tuple[int, int, str]]


def read_manifest(lines: Iterator[bytes], marks: Marks) -> list[Head]:
    """The heads that an export tells of.

    Raises: ValueError when it is not whole, was changed, or is another server's.
    """
    digest, last = hashlib.sha256(), b""
    for line in lines:
        digest.update(last)
        last = line
    try:
        told = msgspec.json.decode(last, type=_Sealed)
        manifest = msgspec.json.decode(told.manifest, type=_Manifest)
        seal = bytes.fromhex(told.seal)
    except msgspec.DecodeError as exc:
        raise ValueError("no manifest at its end") from exc
    good = same(seal, marks.sealed_manifest(bytes(told.manifest)))
    if not good or manifest.sha256 != digest.hexdigest():
        raise ValueError("not as it was written")
    return [Head(chain, n, bytes.fromhex(last)) for chain, n, last in manifest.heads]


def _kept(connection: Connection) -> tuple[list[ChainRecord], list[PurgeRecord]]:
    return (
        [record_of(row) for row in connection.execute(_RECORDS)],
        [
            PurgeRecord(chain=row.chain, n=row.n, hash=row.hash, at=row.at, seal=row.seal)
            for row in connection.execute(_PURGES)
        ],
    )


def _streamed(
    connection: Connection, query: Select[Any] | TextClause
) -> Iterator[Mapping[Any, Any]]:
    reading = connection.execution_options(yield_per=READ_AT_ONCE)
    yield from reading.execute(query).mappings()


def _heads_before(connection: Connection, first: int) -> list[Head]:
    """The last row of each chain before that one."""
    last = (
        select(func.max(audit.c.seq))
        .where(audit.c.chain.is_not(None), audit.c.seq < first)
        .group_by(audit.c.chain)
    )
    query = select(audit.c.chain, audit.c.n, audit.c.hash).where(audit.c.seq.in_(last))
    return [Head(row.chain, row.n, row.hash) for row in connection.execute(query)]


def _unused_salts(connection: Connection) -> None:
    """Salts of sessions that are over and have no rows are of no use."""
    pk = audit_salts.c.session_pk
    used = select(audit.c.seq).where(audit.c.session_pk == pk).exists()
    alive = select(sessions.c.pk).where(sessions.c.pk == pk, sessions.c.state != _ENDED).exists()
    connection.execute(delete(audit_salts).where(~used, ~alive))


def _shown(row: Mapping[Any, Any]) -> dict[str, object]:
    hashes: bytes = row["item_ids"]
    return {
        "seq": row["seq"],
        "at": _moment(row["at"]),
        "session": row["session_pk"],
        "action": row["action"],
        "actor": row["actor"],
        "result": row["result"],
        "stream_id": row["stream_id"],
        "stream_type": row["stream_type"],
        "items": row["items"],
        "bytes": row["size"],
        "item_hashes": [
            hashes[k : k + ITEM_HASH_BYTES].hex() for k in range(0, len(hashes), ITEM_HASH_BYTES)
        ],
        "chain": row["chain"],
        "n": row["n"],
        "hash": None if row["hash"] is None else row["hash"].hex(),
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
