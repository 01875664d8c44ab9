"""The route table: every operation of the API, in the order the reference shows them."""

from typing import Final

from scp_server.api.operations import Access, Operation, Parameter
from scp_server.api.routes import (
    agents,
    audit,
    events,
    examples,
    health,
    oauth,
    providers,
    sessions,
    streams,
)
from scp_server.domain.errors import StreamConfigError
from scp_server.domain.streams import StreamState
from scp_wire import rest
from scp_wire.codes import ErrorCode

_STREAM_ID: Final = Parameter(
    name="stream_id",
    place="path",
    schema={"type": "string", "minLength": 1, "maxLength": 256},
    description="The stream's id, as a start returned it.",
    example=examples.STREAM_ID,
)
_PROVIDER: Final = Parameter(
    name="provider",
    place="path",
    schema={"type": "string", "enum": ["google", "microsoft"]},
    description="Whose account is connected.",
    example="google",
)
_STATUS: Final = Parameter(
    name="status",
    place="query",
    schema={"type": "string", "enum": [state.value for state in StreamState], "default": "active"},
    description="Which streams to list.",
    example="active",
)


def _text(name: str, description: str, example: str) -> Parameter:
    return Parameter(
        name=name,
        place="query",
        schema={"type": "string"},
        description=description,
        example=example,
    )


_READING: Final = (
    _STREAM_ID,
    Parameter(
        name="format",
        place="query",
        schema={"type": "string", "enum": ["sse", "ndjson"]},
        description="Goes before `Accept`.",
        example="ndjson",
    ),
    Parameter(
        name="last_event_id",
        place="query",
        schema={"type": "string", "pattern": "^([0-9a-f]{8,32}-(0|[1-9][0-9]{0,17}))?$"},
        description="The last event that was processed; where no header says so.",
        example="4f02a9c1d3e5-17",
    ),
    Parameter(
        name="Last-Event-ID",
        place="header",
        schema={"type": "string", "pattern": "^([0-9a-f]{8,32}-(0|[1-9][0-9]{0,17}))?$"},
        description="The last event that was processed. Browsers send it by themselves.",
        example="4f02a9c1d3e5-17",
    ),
    Parameter(
        name="batch",
        place="query",
        schema={"type": "string", "enum": ["true", "false"], "default": "false"},
        description="Consecutive items as one `data_batch`.",
        example="true",
    ),
    Parameter(
        name="max_events",
        place="query",
        schema={"type": "integer", "minimum": 1, "maximum": events.MAX_EVENTS},
        description="The response ends after so many events; a batch is one.",
        example="100",
    ),
    Parameter(
        name="timeout",
        place="query",
        schema={"type": "number", "minimum": 1, "maximum": events.MAX_TIMEOUT},
        description="The response ends after so many seconds.",
        example="60",
    ),
)

_STREAMS: Final = (
    Operation(
        method="POST",
        path="/api/stream/start",
        name="startStream",
        tag="streams",
        summary="Start a stream: read what is there and, with real_time, follow what changes.",
        description="One stream of a type runs per session. Its events: readStreamEvents, and over"
        " Socket.IO.",
        handler=streams.start,
        access=Access.SESSION,
        body=rest.StartStream,
        answer=rest.StreamStarted,
        refusal=StreamConfigError,
        codes=(
            ErrorCode.STREAM_CONFIG_ERROR,
            ErrorCode.STREAM_ALREADY_ACTIVE,
            ErrorCode.STREAM_RATE_LIMITED,
            ErrorCode.TOKEN_EXPIRED,
            ErrorCode.INSUFFICIENT_SCOPE,
            ErrorCode.CURSOR_INVALID,
            ErrorCode.PROVIDER_RATE_LIMITED,
            ErrorCode.PROVIDER_UNAVAILABLE,
            ErrorCode.PROVIDER_ERROR,
        ),
        examples={"request": examples.START, "answer": examples.STARTED},
        starts_work=True,
    ),
    Operation(
        method="GET",
        path="/api/stream/{stream_id}/status",
        name="getStreamStatus",
        tag="streams",
        summary="How a stream is doing.",
        description="The stream id alone opens it, unless the operator demands the credential."
        " With the session's credential the answer has the session id and a cursor.",
        handler=streams.status,
        access=Access.ANYONE,
        answer=rest.StreamStatus,
        codes=(ErrorCode.STREAM_NOT_FOUND, ErrorCode.SESSION_REQUIRED, ErrorCode.SESSION_PENDING),
        parameters=(_STREAM_ID,),
        examples={"answer": examples.STATUS},
    ),
    Operation(
        method="POST",
        path="/api/stream/{stream_id}/stop",
        name="stopStream",
        tag="streams",
        summary="Stop a stream. What is undelivered is dropped.",
        description="Stopping a stream that has ended changes nothing.",
        handler=streams.stop,
        access=Access.ANYONE,
        body=rest.StopStream,
        body_optional=True,
        answer=rest.StreamStopped,
        codes=(ErrorCode.STREAM_NOT_FOUND, ErrorCode.SESSION_REQUIRED, ErrorCode.SESSION_PENDING),
        parameters=(_STREAM_ID,),
        examples={"answer": examples.STOPPED},
    ),
    Operation(
        method="GET",
        path="/api/stream/{stream_id}/events",
        name="readStreamEvents",
        tag="streams",
        summary="A stream's events as they come: server-sent events, or lines of JSON.",
        description="Server-sent events where `Accept` prefers `text/event-stream`, else lines of"
        " JSON. The response ends with the stream. Its header SCP-Last-Event-ID is the event after"
        " which it begins. 204: the last event was named, and there is nothing more.",
        handler=events.read_events,
        access=Access.SESSION,
        media="text/event-stream",
        other_media=("application/x-ndjson",),
        may_be_empty=True,
        codes=(ErrorCode.STREAM_NOT_FOUND,),
        parameters=_READING,
        starts_work=True,
        takes_tickets=True,
    ),
    Operation(
        method="GET",
        path="/api/streams",
        name="listStreams",
        tag="streams",
        summary="The session's streams; with the operator key, all, their session ids masked.",
        handler=streams.list_streams,
        access=Access.SESSION_OR_OPERATOR,
        answer=rest.StreamList,
        parameters=(_STATUS,),
        examples={"answer": examples.STREAMS},
    ),
)

_SESSIONS: Final = (
    Operation(
        method="POST",
        path="/api/sessions",
        name="openSession",
        tag="sessions",
        summary="Open a session, and get the address at which the user consents.",
        description="With an agent's key the session is that agent's: it answers only together with"
        " the key. With the operator's key and tokens, a grant obtained elsewhere is imported and"
        " usable at once.",
        handler=sessions.open_session,
        access=Access.KEY,
        body=rest.OpenSession,
        answer=rest.SessionOpened,
        status=201,
        codes=(
            ErrorCode.STREAM_CONFIG_ERROR,
            ErrorCode.PROVIDER_UNAVAILABLE,
            ErrorCode.PROVIDER_RATE_LIMITED,
            ErrorCode.PROVIDER_ERROR,
            ErrorCode.TOKEN_EXPIRED,
            ErrorCode.INSUFFICIENT_SCOPE,
        ),
        examples={"request": examples.OPEN, "answer": examples.OPENED},
        starts_work=True,
    ),
    Operation(
        method="POST",
        path="/api/sessions/exchange",
        name="exchangeCode",
        tag="sessions",
        summary="Turn the one-time code of a return to the app into the session id.",
        description="With the agent's key that opened the session, if one did, and with the"
        " code_verifier of its code_challenge, if it had one.",
        handler=sessions.exchange,
        access=Access.ANYONE,
        body=rest.ExchangeCode,
        answer=rest.SessionHandedOver,
        codes=(ErrorCode.SESSION_PENDING,),
        examples={"request": examples.EXCHANGE, "answer": examples.HANDED_OVER},
    ),
    Operation(
        method="POST",
        path="/api/tickets",
        name="openTicket",
        tag="sessions",
        summary="A ticket to read a stream with, for clients that can only use a URL.",
        description="It is good once, as `?ticket=`, within 30 seconds.",
        handler=events.open_ticket,
        access=Access.SESSION,
        body=rest.OpenTicket,
        body_optional=True,
        answer=rest.TicketOpened,
        examples={"answer": examples.TICKET},
    ),
    Operation(
        method="GET",
        path="/api/session",
        name="getSession",
        tag="sessions",
        summary="The session's state, account, scopes and end.",
        handler=sessions.session_state,
        access=Access.WAITING_SESSION,
        answer=rest.SessionState,
        examples={"answer": examples.SESSION},
    ),
    Operation(
        method="DELETE",
        path="/api/session",
        name="endSession",
        tag="sessions",
        summary="End the session: its tokens, streams and connections.",
        description="The provider is asked to revoke the grant when no other session of the account"
        " remains, or when the operator's key is presented as well; the answer says which.",
        handler=sessions.end_session,
        access=Access.WAITING_SESSION,
        answer=rest.SessionEnded,
        examples={"answer": examples.ENDED},
    ),
    Operation(
        method="GET",
        path="/api/providers",
        name="listProviders",
        tag="sessions",
        summary="Which providers are set up, what is missing, and which stream types are read.",
        handler=providers.list_providers,
        access=Access.ANYONE,
        answer=rest.ProviderList,
        codes=(ErrorCode.SESSION_PENDING,),
        examples={"answer": examples.PROVIDERS},
    ),
)

_BROWSER: Final = (
    Operation(
        method="GET",
        path="/oauth/{provider}/login",
        name="login",
        tag="browser",
        summary="The page that says who asks for what and leads to the provider.",
        handler=oauth.login,
        access=Access.OPEN,
        media="text/html",
        parameters=(
            _PROVIDER,
            _text("request", "The one-time token of an authorization_url.", "VbHq3…"),
        ),
        codes=(ErrorCode.RATE_LIMIT_EXCEEDED,),
        page=True,
        starts_work=True,
    ),
    Operation(
        method="GET",
        path="/oauth/{provider}/callback",
        name="callback",
        tag="browser",
        summary="Where the provider sends the browser back to.",
        handler=oauth.callback,
        access=Access.OPEN,
        media="text/html",
        parameters=(
            _PROVIDER,
            _text("code", "The authorization code.", "4/0Ab…"),
            _text("state", "What ties the answer to the question.", "mK2…"),
            _text("error", "Why there is no code.", "access_denied"),
            _text("iss", "Who answers (RFC 9207).", "https://accounts.example"),
        ),
        page=True,
    ),
)

_OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/healthz",
        name="alive",
        tag="operation",
        summary="Whether the process answers.",
        handler=health.alive,
        access=Access.OPEN,
        answer=rest.Health,
        examples={"answer": examples.HEALTH},
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="ready",
        tag="operation",
        summary="Whether it can take work.",
        handler=health.ready,
        access=Access.OPEN,
        answer=rest.Health,
        codes=(ErrorCode.SHUTTING_DOWN, ErrorCode.STORAGE_UNAVAILABLE),
        examples={"answer": examples.HEALTH},
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        tag="operation",
        summary="Counters in Prometheus's text format; no key is needed from loopback.",
        handler=health.metrics,
        access=Access.ANYONE,
        media="text/plain",
        codes=(ErrorCode.SESSION_REQUIRED, ErrorCode.SESSION_PENDING, ErrorCode.FORBIDDEN),
    ),
)

OPERATIONS: Final = (
    *_STREAMS,
    *_SESSIONS,
    *agents.OPERATIONS,
    *audit.OPERATIONS,
    *_BROWSER,
    *_OPERATIONS,
)
"""Everything the OpenAPI document describes."""
