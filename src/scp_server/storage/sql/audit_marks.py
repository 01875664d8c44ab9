"""What the audit trail is chained with: keyed hashes of rows and of what is known of chains.

    h(0) = HMAC(chain, when it began, where the other chains stood then)
    h(n) = HMAC(h(n-1), row n)

Rows and records are spelled as MessagePack before they are hashed: one spelling for each value. The
keys are derived from the index key, which does not change when sealing keys do.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from scp_server.ports.seals import Seals

HASH_BYTES: Final = 16
"""Of each hash: 128 bits cannot be forged by trying, and a row is half as large."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_HEADS: Final = msgspec.json.Decoder(list[tuple[int, int, str]])


class Head(msgspec.Struct, frozen=True, gc=False):
    """A place in a chain: the hash of its row `n`."""

    chain: int
    n: int
    hash: bytes


class ChainRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a chain beside its rows: how it began, and how far it goes."""

    chain: int
    started_at: float
    links: str
    n: int
    hash: bytes
    seal: bytes = b""

    @property
    def head(self) -> Head:
        """Its last row."""
        return Head(self.chain, self.n, self.hash)

    @property
    def linked(self) -> list[Head]:
        """Where other chains stood when it began. Raises: ValueError when that was damaged."""
        try:
            return [Head(chain, n, bytes.fromhex(h)) for chain, n, h in _HEADS.decode(self.links)]
        except msgspec.DecodeError as exc:
            raise ValueError("links") from exc


class PurgeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of purged rows: that of a chain all up to `n` went, and that one's hash."""

    chain: int
    n: int
    hash: bytes
    at: float
    seal: bytes = b""


class Marks:
    """Makes the hashes."""

    __slots__ = ("_seals",)

    def __init__(self, seals: Seals) -> None:
        self._seals = seals

    def beginning(self, record: ChainRecord) -> bytes:
        """h(0) of a chain."""
        return self._hash("audit chain", b"", [record.chain, record.started_at, record.links])

    def row(self, before: bytes, row: Mapping[str, Any]) -> bytes:
        """h(n) from h(n-1)."""
        told = (
            row["chain"],
            row["n"],
            float(row["at"]),
            row["session_pk"],
            row["action"],
            row["actor"],
            row["result"],
            row["stream_id"],
            row["stream_type"],
            row["items"],
            row["size"],
            row["item_ids"],
        )
        return self._hash("audit row", before, told)

    def sealed_chain(self, record: ChainRecord) -> bytes:
        """The seal of a chain's record: rows cannot be cut off and the record be made to fit."""
        r = record
        return self._hash("audit head", b"", [r.chain, r.started_at, r.links, r.n, r.hash])

    def sealed_purge(self, record: PurgeRecord) -> bytes:
        """The seal of a purge's record: rows cannot be deleted as if they had been purged."""
        return self._hash("audit purge", b"", [record.chain, record.n, record.hash, record.at])

    def sealed_manifest(self, manifest: bytes) -> bytes:
        """The seal of an export."""
        return self._hash("audit export", b"", manifest)

    def _hash(self, purpose: str, before: bytes, told: object) -> bytes:
        return self._seals.fingerprint(purpose, before + _ENCODER.encode(told))[:HASH_BYTES]


def same(one: object, other: bytes) -> bool:
    """Whether two hashes are equal, in a time that does not tell where they differ.

    Whoever meddled may have put anything into a column.
    """
    return isinstance(one, bytes) and hmac.compare_digest(one, other)


def spelled_links(heads: list[Head]) -> str:
    """Heads as a chain's record holds them."""
    return msgspec.json.encode([(h.chain, h.n, h.hash.hex()) for h in heads]).decode()


def tips(records: list[ChainRecord]) -> list[Head]:
    """Where the chains end to which no later one is linked: what a new chain is linked to."""
    reached: dict[int, int] = {}
    for record in records:
        try:
            links = record.linked
        except ValueError:
            continue
        for link in links:
            reached[link.chain] = max(link.n, reached.get(link.chain, 0))
    return [record.head for record in records if record.n > reached.get(record.chain, 0)]
