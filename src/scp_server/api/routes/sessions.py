"""Sessions: open, look at, end, and take over after a return to the app."""

from scp_server.api.operations import Call
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState as State
from scp_wire.rest import (
    ExchangeCode,
    OpenSession,
    SessionEnded,
    SessionHandedOver,
    SessionOpened,
    SessionState,
)


async def open_session(call: Call) -> SessionOpened:
    """`POST /api/sessions`."""
    wanted: OpenSession = call.body
    caller = call.caller
    return await call.services.connect.open(wanted, operator=caller.operator, agent=caller.agent)


async def session_state(call: Call) -> SessionState:
    """`GET /api/session`."""
    session = call.services.gate.need_session(call.caller)
    renewal = None
    if session.state is State.NEEDS_CONSENT:
        renewal = await call.services.connect.renewal_url(session)
    return SessionState(
        session_id=session.masked_id,
        provider=session.provider.value,
        state=session.state.value,
        account=session.account.label if session.account else None,
        scopes=sorted(session.scopes),
        stream_types=[kind.value for kind in session.stream_types],
        agent_id=session.agent_id,
        agent_verified=session.agent_pk is not None,
        created_at=session.created_at,
        expires_at=session.expires_at,
        authorization_url=renewal,
    )


async def end_session(call: Call) -> SessionEnded:
    """`DELETE /api/session`."""
    session = call.services.gate.need_session(call.caller)
    return await call.services.revoke.end(session, operator=call.caller.operator)


async def exchange(call: Call) -> SessionHandedOver:
    """`POST /api/sessions/exchange`."""
    wanted: ExchangeCode = call.body
    session_id = await call.services.connect.exchange(
        Secret(wanted.code),
        verifier=Secret(wanted.code_verifier) if wanted.code_verifier else None,
        agent=call.caller.agent,
    )
    return SessionHandedOver(session_id=session_id.reveal())
