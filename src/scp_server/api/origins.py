"""Origins: which web pages may call us (CORS, and the refusal of all others).

No credential is ambient here (no cookie opens anything), so credentialed CORS is never granted.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from scp_server.domain.errors import Forbidden

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_TAKEN: Final = "Authorization, Content-Type, Last-Event-ID, X-Session-ID"
_SHOWN: Final = (
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy,"
    " Retry-After, SCP-Last-Event-ID"
)


class Origins:
    """Our own origin, and those the operator allows: compared whole, never by prefix."""

    def __init__(self, public_url: str, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed) | _own(public_url)

    def check(self, request: Request) -> None:
        """Let pass what no browser sent, and pages of allowed origins.

        Raises: Forbidden.
        """
        if any(value not in self._allowed for value in request.headers.getlist("origin")):
            raise Forbidden(
                "Web pages of this origin may not call this server. The operator can allow it in"
                " SCP_ALLOWED_ORIGINS.",
                field="Origin",
            )

    def headers(self, request: Request) -> dict[str, str]:
        """What lets an allowed page read the answer."""
        origin = request.headers.get("origin")
        if origin is None or origin not in self._allowed:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _SHOWN,
        }

    def options(self, request: Request, methods: tuple[str, ...]) -> Response:
        """Answer OPTIONS, a browser's preflight or anybody's question.

        Raises: Forbidden.
        """
        self.check(request)
        headers = {"Allow": ", ".join(methods)}
        if "access-control-request-method" in request.headers:
            headers["Access-Control-Allow-Methods"] = ", ".join(methods)
            headers["Access-Control-Allow-Headers"] = _TAKEN
            headers["Access-Control-Max-Age"] = "600"
        return Response(status_code=204, headers=headers)


def _own(public_url: str) -> frozenset[str]:
    parts = urlsplit(public_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if host not in _LOOPBACK:
        return frozenset({origin})
    port = f":{parts.port}" if parts.port else ""
    return frozenset(f"{parts.scheme}://{name}{port}" for name in _LOOPBACK)
