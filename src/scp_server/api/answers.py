"""Answers: values to HTTP responses, in the guide's envelope and with the headers all share."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from starlette.responses import Response

from scp_server.api.errors import (
    MethodNotAllowed,
    PayloadTooLarge,
    error_object,
    retry_after,
    status_of,
)
from scp_server.domain.errors import ScpError
from scp_wire.rest import Failure

JSON: Final = "application/json"

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Frame-Options": "DENY",
    }
)
"""On every answer; a page may loosen its own Content-Security-Policy by what it needs."""

STRICT_TRANSPORT: Final = "max-age=31536000"


def success(data: msgspec.Struct, status: int) -> Response:
    """`{"success": true, "data": ...}`."""
    return json_answer({"success": True, "data": data}, status)


def failure(error: ScpError) -> Response:
    """`{"success": false, "error": ...}` with the status of its code."""
    body = msgspec.json.encode(Failure(error=error_object(error)))
    response = Response(body, status_of(error), media_type=JSON)
    response.headers.update(failure_headers(error))
    return response


def failure_headers(error: ScpError) -> dict[str, str]:
    """Headers that belong to an error."""
    headers: dict[str, str] = {}
    status = status_of(error)
    if (wait := retry_after(error)) is not None and status in {429, 503}:
        headers["Retry-After"] = str(wait)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="scp"'
    match error:
        case MethodNotAllowed():
            headers["Allow"] = ", ".join(error.allowed)
        case PayloadTooLarge(drained=False):
            headers["Connection"] = "close"
        case _:
            pass
    return headers


def json_answer(body: object, status: int) -> Response:
    """Any value as JSON."""
    return Response(msgspec.json.encode(body), status, media_type=JSON)


def dress(response: Response, *, https: bool) -> None:
    """Add the headers that every answer has."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if https:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
