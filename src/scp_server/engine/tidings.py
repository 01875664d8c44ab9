"""Tidings: what consumers and streams are told of what happened to their session elsewhere."""

from collections.abc import Awaitable, Callable

from scp_server.domain.errors import StorageUnavailable
from scp_server.domain.sessions import Session
from scp_server.domain.streams import Stream
from scp_server.engine.admission import scopes_lacking
from scp_server.engine.courses import Machinery
from scp_server.engine.live import Leaving, LiveSession, LiveSessions, Running
from scp_wire.events import EventType, NoticeData, RateLimitData, TokenRefreshData

Leave = Callable[[Stream, Leaving], Awaitable[None]]


class Tidings:
    """Implements `SessionNotices` for consent and providers, and `Cuts` for access."""

    def __init__(self, sessions: LiveSessions, machinery: Machinery, leave: Leave) -> None:
        self._sessions = sessions
        self._machinery = machinery
        self._leave = leave

    async def token_refreshed(self, session_pk: int, *, expires_at: float) -> None:
        """Consumers of the session get a `token_refresh`."""
        live, now = self._sessions.get(session_pk), self._now()
        if live is not None:
            data = TokenRefreshData(new_expires_at=expires_at, expires_in=int(expires_at - now))
            live.tell(EventType.TOKEN_REFRESH, data, now)

    async def consent_lost(self, session_pk: int) -> None:
        """Streams find out by themselves: their next call asks for a token and is refused one."""

    async def consent_renewed(self, session_pk: int) -> None:
        """Streams that wait for the user go on; those whose scopes the user left out now end."""
        live = self._sessions.get(session_pk)
        if live is None:
            return
        session = await self._stored(session_pk)
        for running in list(live.running.values()):
            await self._renewed(running, session)

    async def _renewed(self, running: Running, session: Session | None) -> None:
        config, links = running.stream.config, self._machinery.links
        lacking = None if session is None else scopes_lacking(session, config, links)
        if lacking is None:
            running.consented.fire()
            return
        running.fault = lacking
        await self._leave(running.stream, Leaving.UNGRANTED)

    async def _stored(self, session_pk: int) -> Session | None:
        try:
            return await self._machinery.sessions.get(session_pk)
        except StorageUnavailable:
            return None  # then the provider refuses what was not granted

    def rate_limit_near(self, session_pk: int, data: RateLimitData) -> None:
        """Consumers of the session get a `rate_limit_warning`."""
        live = self._sessions.get(session_pk)
        if live is not None:
            live.tell(EventType.RATE_LIMIT_WARNING, data, self._now())

    async def session_ended(self, session_pk: int) -> None:
        """Consumers are told and disconnected, streams stopped."""
        live = self._sessions.get(session_pk)
        if live is None:
            return
        self._cut(live, "The session has ended. A new consent makes a new one.")
        live.seats.clear()
        for running in list(live.running.values()):
            await self._leave(running.stream, Leaving.STOPPED)

    def cut_off(self, whom: Callable[[int, int | None], bool], why: str) -> int:
        """Tell and disconnect consumers; how many. `whom` is asked with the session's number and
        that of the agent whose key was presented.
        """
        return sum(self._cut(live, why, whom) for live in self._sessions)

    def _cut(
        self, live: LiveSession, why: str, whom: Callable[[int, int | None], bool] | None = None
    ) -> int:
        readers = [
            reader
            for reader in live.window.readers
            if whom is None or whom(live.session_pk, reader.agent_pk)
        ]
        if readers:
            data = NoticeData(message=why)
            notice = live.notice(EventType.SESSION_EXPIRED, data, self._now())
            for reader in readers:
                reader.notify(notice)
                reader.close(EventType.SESSION_EXPIRED)
        return len(readers)

    def agents_here(self) -> frozenset[int]:
        """The agents whose keys let somebody in who is still here."""
        return frozenset(
            reader.agent_pk
            for live in self._sessions
            for reader in live.window.readers
            if reader.agent_pk is not None
        )

    def _now(self) -> float:
        return self._machinery.clock.now()
