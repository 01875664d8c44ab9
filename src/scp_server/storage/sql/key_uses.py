"""KeyUses in SQL, for one running process."""

import secrets
from collections.abc import Collection

from sqlalchemy import Connection

from scp_server.ports.clock import Clock
from scp_server.ports.seals import Seals
from scp_server.storage.sql import root_keys
from scp_server.storage.sql.root_keys import Holder
from scp_server.storage.sql.rows import SessionRows
from scp_server.storage.sql.transactions import Transactions


class SqlKeyUses:
    """What is known of the root keys. See the port `KeyUses`."""

    __slots__ = ("_clock", "_process", "_rows", "_seals", "_transactions")

    def __init__(
        self, transactions: Transactions, rows: SessionRows, *, seals: Seals, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._rows = rows
        self._seals = seals
        self._clock = clock
        self._process = secrets.token_hex(8)

    async def suffice(self, kids: Collection[str]) -> None:
        """Check that every stored session is under one of these keys.

        Raises: StartRefused, StorageUnavailable.
        """

        def work(connection: Connection) -> dict[str, int]:
            used = root_keys.under(connection, self._seals)
            has = frozenset(kids).__contains__
            return {k: each.data_keys for k, each in used.items() if root_keys.lacks(k, has)}

        if missing := await self._transactions.read(work):
            raise root_keys.lost_keys(missing)

    async def hold(self, *, writes: str, reads: Collection[str]) -> None:
        """Tell the others that this process is there. Raises: StorageUnavailable."""
        holder = Holder(
            process=self._process,
            writes=writes,
            reads=frozenset(reads),
            seen_at=self._clock.now(),
        )
        await self._transactions.write(lambda connection: root_keys.hold(connection, holder))

    async def let_go(self) -> None:
        """Tell the others that this process ends. Raises: StorageUnavailable."""
        await self._transactions.write(
            lambda connection: root_keys.let_go(connection, self._process)
        )

    def forget(self) -> None:
        """Read sessions anew, with their data keys as they are wrapped now."""
        self._rows.forget_all()
