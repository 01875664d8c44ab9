"""Endings: how streams end, and what their consumers are told last."""

from dataclasses import dataclass

from scp_server.domain.errors import ScpError
from scp_server.domain.streams import StreamState
from scp_wire.codes import ErrorCode, ErrorObject
from scp_wire.events import EventData, EventType, StreamErrorData


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a stream ended, and what its consumers are told last."""

    state: StreamState
    reason: str
    error: ErrorObject | None = None
    event_type: EventType | None = None
    data: EventData | None = None


def failed(fault: Exception) -> Ending:
    """Our own errors speak for themselves; a foreign one's words may hold content."""
    code = fault.code if isinstance(fault, ScpError) else ErrorCode.INTERNAL_ERROR
    message = (
        fault.message
        if isinstance(fault, ScpError)
        else "The stream stopped on a fault of the server. Start it again from its cursor."
    )
    details = dict(fault.details) if isinstance(fault, ScpError) else {}
    return Ending(
        state=StreamState.FAILED,
        reason=str(code),
        error=ErrorObject(code=code, message=message, details=details),
        event_type=EventType.STREAM_ERROR,
        data=StreamErrorData(code=code, message=message, fatal=True, details=details),
    )
