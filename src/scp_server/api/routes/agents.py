"""Agents: made known, listed and taken back by the operator."""

from typing import Final

from scp_server.api.errors import NotFound
from scp_server.api.operations import Access, Call, Operation, Parameter
from scp_server.api.routes import examples
from scp_server.domain.agents import Agent, AgentPlan
from scp_server.domain.errors import StreamConfigError
from scp_server.domain.secrets import AGENT_PREFIX, Secret
from scp_wire.codes import ErrorCode
from scp_wire.rest import AgentCreated, AgentList, AgentRevoked, AgentSummary, CreateAgent
from scp_wire.stream_types import StreamType


async def create(call: Call) -> AgentCreated:
    """`POST /api/agents`."""
    wanted: CreateAgent = call.body
    plan = AgentPlan(
        name=wanted.name,
        stream_types=_types(wanted.stream_types),
        opens=not wanted.session_ids,
        expires_at=wanted.expires_at,
    )
    agent, key = await call.services.agents.create(
        plan,
        session_ids=tuple(Secret(session_id) for session_id in wanted.session_ids or ()),
        replace=wanted.replace,
    )
    return AgentCreated(name=agent.name, agent_key=key.reveal(), expires_at=agent.expires_at)


async def list_agents(call: Call) -> AgentList:
    """`GET /api/agents`."""
    now = call.services.clock.now()
    known = await call.services.agents.all()
    return AgentList(agents=[_summary(agent, sessions, now) for agent, sessions in known])


async def revoke(call: Call) -> AgentRevoked:
    """`DELETE /api/agents/{name}`."""
    name = call.path("name")
    closed = await call.services.agents.revoke(name)
    if closed is None:
        raise NotFound("There is no agent of this name. GET /api/agents lists them.")
    return AgentRevoked(name=name, state="revoked", closed_connections=closed)


def _types(names: list[str] | None) -> frozenset[StreamType] | None:
    if names is None:
        return None
    known = [kind.value for kind in StreamType]
    for name in names:
        if name not in known:
            raise StreamConfigError(
                "There is no such stream type. Choose from allowed_values.",
                field="stream_types",
                value=name[:64],
                allowed_values=known,
            )
    return frozenset(StreamType(name) for name in names)


def _summary(agent: Agent, sessions: int, now: float) -> AgentSummary:
    revoked = agent.revoked_at is not None
    kinds = agent.stream_types
    return AgentSummary(
        name=agent.name,
        agent_key=f"{AGENT_PREFIX}…{agent.last4}",
        state="revoked" if revoked else "active" if agent.alive(now) else "expired",
        stream_types=None if kinds is None else sorted(kinds),
        opens_sessions=agent.opens,
        sessions=sessions,
        created_at=agent.created_at,
        expires_at=agent.expires_at,
        revoked_at=agent.revoked_at,
    )


_AGENT: Final = Parameter(
    name="name",
    place="path",
    schema={"type": "string", "minLength": 1, "maxLength": 64},
    description="The agent's name.",
    example="inbox-helper",
)
OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/api/agents",
        name="createAgent",
        tag="agents",
        summary="Make an agent known, and get its key, this once.",
        description="With `replace` the agent keeps its sessions, and its key so far opens nothing"
        " any more. Sessions in `session_ids` are the agent's from now on.",
        handler=create,
        access=Access.OPERATOR,
        body=CreateAgent,
        answer=AgentCreated,
        codes=(ErrorCode.STREAM_CONFIG_ERROR,),
        status=201,
        examples={"request": examples.CREATE_AGENT, "answer": examples.AGENT_CREATED},
    ),
    Operation(
        method="GET",
        path="/api/agents",
        name="listAgents",
        tag="agents",
        summary="Every agent there ever was.",
        handler=list_agents,
        access=Access.OPERATOR,
        answer=AgentList,
        examples={"answer": examples.AGENTS},
    ),
    Operation(
        method="DELETE",
        path="/api/agents/{name}",
        name="revokeAgent",
        tag="agents",
        summary="Take an agent's key back, and close what was opened with it.",
        description="Its sessions answer to the operator alone from then on.",
        handler=revoke,
        access=Access.OPERATOR,
        answer=AgentRevoked,
        parameters=(_AGENT,),
        codes=(ErrorCode.NOT_FOUND,),
        examples={"answer": examples.AGENT_REVOKED},
    ),
)
