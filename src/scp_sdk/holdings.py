"""Which items a reader holds, so that a complete listing can tell it what is gone.

A provider that lost our place has no tombstones for what was deleted meanwhile. The server lists
everything again between `stream_gap` and `stream_resumed`, and keeps no ids of its own; whoever
held an item that the listing did not have knows then that it is gone. Ids only, no content.
"""

from scp_wire.events import ChangeKind


class Holdings:
    """The ids a reader holds, some 100 bytes each."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._listed: set[str] | None = None

    def take(self, identity: str, data_type: str, change: ChangeKind) -> None:
        """An item came, a repeat or not: whatever comes during a listing is there."""
        if change is ChangeKind.DELETED:
            self._held.pop(identity, None)
            return
        self._held[identity] = data_type
        if self._listed is not None:
            self._listed.add(identity)

    def listing_begins(self) -> None:
        """Everything that is there will be listed from here on."""
        self._listed = set()

    def listing_breaks(self) -> None:
        """Some of it will not come: what is not in the rest may be there all the same."""
        self._listed = None

    def listing_ends(self) -> list[tuple[str, str]]:
        """Id and data type of what was held and is not there any more."""
        if self._listed is None:
            return []
        gone = [(key, kind) for key, kind in self._held.items() if key not in self._listed]
        for key, _ in gone:
            del self._held[key]
        self._listed = None
        return gone
