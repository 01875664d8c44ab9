"""Refusals before there is a request to speak of: whole HTTP answers in the usual envelope."""

from http import HTTPStatus
from typing import Final

from scp_server.api.answers import SECURITY_HEADERS, STRICT_TRANSPORT, failure, failure_headers
from scp_server.api.errors import status_of
from scp_server.domain.errors import InvalidRequest, RequestError, ScpError
from scp_wire.codes import ErrorCode


class HeadTooLarge(RequestError):
    """More than we read before a request is even understood."""

    code = ErrorCode.HEAD_TOO_LARGE


class RequestTimeout(RequestError):
    """It did not come in time."""

    code = ErrorCode.REQUEST_TIMEOUT


class Overloaded(RequestError):
    """No socket is left, for anybody or for this address."""

    code = ErrorCode.OVERLOADED


MALFORMED: Final = InvalidRequest("This is no HTTP/1.1 request. Send one.")
ONE_HOST: Final = InvalidRequest("Send one Host header.", field="Host")
OVERLOADED: Final = Overloaded(
    "Too many connections are open. Close those you do not need, or try again later."
)


def whole(error: ScpError, headers: list[tuple[bytes, bytes]], *, https: bool) -> bytes:
    """The answer as it goes to the socket, which is closed after it; `headers` come besides."""
    status = HTTPStatus(status_of(error))
    body = bytes(failure(error).body)
    fixed = {
        **SECURITY_HEADERS,
        **failure_headers(error),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    if https:
        fixed["Strict-Transport-Security"] = STRICT_TRANSPORT
    named = [(name.encode(), value.encode()) for name, value in fixed.items()]
    lines = [b"%s: %s\r\n" % header for header in (*headers, *named)]
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), b"".join(lines), body)
