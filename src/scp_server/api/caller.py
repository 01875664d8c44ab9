"""Caller: a request to the credentials it carries, and to the address it comes from."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.requests import Request

from scp_server.access.gate import Credentials
from scp_server.domain.addresses import client_of
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.secrets import AGENT_PREFIX, OPERATOR_PREFIX, Secret

MAX_CREDENTIAL: Final = 256
_OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_KEYS: Final = (AGENT_PREFIX, OPERATOR_PREFIX)


def credentials_of(request: Request, body: object, *, allow_query: bool) -> Credentials:
    """What a request presents: headers, URL query, and `session_id` of a JSON body.

    RFC 6750 section 2 allows one way per request; we accept several that agree.

    Raises: InvalidRequest when they do not agree or are not well formed.
    """
    bearers = [_bearer(value) for value in request.headers.getlist("authorization")]
    keys = [value for value in bearers if value.startswith(_KEYS)]
    sessions = [value for value in bearers if not value.startswith(_KEYS)]
    sessions += [
        _filled(value, "X-Session-ID") for value in request.headers.getlist("x-session-id")
    ]
    sessions += _from_query(request, allow_query=allow_query)
    if isinstance(body, dict) and isinstance(named := body.get("session_id"), str) and named:
        sessions.append(_filled(named, "session_id"))
    return Credentials(session_id=_only(sessions, "session_id"), key=_only(keys, "Authorization"))


def ticket_of(request: Request) -> Secret | None:
    """The ticket in the URL query, None when there is none.

    Raises: InvalidRequest when it is not well formed, or there are two.
    """
    tickets = request.query_params.getlist("ticket")
    return _only([_filled(ticket, "ticket") for ticket in tickets], "ticket")


def address_of(request: Request) -> str:
    """The client's address as limits count it: an IPv6 network of 64 bits is one client."""
    return client_of(host_of(request))


def host_of(request: Request) -> str:
    """The client's address as it is."""
    return request.client.host if request.client else ""


def on_loopback(request: Request) -> bool:
    """Whether the request comes from this machine, and through no proxy that says so.

    And asks for this machine by its own name: a page whose host's name was made to lead here asks
    for that name (DNS rebinding), and sends no Origin with what it only reads.
    """
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    try:
        asked_for = request.url.hostname
        here = ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False
    return here and asked_for in _OWN_NAMES


def _bearer(value: str) -> str:
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidRequest(
            "Authorization must be `Bearer` and a session id or key.", field="Authorization"
        )
    return _filled(token.strip(), "Authorization")


def _from_query(request: Request, *, allow_query: bool) -> Iterable[str]:
    values = request.query_params.getlist("session_id")
    if values and not allow_query:
        raise InvalidRequest(
            "This server takes no session id in the URL. Send it as X-Session-ID.",
            field="session_id",
        )
    return [_filled(value, "session_id") for value in values]


def _filled(value: str, where: str) -> str:
    if not value or len(value) > MAX_CREDENTIAL:
        raise InvalidRequest(
            f"{where} must be a text of 1 to {MAX_CREDENTIAL} characters.",
            field=where,
            min_length=1,
            max_length=MAX_CREDENTIAL,
        )
    return value


def _only(values: list[str], where: str) -> Secret | None:
    if len(set(values)) > 1:
        raise InvalidRequest(
            "The request carries two different credentials. Send one.", field=where
        )
    return Secret(values[0]) if values else None
