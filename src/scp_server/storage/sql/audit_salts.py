"""Item ids as the audit trail keeps them: hashed under a key of their session alone.

The key is derived from the index key and a random salt in the database. Deleting the salt makes the
hashes tell nothing any more, even to who has the key file: that is how a user is erased from a
trail whose rows cannot be changed. See docs/decisions/0012-the-audit-trail-is-chained.md.
"""

import hmac
import secrets
from typing import Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from scp_server.ports.seals import Seals
from scp_server.storage.sql.remembered import Remembered
from scp_server.storage.sql.tables import audit_salts
from scp_server.storage.sql.transactions import Transactions

ITEM_HASH_BYTES: Final = 16
"""Of each item id's keyed hash: enough to find an item, and never to find two alike."""
SALT_BYTES: Final = 16
REMEMBERED: Final = 4096
"""Sessions whose keys are in memory."""
NOBODY: Final = 0
"""Stands for no session; sessions are counted from 1."""


class Salts:
    """The keys of sessions' item hashes, the last used ones from memory."""

    __slots__ = ("_keys", "_seals", "_transactions")

    def __init__(self, transactions: Transactions, *, seals: Seals) -> None:
        self._transactions = transactions
        self._seals = seals
        self._keys: Remembered[int, bytes] = Remembered(REMEMBERED)

    def known(self, session_pk: int | None) -> bytes | None:
        """A session's key, if it is in memory."""
        return self._keys.get(session_pk or NOBODY)

    async def of(self, session_pk: int | None) -> bytes:
        """A session's key; its salt is made where there is none.

        Raises: StorageUnavailable.
        """
        pk = session_pk or NOBODY
        salt = await self._transactions.write(lambda connection: _salt(connection, pk))
        key = self._seals.fingerprint("audited item", salt)
        self._keys.put(pk, key, self._keys.generation)
        return key

    async def destroy(self, session_pk: int) -> bool:
        """Make a session's hashes tell nothing any more; whether there was something to destroy.

        Raises: StorageUnavailable.
        """
        gone = await self._transactions.write(
            lambda connection: (
                connection.execute(
                    delete(audit_salts).where(audit_salts.c.session_pk == session_pk)
                ).rowcount
            )
        )
        self._keys.forget(session_pk)
        await self._transactions.forget_log()
        return gone > 0


class ItemHashes:
    """Hashes of one group of rows: consumers of one session are given the same items."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[tuple[bytes, int], bytes] = {}

    def of(self, key: bytes, item_ids: tuple[str, ...]) -> bytes:
        """All hashes, one after the other. The tuple must live as long as this."""
        made = self._made.get((key, id(item_ids)))
        if made is None:
            made = b"".join(item_hash(key, each) for each in item_ids)
            self._made[key, id(item_ids)] = made
        return made


def item_hash(key: bytes, item_id: str) -> bytes:
    """What is kept of an item's id."""
    return hmac.digest(key, item_id.encode(), "sha256")[:ITEM_HASH_BYTES]


def _salt(connection: Connection, session_pk: int) -> bytes:
    # Another process may make one at the same time: the first one counts.
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(
        insert(audit_salts).on_conflict_do_nothing(),
        {"session_pk": session_pk, "salt": secrets.token_bytes(SALT_BYTES)},
    )
    query = select(audit_salts.c.salt).where(audit_salts.c.session_pk == session_pk)
    salt: bytes = connection.execute(query).scalar_one()
    return salt
