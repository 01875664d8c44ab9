"""Bygones: streams that have ended, as those are told who come too late for their events."""

from collections.abc import Container
from dataclasses import dataclass

from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import LedgerRow, Stream, StreamState
from scp_server.engine.cursors import Cursors
from scp_server.engine.live import LiveSession
from scp_server.engine.readers import Subscription
from scp_server.ports.streams import StreamStore
from scp_wire.codes import ErrorCode
from scp_wire.encode import Encoded, Envelope, encode, encode_body
from scp_wire.events import EventData, EventType, GapData, StreamData, StreamErrorData
from scp_wire.stream_types import StreamType


@dataclass(frozen=True, slots=True, kw_only=True)
class Bygone:
    """What is told of a stream that has ended."""

    gap: Encoded | None
    """When events of it are missing."""
    last_word: Encoded
    ended: EventRef | None
    """The event id of its last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A stored stream as subscriptions look at it."""

    stream_id: str
    stream_type: StreamType


class Bygones:
    """Tells of streams whose events are in no window any more, from what is stored of them."""

    def __init__(self, streams: StreamStore, cursors: Cursors) -> None:
        self._streams = streams
        self._cursors = cursors

    async def of_stream(
        self, stream: Stream, place: EventRef | None, *, alone: bool
    ) -> Bygone | None:
        """What there is to tell who stands at `place`; None when that is the end of it.

        `alone`: whether its reader reads nothing else. For others the last word carries no id: it
        is told out of turn, and who named it would skip what comes before it.

        Raises: StorageUnavailable.
        """
        row = await self._streams.latest(stream.stream_id)
        ended = EventRef(row.epoch, row.n) if row else None
        if place and ended and place.epoch == ended.epoch and place.n >= ended.n:
            return None
        misses = await self._misses(stream, place, row)
        return Bygone(
            gap=_gap(stream, place) if misses else None,
            last_word=self._last_word(stream, ended, alone=alone),
            ended=ended,
        )

    async def missed(
        self, live: LiveSession, wanted: Subscription, place: EventRef, here: Container[str]
    ) -> tuple[Encoded, ...]:
        """What is told who stood at `place`, of all that has ended since and is in no window.

        `here`: the streams that were in the window when it was looked what is to be given of it.

        Raises: StorageUnavailable.
        """
        over = [
            stream
            for stream in await self._streams.of_session(live.session_pk)
            if stream.state is not StreamState.ACTIVE
            and stream.stream_id not in here
            and wanted.wants(_named(stream))
        ]
        if not over:
            return ()
        began = await self._streams.epoch_began(live.session_pk, place.epoch)
        told: list[Encoded] = []
        for stream in sorted(over, key=lambda each: each.ended_at or 0.0):
            row = await self._streams.latest(stream.stream_id)
            numbered = row is not None and row.epoch == place.epoch
            if not numbered and began is not None and (stream.ended_at or 0.0) <= began:
                # It was over before the numbering began in which the place lies.
                continue
            bygone = await self.of_stream(stream, place, alone=False)
            if bygone is not None:
                told += [bygone.gap] if bygone.gap is not None else []
                told.append(bygone.last_word)
        return tuple(told)

    async def _misses(self, stream: Stream, place: EventRef | None, last: LedgerRow | None) -> bool:
        """Whether events after a place are gone. A stop drops what is undelivered: no gap."""
        if place is None or stream.state is StreamState.STOPPED:
            return False
        if last is None:
            return True
        if (last.epoch, last.n) == (place.epoch, place.n + 1):
            return False
        if stream.state is not StreamState.COMPLETED:
            # Its last row tells what was proven, which may be less than what there was.
            return True
        known = await self._streams.place_at(stream.stream_id, place.epoch, place.n)
        return known is None or known.place != last.place

    def _last_word(self, stream: Stream, ended: EventRef | None, *, alone: bool) -> Encoded:
        event_type, data = _ending(stream)
        cursor = self._cursors.maker(stream.session_pk, stream.stream_id, stream.config)
        envelope = Envelope(
            provider=stream.config.provider,
            timestamp=stream.ended_at or stream.last_activity,
            event_id=str(ended) if ended is not None and alone else None,
            stream_id=stream.stream_id,
            cursor=None if ended is None else cursor(ended),
            agent_id=stream.config.agent_id,
        )
        return encode(event_type, envelope, encode_body(data))


def _named(stream: Stream) -> _Named:
    return _Named(stream_id=stream.stream_id, stream_type=stream.config.stream_type)


def _gap(stream: Stream, place: EventRef | None) -> Encoded:
    data = GapData(
        stream_id=stream.stream_id,
        reason="window",
        after_event_id=None if place is None else str(place),
        reread=False,
        complete_listing=False,
    )
    envelope = Envelope(
        provider=stream.config.provider, timestamp=stream.ended_at or stream.last_activity
    )
    return encode(EventType.STREAM_GAP, envelope, encode_body(data))


def _ending(stream: Stream) -> tuple[EventType, EventData]:
    if stream.state is StreamState.FAILED:
        error = stream.error
        return EventType.STREAM_ERROR, StreamErrorData(
            code=error.code if error else ErrorCode.INTERNAL_ERROR,
            message=error.message if error else "The stream has failed.",
            fatal=True,
        )
    stopped = stream.state is StreamState.STOPPED
    data = StreamData(
        stream_type=stream.config.stream_type,
        status=stream.state,
        items=stream.items_streamed,
        reason=stream.state_reason if stopped else None,
    )
    return (EventType.STREAM_STOPPED if stopped else EventType.STREAM_COMPLETED), data
