"""The consumers' door: lets them in where they stood, and keeps their seats when they are lost."""

from collections.abc import Iterable

from msgspec.structs import replace

from scp_server.domain.errors import ShuttingDown
from scp_server.domain.event_ref import EventRef
from scp_server.domain.sessions import Session
from scp_server.engine.arrivals import Arrival, narrowed, seated
from scp_server.engine.bygones import Bygones
from scp_server.engine.courses import Courses, Machinery
from scp_server.engine.cursors import Cursors
from scp_server.engine.joining import Joining, over_gap
from scp_server.engine.live import LiveSession, LiveSessions
from scp_server.engine.readers import Reader, Subscription
from scp_server.engine.seats import Seat
from scp_wire.events import EventType, GapData


class Door:
    """Where consumers come and go."""

    def __init__(
        self,
        sessions: LiveSessions,
        courses: Courses,
        machinery: Machinery,
        cursors: Cursors,
        bygones: Bygones,
    ) -> None:
        self._sessions = sessions
        self._courses = courses
        self._streams = machinery.streams
        self._cursors = cursors
        self._bygones = bygones
        self._clock = machinery.clock
        self._shut = False

    def shut(self) -> None:
        """Let nobody in any more."""
        self._shut = True

    def seat_waits(self, session_pk: int, agent_id: str | None) -> bool:
        """Whether this agent's next connection takes a seat again instead of a new one."""
        live = self._sessions.get(session_pk)
        return live is not None and live.seats.occupied(agent_id, now=self._clock.monotonic())

    async def attach(self, session: Session, arrival: Arrival) -> Reader:
        """Let a consumer in: after its seat's place, the place it names, or what is unproven.

        Raises: InvalidRequest (a place that was never given out), CursorInvalid, ShuttingDown,
        StorageUnavailable.
        """
        live = self._sessions.open(session.pk, session.provider)
        async with live.lock:
            if self._shut:
                raise ShuttingDown("The server is going down. Connect again in a few seconds.")
            seat = self._seat_for(live, arrival)
            try:
                reader = await self._let_in(live, session, seated(arrival, seat, live.window.epoch))
            except BaseException:
                if seat is not None:
                    live.seats.give_back(arrival.agent_id, seat)
                raise
        reader.seated = seat is not None
        return reader

    def _seat_for(self, live: LiveSession, arrival: Arrival) -> Seat | None:
        if not arrival.takes_seat:
            return None
        return live.seats.take(arrival.agent_id, now=self._clock.monotonic())

    async def _let_in(self, live: LiveSession, session: Session, arrival: Arrival) -> Reader:
        wanted = narrowed(arrival.wanted or Subscription(), arrival.allowed)
        joining = Joining(live=live, streams=self._streams, wanted=wanted, arrival=arrival)
        start = await joining.start(self._cursors)
        gaps, here = start.gaps, frozenset(live.window.shares)
        if start.rows is not None:

            def tell(goes_on: frozenset[str]) -> None:
                nonlocal gaps
                gaps = tuple(_as_it_goes_on(gap, goes_on) for gap in gaps)
                for other in live.window.readers:
                    self._tell(live, other, _losses(live, other, gaps, goes_on))

            await self._courses.wind_back(live, session, start.rows, tell)
        reader = live.window.attach(wanted, start.after, start.floors)
        reader.agent_pk = arrival.agent_pk
        self._tell(live, reader, gaps)
        await self._tell_bygones(live, reader, arrival.place, here)
        return reader

    async def _tell_bygones(
        self, live: LiveSession, reader: Reader, place: EventRef | None, here: frozenset[str]
    ) -> None:
        """Of streams that had ended and were not `here` any more, who comes late is told as well.

        Only now: what the window has is known for no longer than nothing is awaited, and once
        attached nothing is taken away from the reader.
        """
        wanted = reader.subscription
        if place is None or wanted.stream_id is not None:
            # Who reads one stream has looked whether it is over.
            return
        try:
            for notice in await self._bygones.missed(live, wanted, place, here):
                reader.notify(notice, passing=False)
        except BaseException:
            reader.detach()
            raise

    def _tell(self, live: LiveSession, reader: Reader, gaps: Iterable[GapData]) -> None:
        for gap in gaps:
            notice = live.notice(EventType.STREAM_GAP, gap, self._clock.now())
            reader.notify(notice, passing=False)

    async def resubscribe(self, session: Session, reader: Reader, wanted: Subscription) -> None:
        """Replace a consumer's subscription, also backwards to what nobody has had yet.

        Raises: StorageUnavailable; then the subscription is as it was.
        """
        live = self._sessions.open(session.pk, session.provider)
        async with live.lock:
            if live.window.behind(reader, wanted):
                # First, so that its places do not stand for what it never asked for.
                await self._courses.wind_back(live, session, {})
            reader.subscribe(wanted)

    def leave(self, session_pk: int, reader: Reader, agent_id: str | None, *, seat: bool) -> None:
        """A consumer is gone; one that did not say goodbye leaves a seat."""
        live = self._sessions.get(session_pk)
        if live is not None and seat:
            live.seats.leave(agent_id, reader, now=self._clock.monotonic())
        reader.detach()
        if live is not None:
            self._sessions.forget(live)

    def connections(self, session_pk: int | None) -> int:
        """How many Socket.IO consumers are attached: a session's, or all."""
        return sum(
            # Who reads one stream only does so in an HTTP response.
            sum(reader.subscription.stream_id is None for reader in live.window.readers)
            for live in self._sessions
            if session_pk is None or live.session_pk == session_pk
        )


def _as_it_goes_on(gap: GapData, goes_on: frozenset[str]) -> GapData:
    """The stream may have come to its end while it was decided to read it again."""
    if gap.stream_id in goes_on or not gap.reread:
        return gap
    return replace(gap, reread=False, complete_listing=False)


def _losses(
    live: LiveSession, reader: Reader, gaps: Iterable[GapData], goes_on: frozenset[str]
) -> list[GapData]:
    """What is told one who is here right before all are wound back for one who comes.

    Of a stream that begins again from its start, what vanished meanwhile; of one that is over,
    what was still to be written: each after its own last event, not after the other's.
    """
    place = str(reader.written_ref)
    again = [
        replace(gap, after_event_id=place)
        for gap in gaps
        if gap.reread and reader.subscription.stream_id in {None, gap.stream_id}
    ]
    over = [
        over_gap(share.stream_id, place)
        for share in live.window.shares.values()
        if share.stream_id not in goes_on
        and any(e.n > reader.written_n and reader.is_due(e) for e in share.waiting)
    ]
    return [*again, *over]
