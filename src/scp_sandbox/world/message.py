"""A message in a mailbox, and a record of the mailbox's history."""

from dataclasses import dataclass
from typing import Literal

from scp_sandbox.world.recipe import Recipe

# As in ids seen in the wild: the upper 44 bits of the 64 are milliseconds.
ID_TAIL_BITS = 20

HistoryKind = Literal["messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as it is now. Its content never changes; labels and `history_id` do."""

    id: str
    thread_id: str
    labels: tuple[str, ...]
    history_id: int
    recipe: Recipe

    @property
    def order(self) -> int:
        """The key by which mail is sorted; newer is greater."""
        return int(self.id, 16)

    @property
    def internal_ms(self) -> int:
        """`internalDate`: milliseconds since the epoch."""
        return self.order >> ID_TAIL_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One message within a history record.

    `labels` is the state after the record, None for a deleted message; `changed` the labels that
    were added or removed.
    """

    message_id: str
    thread_id: str
    labels: tuple[str, ...] | None = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRecord:
    """One entry of `history.list`; ids rise, with gaps."""

    id: int
    kind: HistoryKind
    touched: tuple[Touched, ...]


def message_id(moment_ms: int, tail: int) -> str:
    """The 16 hex digits for a moment and 20 more bits."""
    return f"{(moment_ms << ID_TAIL_BITS) | tail:016x}"
