"""A stream as its reader sees it: events in, items out. No I/O.

Told every event of a session in the order of arrival, repeats included, a `Tale` gives each
change of its stream once, notices a hole, and knows how the stream ended.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from scp_sdk.errors import (
    ProtocolError,
    SessionNotFound,
    StreamInterrupted,
    error_from,
)
from scp_sdk.holdings import Holdings
from scp_wire.events import ChangeKind, Event, EventType, Origin, UpdateData

REMEMBERED: Final = 50_000
"""Changes a `Tale` can recognise as repeats, the newest: about 8 MB. What a server repeats after
a lost connection is at most its window (256 events of up to 1,000 items) or one winding back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamItem:
    """One change of one item. The content is left out of its repr."""

    id: str
    """The provider's id of the item."""
    change: ChangeKind
    """created, updated or deleted."""
    origin: Origin
    """backfill: it was there. live: it changed."""
    data_type: str
    payload: dict[str, Any] = field(repr=False)
    """The item's fields (docs/api_reference.md); of a deleted one only `id`."""
    offset: int | None
    """Its place in the stream."""
    event_id: str | None
    """The event that brought it: of a batch, all items share it."""
    reason: str | None = None
    """Why it is gone, when it was not simply deleted: `left_filter`, or `not_listed` when the
    provider lost our place and a complete listing did not have it any more."""
    raw: Any = field(default=None, repr=False)
    """The provider's own object, with `include_raw`."""
    cursor: str | None = field(default=None, repr=False)
    """On the last item of a batch: a new stream started with it goes on after this item."""


class PlacedData(UpdateData, frozen=True, kw_only=True, omit_defaults=True):
    """An item in `data.items` of a `data_batch`."""

    offset: int | None = None


class BatchData(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of a `data_batch`."""

    items: list[PlacedData]


class Hole(Exception):
    """Events are missing between two that came: go back to the place before."""


class Recent:
    """The last change of each of the `size` items that changed last; older ones are forgotten.

    Only the last change of an item, not all of them: what comes again after a lost place comes in
    order, so applying an old change once more is mended by the newer ones that follow. To drop
    those because they were seen before would leave the old one standing.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._last: dict[str, str] = {}

    def add(self, identity: str, change_id: str) -> bool:
        """Remember an item's change. False when it is the one that came last."""
        if self._last.pop(identity, None) == change_id:
            self._last[identity] = change_id
            return False
        self._last[identity] = change_id
        if len(self._last) > self._size:
            del self._last[next(iter(self._last))]
        return True

    def forget(self, identity: str) -> None:
        """An item is gone: whatever comes of it next is new."""
        self._last.pop(identity, None)


class Tale:
    """What a reader knows of its stream."""

    def __init__(
        self,
        stream_id: str,
        *,
        place: str | None = None,
        remembered: int = REMEMBERED,
        holdings: Holdings | None = None,
    ) -> None:
        self.stream_id = stream_id
        self.ended: EventType | None = None
        """The event that ended the stream, when one did."""
        self.place = place
        """The newest event id: where to go on after a lost connection."""
        self.cursor: str | None = None
        """The newest cursor of the stream."""
        self._recent = Recent(remembered)
        self._holdings = holdings
        self._epoch: str | None = None
        self._offset = 0

    def read(self, event: Event) -> list[StreamItem]:
        """Take the next event; return the changes that are new in it.

        Raises:
            Hole: events between this one and the last are missing; nothing was taken.
            SCPError: the stream failed, was stopped early, or the session is over.
        """
        if event.event_type == EventType.SESSION_EXPIRED:
            raise SessionNotFound(str(event.data.get("message", "The session has ended.")))
        if event.event_type == EventType.STREAM_GAP:
            self._note_gap(event)
        if event.stream_id != self.stream_id:
            self.place = event.event_id or self.place
            return []
        brought = self._brought(event)
        seen = self._count(event, brought)
        items = self._items(event, brought, seen)
        if event.event_type == EventType.STREAM_RESUMED and self._holdings is not None:
            items += self._not_listed(self._holdings, event)
        self._conclude(event)
        return items

    def _not_listed(self, holdings: Holdings, event: Event) -> list[StreamItem]:
        gone = holdings.listing_ends()
        for identity, _ in gone:
            # Should it come back as it was, that is news.
            self._recent.forget(identity)
        return [_gone(*each, event) for each in gone]

    def _note_gap(self, event: Event) -> None:
        # A gap of the window is told outside the stream's order, one of the provider's within it.
        if event.data.get("stream_id") != self.stream_id:
            return
        # A gap is announced: what follows it may begin anywhere, like a new epoch.
        self._epoch = None
        if self._holdings is None:
            return
        if event.data.get("complete_listing") is True:
            self._holdings.listing_begins()
        else:
            self._holdings.listing_breaks()

    def _brought(self, event: Event) -> list[PlacedData]:
        try:
            if event.event_type == EventType.DATA_BATCH:
                return msgspec.convert(event.data, BatchData).items
            if event.event_type == EventType.DATA_UPDATE:
                return [msgspec.convert(event.data | {"offset": event.offset}, PlacedData)]
        except msgspec.ValidationError as cause:
            raise ProtocolError(f"An item does not have the agreed shape: {cause}.") from cause
        return []

    def _count(self, event: Event, brought: list[PlacedData]) -> int:
        """Move on to an event's place. Returns the offset up to which it is a repeat."""
        epoch = (event.event_id or "").rpartition("-")[0]
        first = brought[0].offset if brought else event.offset
        last = brought[-1].offset if brought else event.offset
        if first is None or last is None:
            self.place = event.event_id or self.place
            return 0
        # Within an epoch an offset means the same event, however often it is sent.
        seen = self._offset if epoch == self._epoch else 0
        if seen and first > seen + 1:
            raise Hole(f"offset {first} after {seen}")
        self._offset = max(seen, last)
        self._epoch = epoch
        self.place = event.event_id or self.place
        return seen

    def _items(self, event: Event, brought: list[PlacedData], seen: int) -> list[StreamItem]:
        self.cursor = event.cursor or self.cursor
        if self._holdings is not None:
            for data in brought:
                self._holdings.take(_id(data), data.data_type, data.change)
        new = [
            (data, data is brought[-1])
            for data in brought
            if (data.offset is None or data.offset > seen)
            and self._recent.add(_id(data), data.change_id)
        ]
        return [_item(data, event, event.cursor if last else None) for data, last in new]

    def _conclude(self, event: Event) -> None:
        match event.event_type:
            case EventType.STREAM_COMPLETED:
                self.ended = EventType.STREAM_COMPLETED
            case EventType.STREAM_STOPPED:
                self.stopped(event.data.get("reason"))
            case EventType.STREAM_ERROR if event.data.get("fatal"):
                raise error_from(event.data)
            case _:
                pass

    def stopped(self, reason: object) -> None:
        """The stream was stopped: an end when somebody asked for it, else an interruption.

        Raises:
            StreamInterrupted: nobody asked for it.
        """
        if reason not in {None, "requested"}:
            raise StreamInterrupted(
                f"The stream was stopped: {reason}. Start one with its cursor to go on.",
                details={"reason": reason, "cursor": self.cursor, "stream_id": self.stream_id},
            )
        self.ended = EventType.STREAM_STOPPED


def _item(data: PlacedData, event: Event, cursor: str | None) -> StreamItem:
    payload = data.payload if isinstance(data.payload, dict) else {}
    return StreamItem(
        id=_id(data),
        change=data.change,
        origin=data.origin,
        data_type=data.data_type,
        payload=payload,
        offset=data.offset,
        event_id=event.event_id,
        reason=data.reason,
        raw=data.raw,
        cursor=cursor,
    )


def _id(data: PlacedData) -> str:
    identity = data.payload.get("id") if isinstance(data.payload, dict) else None
    if not isinstance(identity, str):
        raise ProtocolError("An item has no id.")
    return identity


def _gone(identity: str, data_type: str, event: Event) -> StreamItem:
    """An item that a complete listing did not have any more."""
    return StreamItem(
        id=identity,
        change=ChangeKind.DELETED,
        origin=Origin.LIVE,
        data_type=data_type,
        payload={"id": identity},
        offset=None,
        event_id=event.event_id,
        reason="not_listed",
    )
