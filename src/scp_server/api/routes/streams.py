"""Streams: start, status, stop, list."""

import re
from typing import Any, Final

from scp_server.access.gate import Caller
from scp_server.api.operations import Call
from scp_server.api.services import Services
from scp_server.api.validation import shown_value, validate
from scp_server.domain.errors import (
    Forbidden,
    InvalidRequest,
    StreamConfigError,
    StreamNotFound,
    TokenExpired,
)
from scp_server.domain.sessions import Session
from scp_server.domain.streams import Stream, StreamConfig, StreamState
from scp_server.engine.views import StreamView
from scp_wire.filters import FILTERS_OF
from scp_wire.rest import (
    Configuration,
    FullConfiguration,
    StartStream,
    StreamList,
    StreamStarted,
    StreamStatus,
    StreamStopped,
    StreamSummary,
    WebsocketStatistics,
)
from scp_wire.stream_types import PROVIDERS_OF, StreamType

_STREAM_ID: Final = re.compile(r"stream-[A-Za-z0-9_-]{1,128}")
_GONE: Final = "session-…"


async def start(call: Call) -> StreamStarted:
    """`POST /api/stream/start`."""
    session = call.services.gate.need_session(call.caller)
    wanted: StartStream = call.body
    config = _config(call, session, wanted)
    call.touched.note(await call.services.limits.starts(session.pk))
    try:
        view = await call.services.supervisor.start(session, config, cursor=wanted.cursor)
    except TokenExpired as error:
        url = await call.services.connect.renewal_url(session)
        raise TokenExpired(error.message, **{**error.details, "authorization_url": url}) from None
    stream = view.stream
    return StreamStarted(
        stream_id=stream.stream_id,
        session_id=await _shown_id(call, stream.session_pk),
        stream_type=stream.config.stream_type.value,
        provider=stream.config.provider.value,
        configuration=Configuration(**_settings(stream.config)),
    )


async def status(call: Call) -> StreamStatus:
    """`GET /api/stream/{stream_id}/status`."""
    view = await own_stream(call)
    stream = view.stream
    return StreamStatus(
        stream_id=stream.stream_id,
        status=stream.state.value,
        state_reason=stream.state_reason,
        items_streamed=stream.items_streamed,
        items_read=view.items_read,
        started_at=stream.started_at,
        last_activity=stream.last_activity,
        last_checked_at=view.last_checked_at,
        next_check_at=view.next_check_at,
        lag_seconds=view.lag_seconds,
        error=stream.error,
        agent_id=stream.config.agent_id,
        agent_verified=stream.config.agent_verified,
        configuration=FullConfiguration(
            **_settings(stream.config),
            stream_type=stream.config.stream_type.value,
            session_id=await _shown_id(call, stream.session_pk),
            provider=stream.config.provider.value,
        ),
        cursor=view.cursor if call.caller.session is not None else None,
    )


async def stop(call: Call) -> StreamStopped:
    """`POST /api/stream/{stream_id}/stop`."""
    view = await own_stream(call)
    stopped = await call.services.supervisor.stop(view.stream.stream_id)
    return StreamStopped(stream_id=stopped.stream.stream_id, status=stopped.stream.state.value)


async def list_streams(call: Call) -> StreamList:
    """`GET /api/streams`."""
    state = _state(call.query("status"))
    supervisor = call.services.supervisor
    session = call.caller.session
    views = await (supervisor.all() if session is None else supervisor.of_session(session.pk))
    masks: dict[int, str] = {}
    shown: dict[str, StreamSummary] = {}
    for stream in (view.stream for view in views):
        if stream.state is not state or not _may_see(call.caller, stream):
            continue
        if stream.session_pk not in masks:
            masks[stream.session_pk] = await _shown_id(call, stream.session_pk)
        shown[stream.stream_id] = _summary(stream, masks[stream.session_pk])
    connections = supervisor.connections(None if session is None else session.pk)
    return StreamList(
        streams=shown,
        total_count=len(shown),
        websocket_statistics=WebsocketStatistics(active_connections=connections),
    )


async def own_stream(call: Call) -> StreamView:
    """The stream of the path, if the caller may see it.

    A stream id alone opens its own stream; a session that is presented must be the stream's, and
    so must the session of an agent whose key is presented alone.
    """
    caller = call.caller
    if call.services.values.require_session and not (caller.operator or caller.agent):
        call.services.gate.need_session(caller)
    stream_id = call.path("stream_id")
    if not _STREAM_ID.fullmatch(stream_id):
        raise _not_found()
    try:
        view = await call.services.supervisor.status(stream_id)
    except StreamNotFound:
        raise _not_found() from None
    if not _may_see(caller, view.stream) or not await _is_agents_own(call, view.stream):
        raise _not_found()
    return view


def _may_see(caller: Caller, stream: Stream) -> bool:
    if caller.agent is not None and not caller.agent.may_read(stream.config.stream_type):
        return False
    return caller.session is None or caller.session.pk == stream.session_pk


async def _is_agents_own(call: Call, stream: Stream) -> bool:
    """Whether a key that was presented without a session is its session's."""
    agent = call.caller.agent
    if agent is None or call.caller.session is not None:
        return True
    session = await call.services.sessions.get(stream.session_pk)
    return session is not None and session.agent_pk == agent.pk


def _not_found() -> StreamNotFound:
    return StreamNotFound("There is no such stream. GET /api/streams lists yours.")


async def _shown_id(call: Call, session_pk: int) -> str:
    """The session id as this caller presented it, or masked."""
    caller = call.caller
    if caller.session is not None and caller.presented is not None:
        return caller.presented.reveal()
    session = await call.services.sessions.get(session_pk)
    return session.masked_id if session is not None else _GONE


def _agent_of(call: Call, session: Session, wanted: StartStream) -> tuple[str | None, bool]:
    """Who starts a stream, and whether a key says so.

    Raises: Forbidden for another name than that of the key's agent.
    """
    agent = call.caller.agent
    if agent is None:
        return wanted.agent_id or session.agent_id, False
    if wanted.agent_id not in {None, agent.name}:
        raise Forbidden(
            "agent_id is not the name of this key's agent. Leave it out.", field="agent_id"
        )
    return agent.name, True


def _check_agent(call: Call, stream_type: StreamType) -> None:
    agent = call.caller.agent
    if agent is not None and not agent.may_read(stream_type):
        raise Forbidden(
            "This agent's key is not for this stream type.",
            field="stream_type",
            allowed_values=sorted(agent.stream_types or ()),
        )


def _config(call: Call, session: Session, wanted: StartStream) -> StreamConfig:
    services = call.services
    stream_type = _stream_type(services, wanted.stream_type)
    _check_agent(call, stream_type)
    agent_id, verified = _agent_of(call, session, wanted)
    if session.provider not in PROVIDERS_OF[stream_type]:
        needed = sorted(provider.value for provider in PROVIDERS_OF[stream_type])
        raise StreamConfigError(
            f"{stream_type.value} needs a session of {needed[0]}; this one is of"
            f" {session.provider.value}. Open one with POST /api/sessions.",
            field="stream_type",
            value=stream_type.value,
            provider_needed=needed[0],
            provider=session.provider.value,
        )
    _check_rate(services, wanted.rate_limit_per_minute)
    filters = validate(wanted.filters, FILTERS_OF[stream_type], StreamConfigError, within="filters")
    return StreamConfig(
        stream_type=stream_type,
        provider=session.provider,
        filters=filters,
        given_filters=wanted.filters,
        batch_size=wanted.batch_size,
        max_results=wanted.max_results,
        real_time=wanted.real_time,
        rate_limit_per_minute=wanted.rate_limit_per_minute,
        include_raw=wanted.include_raw,
        agent_id=agent_id,
        agent_verified=verified,
    )


def _stream_type(services: Services, name: str) -> StreamType:
    every = [known.value for known in StreamType]
    try:
        stream_type = StreamType(name)
    except ValueError:
        raise StreamConfigError(
            f"There is no such stream type. Use one of: {', '.join(every)}.",
            field="stream_type",
            **shown_value(name),
            allowed_values=every,
        ) from None
    if not services.links.available(stream_type):
        readable = {known.value: services.links.available(known) for known in StreamType}
        able = [known for known, available in readable.items() if available]
        raise StreamConfigError(
            f"This server cannot read {name} yet. It reads: {', '.join(able)}.",
            field="stream_type",
            value=name,
            allowed_values=able,
            stream_types=[
                {"stream_type": known, "available": available}
                for known, available in readable.items()
            ],
        )
    return stream_type


def _check_rate(services: Services, wanted: int) -> None:
    ceiling = services.values.max_rate_limit_per_minute
    if 0 < ceiling < wanted:
        raise StreamConfigError(
            f"rate_limit_per_minute may be at most {ceiling} on this server.",
            field="rate_limit_per_minute",
            value=wanted,
            minimum=1,
            maximum=ceiling,
        )


def _state(name: str | None) -> StreamState:
    if name is None:
        return StreamState.ACTIVE
    try:
        return StreamState(name)
    except ValueError:
        states = [state.value for state in StreamState]
        raise InvalidRequest(
            f"status must be one of: {', '.join(states)}.",
            field="status",
            **shown_value(name),
            allowed_values=states,
        ) from None


def _settings(config: StreamConfig) -> dict[str, Any]:
    return {
        "batch_size": config.batch_size,
        "max_results": config.max_results,
        "real_time": config.real_time,
        "rate_limit_per_minute": config.rate_limit_per_minute,
        "include_raw": config.include_raw,
        "filters": dict(config.given_filters),
    }


def _summary(stream: Stream, session_id: str) -> StreamSummary:
    return StreamSummary(
        stream_type=stream.config.stream_type.value,
        session_id=session_id,
        provider=stream.config.provider.value,
        started_at=stream.started_at,
        items_streamed=stream.items_streamed,
        status=stream.state.value,
        state_reason=stream.state_reason,
        last_activity=stream.last_activity,
    )
