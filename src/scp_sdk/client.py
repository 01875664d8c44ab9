"""AsyncSCPClient: the client."""

import random
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, Unpack
from urllib.parse import quote, urlsplit

import aiohttp
import anyio

from scp_sdk.answers import (
    OpenedSession,
    ProviderList,
    ProviderState,
    SessionEnded,
    SessionState,
    StreamList,
    StreamStatus,
    StreamStopped,
)
from scp_sdk.errors import (
    ConnectionFailed,
    RateLimited,
    SessionNotFound,
    SessionPending,
    SessionRequired,
)
from scp_sdk.options import ReadingOptions, StreamOptions
from scp_sdk.rest import Rest
from scp_sdk.retries import Patience
from scp_sdk.stream import AsyncItemStream, Calls, OnEvent
from scp_sdk.wires.http import open_http
from scp_sdk.wires.link import Link, Wanted, WireName
from scp_sdk.wires.socketio import open_socketio
from scp_wire.rest import SessionOpened, StreamStarted

DEFAULT_URL: Final = "http://localhost:5000"

OWNED_STREAMS: Final = 10_000
"""Newest streams whose session is remembered, so that their status needs no session_id."""


class AsyncSCPClient:
    """Starts, watches and reads streams of one server.

    Args:
        base_url: where the server is.
        session_id: the session that calls use when they name none.
        operator_key: opens sessions; sent with `open_session` only.
        agent_key: the key of the agent that this is. It opens sessions, too; those answer only
            together with it, so it is sent with every call.
        timeout: seconds until a call that got no answer fails.
        max_retries: how often a call is repeated when a limit refused it (429), waiting as long
            as the server says. Reads that got no answer or a 503 are repeated twice anyway.
        patience: the waits behind all this; the default suits nearly everyone.

    Use it as a context manager, or call `aclose`. Every method raises `SCPError`; the subclass
    says what happened.
    """

    def __init__(  # noqa: PLR0913  (a keyword for each choice)
        self,
        base_url: str = DEFAULT_URL,
        session_id: str | None = None,
        operator_key: str | None = None,
        timeout: float = 30.0,
        *,
        agent_key: str | None = None,
        max_retries: int = 0,
        patience: Patience | None = None,
    ) -> None:
        self._base_url = _checked(base_url)
        self._session_id = session_id
        self._operator_key = operator_key
        self._agent_key = agent_key
        self._timeout = timeout
        self._patience = patience or Patience(rate_limited=max_retries)
        # Only spreads clients over time: no secret depends on it.
        self._chance: Callable[[], float] = random.Random().random  # noqa: S311
        self._http: aiohttp.ClientSession | None = None
        self._rest = Rest(
            self._base_url,
            self._pool,
            timeout=timeout,
            patience=self._patience,
            chance=self._chance,
            agent_key=agent_key,
        )
        self._sessions: dict[str, None] = {} if session_id is None else {session_id: None}
        self._session_of: dict[str, str] = {}
        self._reading: set[AsyncItemStream] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection. Iterations end; streams they started are stopped."""
        for stream in tuple(self._reading):
            await stream.aclose()
        self._reading.clear()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def start_stream(
        self, *, stream_type: str, session_id: str | None = None, **options: Unpack[StreamOptions]
    ) -> str:
        """Start a stream and return its id. It runs once somebody reads it.

        Raises:
            StreamAlreadyActive: the session has one of this type; `stream_id` names it.
            StreamConfigError: `field` says what is wrong.
            TokenExpired: the user has to renew the consent at `authorization_url`.
        """
        session = self._session(session_id)
        body = {"session_id": session, "stream_type": stream_type, **options}
        started = await self._rest.request(
            "POST", "/api/stream/start", StreamStarted, bearer=session, body=body
        )
        stream_id = started.stream_id
        self._session_of[stream_id] = session
        if len(self._session_of) > OWNED_STREAMS:
            del self._session_of[next(iter(self._session_of))]
        return stream_id

    async def get_stream_status(
        self, stream_id: str, session_id: str | None = None
    ) -> StreamStatus:
        """How a stream is doing: `status["status"]`, `status["items_streamed"]`, and more.

        Raises:
            StreamNotFound: no such stream of this session.
        """
        path = f"/api/stream/{quote(stream_id, safe='')}/status"
        owner = self._owner(stream_id, session_id)
        return await self._rest.request("GET", path, StreamStatus, bearer=owner)

    async def stop_stream(self, stream_id: str, session_id: str | None = None) -> StreamStopped:
        """Stop a stream. Stopping one that has ended changes nothing.

        Raises:
            StreamNotFound: no such stream of this session.
        """
        path = f"/api/stream/{quote(stream_id, safe='')}/stop"
        owner = self._owner(stream_id, session_id)
        return await self._rest.request("POST", path, StreamStopped, bearer=owner)

    async def list_streams(
        self, session_id: str | None = None, *, status: str | None = None
    ) -> StreamList:
        """The active streams of a session, or those in another `status`.

        Without `session_id`: of every session this client has used, in one answer. Of those,
        sessions that have ended count as having no streams.

        Raises:
            SessionRequired: this client has used no session yet.
            SessionNotFound: the session, or every session used, is unknown.
        """
        if session_id is not None:
            return await self._streams_of(self._session(session_id), status)
        if not self._sessions:
            raise SessionRequired("Give a session_id: this client has not used a session yet.")
        lists: list[StreamList] = []
        unknown: SessionNotFound | None = None
        for session in tuple(self._sessions):
            try:
                lists.append(await self._streams_of(session, status))
            except SessionNotFound as caught:
                unknown = caught
        if unknown is not None and not lists:
            raise unknown
        return _merged(lists)

    def stream(
        self,
        *,
        stream_type: str | None = None,
        session_id: str | None = None,
        stream_id: str | None = None,
        on_event: OnEvent | None = None,
        **options: Unpack[ReadingOptions],
    ) -> AsyncItemStream:
        """Items of a new stream, or with `stream_id` of one that runs already.

        Every change comes once and in order, also over lost connections. The iteration ends when
        the stream completes; with `real_time` it goes on until it is closed. `on_event` is told
        of every event that is not an item (a refreshed token, a limit that comes near, a gap);
        it runs in the client's event loop, and must not block.

        Raises, while iterating:
            StreamInterrupted: it ended early; `cursor` says where to go on.
            ConnectionFailed: the server was away for five minutes.
            SCPError: what the server refused, or ended the stream with.
        """
        if (stream_type is None) == (stream_id is None):
            raise ValueError("Give stream_type to start a stream, or stream_id to join one.")
        last_event_id = options.pop("last_event_id", None)
        if last_event_id is not None and stream_id is None:
            raise ValueError("last_event_id needs stream_id; a new stream goes on from a cursor.")
        session = self._session(session_id)
        wire, batch = options.pop("wire", "socketio"), options.pop("batch", True)
        starting: StreamOptions = options
        start = partial(
            self.start_stream, stream_type=stream_type or "", session_id=session, **starting
        )
        opened = AsyncItemStream(
            self._calls(session, start, wire),
            Wanted(
                session_id=session,
                stream_type=stream_type or "",
                stream_id=stream_id,
                agent_id=options.get("agent_id"),
                agent_key=self._agent_key,
                last_event_id=last_event_id,
                batch=batch,
            ),
            on_event=on_event,
            follows=options.get("real_time", False),
        )
        # Those that have ended are dropped here: nobody else looks at them again.
        self._reading = {stream for stream in self._reading if not stream.closed} | {opened}
        return opened

    async def open_session(
        self,
        provider: str,
        stream_types: list[str],
        agent_id: str | None = None,
        return_to: str | None = None,
    ) -> OpenedSession:
        """Open a session: send the user to its `authorization_url`, then `wait_for_consent`.

        Raises:
            SessionRequired: this client has neither an agent's key nor the operator's.
        """
        if self._operator_key is None and self._agent_key is None:
            raise SessionRequired("Give the client an agent_key or operator_key to open sessions.")
        # What an agent opens is to be the agent's.
        key = None if self._agent_key else self._operator_key
        body: dict[str, Any] = {"provider": provider, "stream_types": stream_types}
        if agent_id is not None:
            body["agent_id"] = agent_id
        if return_to is not None:
            body["return_to"] = return_to
        opened = await self._rest.request(
            "POST", "/api/sessions", SessionOpened, bearer=key, body=body
        )
        self._sessions[opened.session_id] = None
        return OpenedSession(
            session_id=opened.session_id,
            authorization_url=opened.authorization_url,
            expires_at=opened.expires_at,
        )

    async def session(self, session_id: str | None = None) -> SessionState:
        """State, account, scopes and expiry of a session.

        Raises:
            SessionNotFound: unknown or ended.
        """
        session = self._session(session_id)
        return await self._rest.request("GET", "/api/session", SessionState, bearer=session)

    async def end_session(self, session_id: str | None = None) -> SessionEnded:
        """End a session: its tokens are deleted, its streams and connections closed.

        Raises:
            SessionNotFound: unknown or ended.
        """
        session = self._session(session_id)
        ended = await self._rest.request("DELETE", "/api/session", SessionEnded, bearer=session)
        self._sessions.pop(session, None)
        return ended

    async def wait_for_consent(
        self,
        session_id: str | None = None,
        timeout: float = 600.0,  # noqa: ASYNC109  (the blocking face needs it too)
    ) -> SessionState:
        """Wait until the user has consented; `timeout` in seconds, an opened session has 600.

        Raises:
            SessionPending: not yet, after `timeout`.
            SessionNotFound: the session is gone, for instance because the user refused.
        """
        session = self._session(session_id)
        with anyio.move_on_after(timeout):
            while True:
                wait = self._patience.consent
                try:
                    state = await self.session(session)
                    if state["state"] == "active":
                        return state
                except RateLimited as limit:
                    wait = limit.retry_after or wait
                await anyio.sleep(wait)
        raise SessionPending(f"The user has not consented within {timeout:g} s.")

    async def providers(self) -> dict[str, ProviderState]:
        """What the server is set up for, by provider, and what it lacks."""
        answer = await self._rest.request(
            "GET", "/api/providers", ProviderList, bearer=self._session_id
        )
        return answer["providers"]

    def _calls(self, session: str, start: Callable[[], Awaitable[str]], wire: WireName) -> Calls:
        return Calls(
            connect=partial(self._connect, wire),
            subscribes_first=wire == "socketio",
            start=start,
            status=partial(self.get_stream_status, session_id=session),
            stop=partial(self.stop_stream, session_id=session),
            patience=self._patience,
            chance=self._chance,
        )

    def _pool(self) -> aiohttp.ClientSession:
        if self._http is None:
            # Cookies are for browsers; ours would only carry state from one user to another.
            self._http = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[_straight()]
            )
        return self._http

    def _session(self, given: str | None) -> str:
        session = given or self._session_id
        if session is None:
            raise SessionRequired("Give a session_id, to this call or to the client.")
        self._sessions[session] = None
        return session

    def _owner(self, stream_id: str, given: str | None) -> str | None:
        """Whose stream it is. A stream id alone opens its status too; a wrong session does not."""
        return given or self._session_of.get(stream_id) or self._session_id

    async def _streams_of(self, session: str, status: str | None) -> StreamList:
        query = None if status is None else {"status": status}
        return await self._rest.request(
            "GET", "/api/streams", StreamList, bearer=session, query=query
        )

    async def _connect(self, wire: WireName, wanted: Wanted) -> Link:
        http, url, within = self._pool(), self._base_url, self._timeout
        if wire == "socketio":
            return await open_socketio(http, url, wanted, within=within)
        return await open_http(http, url, wanted, format=wire, within=within)


def _straight() -> aiohttp.TraceConfig:
    """Follows no redirect: it could carry the credential to another host."""

    async def refuse(*_: object) -> None:
        raise ConnectionFailed("The server leads elsewhere: check base_url.")

    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(refuse)
    return config


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must look like http://localhost:5000 or https://scp.example.")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("base_url takes no user, query or fragment; use session_id.")
    return base_url.rstrip("/")


def _merged(lists: list[StreamList]) -> StreamList:
    streams = {name: stream for one in lists for name, stream in one["streams"].items()}
    connections = sum(one["websocket_statistics"]["active_connections"] for one in lists)
    return StreamList(
        streams=streams,
        total_count=len(streams),
        websocket_statistics={"active_connections": connections},
    )
