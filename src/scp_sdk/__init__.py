"""The client of SCP streaming: `SCPClient`, `AsyncSCPClient`, and typed errors.

from scp_sdk import SCPClient

with SCPClient("http://localhost:5000", session_id=...) as client:
    for item in client.stream(stream_type="gmail_messages", max_results=100):
        print(item.id, item.change)
"""

from scp_sdk.answers import (
    OpenedSession,
    ProviderState,
    SessionEnded,
    SessionState,
    StreamList,
    StreamStatus,
    StreamStopped,
    StreamSummary,
)
from scp_sdk.blocking import ItemStream, SCPClient
from scp_sdk.client import AsyncSCPClient
from scp_sdk.errors import (
    ConnectionFailed,
    CursorInvalid,
    Forbidden,
    InsufficientScope,
    InvalidRequest,
    NotFound,
    ProtocolError,
    ProviderError,
    ProviderRateLimited,
    ProviderUnavailable,
    RateLimited,
    RequestError,
    SCPError,
    ServerFault,
    ServerUnavailable,
    SessionError,
    SessionNotFound,
    SessionPending,
    SessionRequired,
    StreamAlreadyActive,
    StreamConfigError,
    StreamError,
    StreamInterrupted,
    StreamNotFound,
    StreamRateLimited,
    TokenExpired,
)
from scp_sdk.items import StreamItem
from scp_sdk.options import ReadingOptions, StreamOptions
from scp_sdk.retries import Patience
from scp_sdk.stream import AsyncItemStream
from scp_sdk.wires.link import WireName
from scp_wire.events import Event

__all__ = [
    "AsyncItemStream",
    "AsyncSCPClient",
    "ConnectionFailed",
    "CursorInvalid",
    "Event",
    "Forbidden",
    "InsufficientScope",
    "InvalidRequest",
    "ItemStream",
    "NotFound",
    "OpenedSession",
    "Patience",
    "ProtocolError",
    "ProviderError",
    "ProviderRateLimited",
    "ProviderState",
    "ProviderUnavailable",
    "RateLimited",
    "ReadingOptions",
    "RequestError",
    "SCPClient",
    "SCPError",
    "ServerFault",
    "ServerUnavailable",
    "SessionEnded",
    "SessionError",
    "SessionNotFound",
    "SessionPending",
    "SessionRequired",
    "SessionState",
    "StreamAlreadyActive",
    "StreamConfigError",
    "StreamError",
    "StreamInterrupted",
    "StreamItem",
    "StreamList",
    "StreamNotFound",
    "StreamOptions",
    "StreamRateLimited",
    "StreamStatus",
    "StreamStopped",
    "StreamSummary",
    "TokenExpired",
    "WireName",
]
