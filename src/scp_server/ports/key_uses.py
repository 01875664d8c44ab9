"""KeyUses: what is known of the root keys beyond this process."""

from collections.abc import Collection
from typing import Protocol


class KeyUses(Protocol):
    """Which root keys the stored sessions need, and which process holds which.

    Methods that are awaited raise StorageUnavailable when the database does not answer.
    """

    async def suffice(self, kids: Collection[str]) -> None:
        """Check that every stored session is under one of these keys.

        Raises: StartRefused, naming the keys that are missing.
        """
        ...

    async def hold(self, *, writes: str, reads: Collection[str]) -> None:
        """Tell the others that this process is there, and what it writes and reads with."""
        ...

    async def let_go(self) -> None:
        """Tell the others that this process ends."""
        ...

    def forget(self) -> None:
        """The keys have changed: what is remembered of the database may be under one that went."""
        ...
