"""Audience: readers of one stream, each in one HTTP response.

    attend --attached--> Reader, until the stream is over or the response ends
           `--over-----> a gap, where something is missing, and the last word, from what is stored

A reader takes no seat: it says itself where it stood. It proves what it has by naming it when it
comes again, which may be long after the stream, its window and this process are gone.
"""

from dataclasses import dataclass
from typing import Final

import anyio

from scp_server.domain.errors import StorageUnavailable, StreamNotFound
from scp_server.domain.event_ref import EventRef
from scp_server.domain.sessions import Session
from scp_server.domain.streams import Stream, StreamState
from scp_server.engine.arrivals import Arrival
from scp_server.engine.bygones import Bygones
from scp_server.engine.door import Door
from scp_server.engine.live import LiveSession, LiveSessions
from scp_server.engine.readers import Proves, Reader, Subscription
from scp_server.ports.streams import StreamStore
from scp_wire.encode import Encoded

END_SECONDS: Final = 2.0
"""How long who has proven the last event waits for the end to be recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """What a reader is given. Without `reader`, `gap` and `last_word` are all there is."""

    began: EventRef | None
    """The event after which it begins."""
    reader: Reader | None = None
    gap: Encoded | None = None
    last_word: Encoded | None = None
    """It has the event id `ended`."""
    ended: EventRef | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing will ever come: the reader has it all."""
        return self.reader is None and self.gap is None and self.last_word is None


class Audience:
    """Lets readers of one stream in and out."""

    def __init__(
        self, sessions: LiveSessions, door: Door, streams: StreamStore, bygones: Bygones
    ) -> None:
        self._sessions = sessions
        self._door = door
        self._streams = streams
        self._bygones = bygones

    async def attend(
        self,
        session: Session,
        stream_id: str,
        *,
        place: EventRef | None,
        batch: bool,
        agent_pk: int | None = None,
    ) -> Attendance:
        """Begin after `place`, which is proven by that; None: at what nobody has proven yet.

        Raises: StreamNotFound, InvalidRequest (a place that was never given out), ShuttingDown,
        StorageUnavailable.
        """
        wanted = Subscription(stream_id=stream_id, batch=batch, proves=Proves.NEXT_REQUEST)
        arrival = Arrival(place=place, wanted=wanted, takes_seat=False, agent_pk=agent_pk)
        if (stream := await self._stored(stream_id)).state is StreamState.ACTIVE or self._lingers(
            stream
        ):
            reader = await self._door.attach(session, arrival)
            if await self._goes_on(session.pk, stream_id, reader):
                return Attendance(began=EventRef(reader.epoch, reader.taken), reader=reader)
            if _is_at_the_end(stream_id, self._sessions.get(session.pk), place):
                return Attendance(began=place)
            stream = await self._stored(stream_id)
        if stream.state is StreamState.ACTIVE:
            raise StorageUnavailable(
                "The stream does not run just now: the database was away. Try again later."
            )
        return await self._over(stream, place)

    def leave(self, session_pk: int, reader: Reader) -> None:
        """The response has ended."""
        self._door.leave(session_pk, reader, None, seat=False)

    async def _stored(self, stream_id: str) -> Stream:
        stream = await self._streams.get(stream_id)
        if stream is None:
            raise StreamNotFound("There is no such stream. Streams are forgotten after seven days.")
        return stream

    def _lingers(self, stream: Stream) -> bool:
        """Whether some of an ended stream waits in the window."""
        live = self._sessions.get(stream.session_pk)
        share = live.window.shares.get(stream.stream_id) if live else None
        return share is not None and bool(share.waiting)

    async def _goes_on(self, session_pk: int, stream_id: str, reader: Reader) -> bool:
        """Whether anything will come; if not, the reader is let go of."""
        live = self._sessions.get(session_pk)
        share = live.window.shares.get(stream_id) if live else None
        running = live.running.get(stream_id) if live else None
        if share is not None:
            ending = (
                running is None or running.over or running.progress.delivering_since is not None
            )
            if not ending or any(reader.holds(entry) for entry in share.waiting):
                return True
        proven = share is not None and share.all_proven
        self.leave(session_pk, reader)
        if running is not None and proven:
            with anyio.move_on_after(END_SECONDS):
                await running.ended.wait()
        return False

    async def _over(self, stream: Stream, place: EventRef | None) -> Attendance:
        """What there is still to tell of a stream that has ended."""
        bygone = await self._bygones.of_stream(stream, place, alone=True)
        if bygone is None:
            return Attendance(began=place)
        return Attendance(
            began=place, gap=bygone.gap, last_word=bygone.last_word, ended=bygone.ended
        )


def _is_at_the_end(stream_id: str, live: LiveSession | None, place: EventRef | None) -> bool:
    """Whether the place is that of a completion that others have yet to prove."""
    share = live.window.shares.get(stream_id) if live else None
    if live is None or share is None or place is None or stream_id not in live.running:
        return False
    return place.epoch == live.window.epoch and place.n >= share.last_n
