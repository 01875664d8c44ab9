"""The engine as the HTTP API sees it, in memory: streams are started, counted and stopped here.

Faithful to the supervisor in what it refuses and answers; it reads from no provider.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

from support.neighbours import SomeTypes

from scp_server.domain.errors import (
    CursorInvalid,
    InsufficientScope,
    ShuttingDown,
    StreamAlreadyActive,
    StreamNotFound,
    TokenExpired,
)
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import STREAM_PREFIX
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import Reason, Stream, StreamConfig, StreamState
from scp_server.engine.audience import Attendance
from scp_server.engine.readers import Reader
from scp_server.engine.views import StreamView
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.links import Links
from scp_server.ports.meter import SetAsideFor
from scp_wire.codes import ErrorCode
from scp_wire.stream_types import Provider, StreamType

PART_ONE = (StreamType.GMAIL_MESSAGES, StreamType.CALENDAR_EVENTS)
SCOPE_OF = {StreamType.GMAIL_MESSAGES: "mail", StreamType.CALENDAR_EVENTS: "calendar"}


class ScopedTypes(SomeTypes):
    """ports.links.Links whose types each need a scope."""

    def scopes(self, stream_type: StreamType, session: Session) -> frozenset[str]:
        """The one scope of the type."""
        return frozenset({SCOPE_OF.get(stream_type, "mail")})


@dataclass(slots=True)
class MemoryStreams:
    """A supervisor whose streams stand still."""

    clock: Clock
    chance: Chance
    links: Links
    draining: bool = False
    sockets: dict[int, int] = field(default_factory=dict)
    views: dict[str, StreamView] = field(default_factory=dict)

    async def start(
        self, session: Session, config: StreamConfig, *, cursor: str | None
    ) -> StreamView:
        """Remember a new stream."""
        if self.draining:
            raise ShuttingDown("The server is going down. Try again in a few seconds.")
        if session.state is not SessionState.ACTIVE:
            raise TokenExpired("The user's consent is gone. Renew it at the authorization URL.")
        missing = self.links.scopes(config.stream_type, session) - session.scopes
        if missing:
            raise InsufficientScope("Renew the consent.", missing_scopes=sorted(missing))
        if cursor is not None and cursor not in self._cursors(session.pk):
            raise CursorInvalid("This cursor opens nothing here.", field="cursor")
        for running in self._of(session.pk):
            same = running.config.stream_type is config.stream_type
            if same and running.state is StreamState.ACTIVE:
                raise StreamAlreadyActive("It runs already.", stream_id=running.stream_id)
        now = self.clock.now()
        stream = Stream(
            stream_id=STREAM_PREFIX + self.chance.token(128),
            session_pk=session.pk,
            config=config,
            state=StreamState.ACTIVE,
            state_reason=Reason.BACKFILLING,
            items_streamed=0,
            started_at=now,
            last_activity=now,
            ended_at=None,
            error=None,
        )
        view = StreamView(stream=stream, items_read=0, cursor=f"c-{stream.stream_id}")
        self.views[stream.stream_id] = view
        return view

    async def status(self, stream_id: str) -> StreamView:
        """A stream as it is."""
        if stream_id not in self.views:
            raise StreamNotFound("There is no such stream here.")
        return self.views[stream_id]

    async def stop(self, stream_id: str) -> StreamView:
        """Stop it; twice changes nothing."""
        view = await self.status(stream_id)
        if view.stream.state is StreamState.ACTIVE:
            stopped = replace(view.stream, state=StreamState.STOPPED, state_reason=Reason.REQUESTED)
            self.views[stream_id] = replace(view, stream=stopped)
        return self.views[stream_id]

    async def of_session(self, session_pk: int) -> list[StreamView]:
        """A session's streams."""
        return [view for view in self.views.values() if view.stream.session_pk == session_pk]

    async def all(self) -> list[StreamView]:
        """Every stream."""
        return list(self.views.values())

    async def attend(
        self,
        session: Session,
        stream_id: str,
        *,
        place: EventRef | None,
        batch: bool,
        agent_pk: int | None = None,
    ) -> Attendance:
        """All that ever happens to a stream that stands still: nothing."""
        await self.status(stream_id)
        return Attendance(began=place)

    def leave(self, session_pk: int, reader: Reader) -> None:
        """Nobody came."""

    def connections(self, session_pk: int | None) -> int:
        """Open connections, as the test set them."""
        if session_pk is None:
            return sum(self.sockets.values())
        return self.sockets.get(session_pk, 0)

    def _of(self, session_pk: int) -> Generator[Stream, Any, None]:
        for view in self.views.values():
            if view.stream.session_pk == session_pk:
                yield view.stream

    def _cursors(self, session_pk: int) -> set[str | None]:
        return {v.cursor for v in self.views.values() if v.stream.session_pk == session_pk}


@dataclass(slots=True)
class SilentMeter:
    """Remembers the failures and the refreshes that were counted."""

    failures: list[ErrorCode] = field(default_factory=list)
    refreshes: list[tuple[Provider, str]] = field(default_factory=list)
    left_out: list[tuple[Provider, StreamType, SetAsideFor]] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)

    def streams_active(self, count: int) -> None:
        """Not looked at."""

    def connections(self, count: int) -> None:
        """Not looked at."""

    def window_bytes(self, count: int) -> None:
        """Not looked at."""

    def delivered(self, *, events: int, items: int) -> None:
        """Not looked at."""

    def provider_call(self, provider: Provider, method: str, outcome: str) -> None:
        """Not looked at."""

    def set_aside(self, provider: Provider, stream_type: StreamType, cause: SetAsideFor) -> None:
        """An item was left out of a stream."""
        self.left_out.append((provider, stream_type, cause))

    def quota_waited(self, provider: Provider, service: str, seconds: float) -> None:
        """Not looked at."""

    def quota_believed(self, provider: Provider, service: str, units: int) -> None:
        """Not looked at."""

    def refreshed(self, provider: Provider, outcome: str) -> None:
        """A token was refreshed, or not."""
        self.refreshes.append((provider, outcome))

    def failed(self, code: ErrorCode) -> None:
        """An error was answered."""
        self.failures.append(code)

    def suspected(self, what: str) -> None:
        """Refusals came in a burst."""
        self.suspicions.append(what)
