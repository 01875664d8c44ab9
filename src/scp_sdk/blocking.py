"""SCPClient: the client for code that does not know asyncio.

It runs an AsyncSCPClient in a thread of its own and holds no logic: a method here is a call there.
"""

import threading
import weakref
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, Unpack

from anyio.from_thread import BlockingPortal, start_blocking_portal

from scp_sdk.answers import (
    OpenedSession,
    ProviderState,
    SessionEnded,
    SessionState,
    StreamList,
    StreamStatus,
    StreamStopped,
)
from scp_sdk.client import DEFAULT_URL, AsyncSCPClient
from scp_sdk.items import StreamItem
from scp_sdk.options import ReadingOptions, StreamOptions
from scp_sdk.retries import Patience
from scp_sdk.stream import AsyncItemStream, OnEvent

T = TypeVar("T")


class ItemStream:
    """Items of one stream: an iterator, and a context manager that ends what it began.

    As AsyncItemStream. A loop that is left with `break` ends it too, as soon as nothing refers
    to it any more; `with` says so plainly.
    """

    def __init__(self, portal: BlockingPortal, inner: AsyncItemStream) -> None:
        self._portal = portal
        self._inner = inner
        self._close = weakref.finalize(self, _leave, portal, inner)

    @property
    def stream_id(self) -> str | None:
        """The stream's id, once it is open."""
        return self._inner.stream_id

    @property
    def cursor(self) -> str | None:
        """Where a new stream goes on after the items given out so far; None: not known yet."""
        return self._inner.cursor

    @property
    def last_event_id(self) -> str | None:
        """The last event that was processed. See AsyncItemStream.last_event_id."""
        return self._inner.last_event_id

    def __enter__(self) -> Self:
        self._portal.call(self._inner.open)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StreamItem:
        while (item := self._inner.pop()) is None:
            if not self._portal.call(self._inner.more):
                raise StopIteration
        return item

    def close(self) -> None:
        """Leave the stream; stop it if it was started here and still runs."""
        self._close()


class SCPClient:
    """Starts, watches and reads streams of one server, from plain code.

    Arguments and methods are AsyncSCPClient's. The thread starts with the first call and ends
    with `close`, the end of a `with` block, or the program. Methods may be called from several
    threads; one iteration belongs to one thread.
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
        self._begin(
            AsyncSCPClient(
                base_url,
                session_id,
                operator_key,
                timeout,
                agent_key=agent_key,
                max_retries=max_retries,
                patience=patience,
            )
        )

    def _begin(self, inner: AsyncSCPClient) -> None:
        self._inner = inner
        self._starting = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._resources = ExitStack()
        self._close = weakref.finalize(self, self._resources.close)

    def __repr__(self) -> str:
        return repr(self._inner).replace(type(self._inner).__name__, type(self).__name__, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection. Iterations end; streams they started are stopped."""
        self._close()

    def start_stream(
        self, *, stream_type: str, session_id: str | None = None, **options: Unpack[StreamOptions]
    ) -> str:
        """Start a stream and return its id. See AsyncSCPClient.start_stream."""
        return self._call(
            partial(
                self._inner.start_stream, stream_type=stream_type, session_id=session_id, **options
            )
        )

    def get_stream_status(self, stream_id: str, session_id: str | None = None) -> StreamStatus:
        """How a stream is doing. See AsyncSCPClient.get_stream_status."""
        return self._call(partial(self._inner.get_stream_status, stream_id, session_id))

    def stop_stream(self, stream_id: str, session_id: str | None = None) -> StreamStopped:
        """Stop a stream. See AsyncSCPClient.stop_stream."""
        return self._call(partial(self._inner.stop_stream, stream_id, session_id))

    def list_streams(
        self, session_id: str | None = None, *, status: str | None = None
    ) -> StreamList:
        """The streams of a session, or of all used so far. See AsyncSCPClient.list_streams."""
        return self._call(partial(self._inner.list_streams, session_id, status=status))

    def stream(
        self,
        *,
        stream_type: str | None = None,
        session_id: str | None = None,
        stream_id: str | None = None,
        on_event: OnEvent | None = None,
        **options: Unpack[ReadingOptions],
    ) -> ItemStream:
        """Items of a new stream, or of one that runs. See AsyncSCPClient.stream.

        `on_event` is called in the client's own thread.
        """
        inner = self._inner.stream(
            stream_type=stream_type,
            session_id=session_id,
            stream_id=stream_id,
            on_event=on_event,
            **options,
        )
        return ItemStream(self._running(), inner)

    def open_session(
        self,
        provider: str,
        stream_types: list[str],
        agent_id: str | None = None,
        return_to: str | None = None,
    ) -> OpenedSession:
        """Open a session for a user. See AsyncSCPClient.open_session."""
        return self._call(
            partial(self._inner.open_session, provider, stream_types, agent_id, return_to)
        )

    def session(self, session_id: str | None = None) -> SessionState:
        """State, account, scopes and expiry. See AsyncSCPClient.session."""
        return self._call(partial(self._inner.session, session_id))

    def end_session(self, session_id: str | None = None) -> SessionEnded:
        """End a session. See AsyncSCPClient.end_session."""
        return self._call(partial(self._inner.end_session, session_id))

    def wait_for_consent(
        self, session_id: str | None = None, timeout: float = 600.0
    ) -> SessionState:
        """Wait until the user has consented. See AsyncSCPClient.wait_for_consent."""
        return self._call(partial(self._inner.wait_for_consent, session_id, timeout))

    def providers(self) -> dict[str, ProviderState]:
        """What the server is set up for. See AsyncSCPClient.providers."""
        return self._call(self._inner.providers)

    def _call(self, method: Callable[[], Awaitable[T]]) -> T:
        return self._running().call(method)

    def _running(self) -> BlockingPortal:
        with self._starting:
            if not self._close.alive:
                raise RuntimeError("This client is closed: make a new one.")
            if self._portal is None:
                portal = self._resources.enter_context(start_blocking_portal(name="scp_sdk"))
                self._resources.enter_context(portal.wrap_async_context_manager(self._inner))
                self._portal = portal
            return self._portal


def _leave(portal: BlockingPortal, inner: AsyncItemStream) -> None:
    if inner.closed:
        return
    try:
        portal.call(inner.aclose)
    except RuntimeError:
        # The client was closed first, and its streams with it.
        return
