"""Which credentials a connecting client carries: in `auth`, headers or query, never two."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from scp_server.access.gate import Credentials
from scp_server.delivery.naming import field_in
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef, parse
from scp_server.domain.secrets import AGENT_PREFIX, OPERATOR_PREFIX, Secret
from scp_server.engine.arrivals import Arrival
from scp_socketio import Handshake

_KEYS: Final = (AGENT_PREFIX, OPERATOR_PREFIX)

Text = Annotated[str, msgspec.Meta(max_length=256)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Cursor = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """`auth` of a Socket.IO CONNECT. Names it does not know are left alone."""

    session_id: Text | None = None
    agent_key: Text | None = None
    """For browsers, which cannot set headers; the operator's goes here, too."""
    agent_id: Label | None = None
    last_event_id: Text | None = None
    cursors: Annotated[dict[Text, Cursor], msgspec.Meta(max_length=32)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a connecting client said."""

    credentials: Credentials
    arrival: Arrival


def read_hello(auth: object, handshake: Handshake, *, allow_query: bool) -> Hello:
    """Read a client's credentials and its place.

    Raises: InvalidRequest naming the field.
    """
    given = _auth(auth)
    asked, headers = handshake.query, handshake.headers
    bearer = _bearer(headers.get("authorization"))
    is_key = bearer is not None and bearer.startswith(_KEYS)
    keys = [_key(given.agent_key), bearer if is_key else None]
    sessions = [given.session_id, headers.get("x-session-id"), None if is_key else bearer]
    if allow_query:
        sessions += asked.get("session_id", ())
    labels = [given.agent_id, *asked.get("agent_id", ())]
    session_id = _one(sessions, "session_id")
    key = _one(keys, "agent_key")
    agent_id = _one(labels, "agent_id")
    if agent_id is not None and len(agent_id) > 128:
        raise InvalidRequest("agent_id may have 128 characters.", field="agent_id")
    return Hello(
        credentials=Credentials(
            session_id=Secret(session_id) if session_id else None, key=Secret(key) if key else None
        ),
        arrival=Arrival(
            agent_id=agent_id, place=_place(given.last_event_id), cursors=given.cursors or None
        ),
    )


def _auth(auth: object) -> Auth:
    try:
        return msgspec.convert(auth or {}, Auth)
    except msgspec.ValidationError as wrong:
        # The library's words name the field and the type, never the value.
        raise InvalidRequest(
            f"`auth` is not as documented: {wrong}", field=field_in(wrong, otherwise="auth")
        ) from None


def _bearer(header: str | None) -> str | None:
    """RFC 6750 section 2.1; the scheme's case says nothing (RFC 9110 section 11.1)."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidRequest(
            "Authorization must be `Bearer` and a session id or key.", field="Authorization"
        )
    return token.strip()


def _key(text: str | None) -> str | None:
    if text is not None and not text.startswith(_KEYS):
        raise InvalidRequest("agent_key must be an agent's key (agent-...).", field="agent_key")
    return text


def _one(values: Iterable[str | None], field: str) -> str | None:
    different = {value for value in values if value}
    if len(different) > 1:
        raise InvalidRequest(
            f"{field} was given twice with different values. Give it once.", field=field
        )
    return different.pop() if different else None


def _place(text: str | None) -> EventRef | None:
    if text is None:
        return None
    place = parse(text)
    if place is None:
        raise InvalidRequest(
            "last_event_id is the event_id of the last event you processed.", field="last_event_id"
        )
    return place
