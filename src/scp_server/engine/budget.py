"""Budget: how many bytes of events all windows of this process hold, and who gives way first."""

from collections import OrderedDict
from typing import Final, Protocol

from scp_server.engine.signal import Signal

UNBOUNDED: Final = 2**62
"""Bytes that no process holds."""


class Holder(Protocol):
    """What holds events."""

    def let_go(self) -> None:
        """Drop every event that no consumer who is here still needs; tell the budget."""
        ...


class Budget:
    """Bytes of encoded events, `size` in all.

    When there are more, the windows that were used least lately let go of what they only keep for
    consumers that may come back; these read it again from the provider. Where nobody can let go,
    streams wait: `freed` fires when there is room again.
    """

    def __init__(self, size: int = UNBOUNDED) -> None:
        self._size = size
        self._holders: OrderedDict[Holder, None] = OrderedDict()
        self.used = 0
        self.freed = Signal()

    @property
    def full(self) -> bool:
        """Whether nothing more should be held."""
        return self.used >= self._size

    def took(self, holder: Holder, size: int) -> None:
        """A window holds so many bytes more."""
        self.used += size
        self._holders[holder] = None
        self._holders.move_to_end(holder)
        if self.full:
            self._make_room()

    def gave(self, size: int) -> None:
        """A window holds so many bytes less."""
        was_full = self.full
        self.used -= size
        if was_full and not self.full:
            self.freed.fire()

    def forget(self, holder: Holder) -> None:
        """A window is gone."""
        self._holders.pop(holder, None)

    def _make_room(self) -> None:
        for holder in list(self._holders):
            holder.let_go()
            if not self.full:
                return
