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
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_TAKEN: Final = "Authorization, Content-Type, Last-Event-ID, X-Session-ID"
_SHOWN: Final = (
    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy,"
    " Retry-After, SCP-Last-Event-ID"
)


class Origins:
    """Our own origin, and those the operator allows: compared whole, never by prefix."""

    def __init__(self, public_url: str, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed) | own_origins(public_url)

    def check(self, request: Request) -> None:
        """Let pass what no browser sent, and pages of allowed origins.

        A browser names no origin with what it fetches for another site without being asked for
        CORS, but says that it is one (Fetch Metadata): that may change nothing here.

        Raises: Forbidden.
        """
        named = request.headers.getlist("origin")
        foreign = "cross-site" in request.headers.getlist("sec-fetch-site") and not named
        changes = request.method not in {"GET", "HEAD", "OPTIONS"}
        if any(value not in self._allowed for value in named) or (foreign and changes):
            raise Forbidden(
                "Web pages of this origin may not call this server. The operator can allow it in"
                " SCP_ALLOWED_ORIGINS.",
                field="Origin",
            )

    def check_visit(self, request: Request) -> None:
        """Let pass who opens a page: a link may come from anywhere, but no other site's page may
        load ours within itself, as an image or a frame or by a script, and start a consent so.

        Raises: Forbidden.
        """
        visits = (
            request.headers.getlist("sec-fetch-mode"),
            request.headers.getlist("sec-fetch-dest"),
        )
        ours = "same-origin" in request.headers.getlist("sec-fetch-site")
        if not ours and (set(visits[0]) - {"navigate"} or set(visits[1]) - {"document"}):
            raise Forbidden("Open this page in a tab of its own.", field="Sec-Fetch-Dest")

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


def own_origins(public_url: str) -> frozenset[str]:
    """Our own origin as browsers spell it (RFC 6454 section 6.2); each of its names on loopback."""
    parts = urlsplit(public_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = parts.port in {None, _USUAL_PORTS.get(parts.scheme)}
    port = "" if usual else f":{parts.port}"
    names = _LOOPBACK if host in _LOOPBACK else (host,)
    return frozenset(f"{parts.scheme}://{name}{port}" for name in names)
