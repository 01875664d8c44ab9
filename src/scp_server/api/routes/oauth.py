"""OAuth: the browser's side of a consent. State is bound to the browser by a cookie."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scp_server.api.caller import address_of
from scp_server.api.errors import NotFound
from scp_server.api.operations import Call
from scp_server.domain.secrets import Secret
from scp_wire.stream_types import Provider

COOKIE_SECONDS: Final = 600
_MOVED: Final = "moved"
"""Marks a login that was sent to the public host once: behind a proxy that hides the host's name
from us it would be sent there for ever."""


async def login(call: Call) -> Response:
    """`GET /oauth/{provider}/login`."""
    provider = _provider(call)
    if (home := _elsewhere(call)) is not None:
        return home
    await call.services.limits.data_requests(f"login:{address_of(call.request)}")
    token = call.query("request")
    page = await call.services.connect.login(provider, Secret(token) if token else None)
    response = call.pages.login(page)
    https = call.services.values.https
    response.set_cookie(
        cookie_name(https=https),
        page.cookie.reveal(),
        max_age=COOKIE_SECONDS,
        path="/",
        secure=https,
        httponly=True,
        samesite="lax",
    )
    return response


async def callback(call: Call) -> Response:
    """`GET /oauth/{provider}/callback`."""
    provider = _provider(call)
    https = call.services.values.https
    outcome = await call.services.connect.callback(
        provider,
        code=_secret(call.query("code")),
        state=_secret(call.query("state")),
        cookie=_secret(call.request.cookies.get(cookie_name(https=https))),
        error=call.query("error"),
        iss=call.query("iss"),
    )
    if outcome.return_url is not None:
        response: Response = RedirectResponse(outcome.return_url, status_code=303)
    else:
        response = call.pages.connected(outcome)
    response.delete_cookie(
        cookie_name(https=https), path="/", secure=https, httponly=True, samesite="lax"
    )
    return response


def cookie_name(*, https: bool) -> str:
    """`__Host-` keeps other hosts of the domain from setting it; browsers want TLS for that."""
    return "__Host-scp-consent" if https else "scp-consent"


def _provider(call: Call) -> Provider:
    try:
        return Provider(call.path("provider"))
    except ValueError:
        raise NotFound("There is no such provider. There are google and microsoft.") from None


def _secret(value: str | None) -> Secret | None:
    return Secret(value) if value else None


def _elsewhere(call: Call) -> Response | None:
    """To the same login at the public URL: the provider answers there, so the cookie must too."""
    values = call.services.values
    public = urlsplit(values.public_url)
    # The cookie is for TLS only: in the clear the answer would not find it.
    in_the_clear = values.secure_only and call.request.url.scheme != "https"
    at_home = _host(call.request) == public.netloc.lower() and not in_the_clear
    if at_home or call.query(_MOVED) is not None:
        return None
    there = URL(f"{public.scheme}://{public.netloc}{call.request.url.path}").replace(
        query=call.request.url.query
    )
    return RedirectResponse(str(there.include_query_params(**{_MOVED: "1"})), status_code=303)


def _host(request: Request) -> str:
    return request.headers.get("host", "").lower()
