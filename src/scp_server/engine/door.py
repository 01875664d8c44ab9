"""The consumers' door: lets them in where they stood, and keeps their seats when they are lost."""

from scp_server.domain.errors import ShuttingDown
from scp_server.domain.sessions import Session
from scp_server.engine.arrivals import Arrival, narrowed, seated
from scp_server.engine.courses import Courses
from scp_server.engine.cursors import Cursors
from scp_server.engine.joining import Joining, Start
from scp_server.engine.live import LiveSession, LiveSessions
from scp_server.engine.readers import Reader, Subscription
from scp_server.engine.seats import Seat
from scp_server.ports.clock import Clock
from scp_server.ports.streams import StreamStore
from scp_wire.events import EventType


class Door:
    """Where consumers come and go."""

    def __init__(
        self,
        sessions: LiveSessions,
        courses: Courses,
        streams: StreamStore,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._courses = courses
        self._streams = streams
        self._cursors = cursors
        self._clock = clock
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
        if start.rows is not None:
            await self._courses.wind_back(live, session, start.rows)
        reader = live.window.attach(wanted, start.after, start.floors)
        reader.agent_pk = arrival.agent_pk
        self._announce_gaps(live, reader, start)
        return reader

    def _announce_gaps(self, live: LiveSession, reader: Reader, start: Start) -> None:
        # Who is wound back along with the one who comes is told as well.
        readers = [reader] if start.rows is None else live.window.readers
        for gap in start.gaps:
            notice = live.notice(EventType.STREAM_GAP, gap, self._clock.now())
            for each in readers:
                if each.subscription.stream_id in {None, gap.stream_id}:
                    each.notify(notice)

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
