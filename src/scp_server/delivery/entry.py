"""Entry: whether a connecting Socket.IO client is let in, and where it begins."""

from dataclasses import dataclass, replace

import anyio

from scp_server.access.gate import Caller, Gate
from scp_server.access.limits import Limits
from scp_server.access.refusals import Refusals
from scp_server.delivery.carriers import read_hello
from scp_server.delivery.courier import Consumer
from scp_server.domain.agents import Agent
from scp_server.domain.errors import ScpError, SessionNotFound
from scp_server.domain.sessions import Session
from scp_server.engine.arrivals import Arrival
from scp_server.engine.readers import Reader
from scp_server.engine.supervisor import Supervisor
from scp_server.ports.audit import AuditTrail
from scp_server.ports.clock import Clock
from scp_socketio import Handshake


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A consumer that was let in."""

    session: Session
    reader: Reader
    consumer: Consumer
    agent: Agent | None = None
    """Whose key was presented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The way in."""

    gate: Gate
    limits: Limits
    supervisor: Supervisor
    audit: AuditTrail
    refusals: Refusals
    clock: Clock
    allow_query_session: bool

    async def admit(self, name: str, auth: object, handshake: Handshake) -> Admitted:
        """Let a client in. `name` stands for its connection in limits.

        Raises: InvalidRequest, SessionRequired, SessionNotFound, SessionPending, CursorInvalid,
        LimitReached, StreamLimitReached, ShuttingDown, StorageUnavailable.
        """
        session: Session | None = None
        try:
            hello = read_hello(auth, handshake, allow_query=self.allow_query_session)
            caller = await self.gate.identify(hello.credentials)
            session = self.gate.need_session(caller)
            return await self._admitted(name, caller, session, hello.arrival)
        except ScpError as error:
            pk = None if session is None else session.pk
            self.refusals.note(error, host=handshake.address, session_pk=pk)
            raise

    async def _admitted(
        self, name: str, caller: Caller, session: Session, arrival: Arrival
    ) -> Admitted:
        if caller.presented is None:
            raise SessionNotFound("There is no such session.")
        if arrival.cursors:
            # Reading again from a cursor costs what a start costs.
            await self.limits.starts(session.pk)
        arrival = _by(caller.agent, arrival)
        reader = await self._attached(session, arrival)
        consumer = Consumer(
            connection=name,
            session_pk=session.pk,
            session_id=caller.presented,
            agent_id=arrival.agent_id,
            provider=session.provider,
            key_name=caller.agent.name if caller.agent else None,
        )
        await self._still(caller, session, reader, consumer)
        return Admitted(session=session, reader=reader, consumer=consumer, agent=caller.agent)

    async def _still(
        self, caller: Caller, session: Session, reader: Reader, consumer: Consumer
    ) -> None:
        """A session that ended just before it was attached has told it nothing."""
        seat = False
        try:
            await self.gate.stays(caller)
            seat = reader.seated
            await self.audit.record(consumer.connected(self.clock.now()))
        except BaseException:
            self.supervisor.leave(session.pk, reader, consumer.agent_id, seat=seat)
            raise

    async def _attached(self, session: Session, arrival: Arrival) -> Reader:
        """Only who is let in counts as a connection, and only who takes no seat again.

        It is counted before, so that many who come at once are not let in first and counted then.
        """
        limits, supervisor = self.limits, self.supervisor
        expected = supervisor.seat_waits(session.pk, arrival.agent_id)
        counted = None if expected else await limits.connections(session.pk)
        try:
            reader = await supervisor.attach(session, arrival)
        except BaseException:
            if counted is not None:
                with anyio.CancelScope(shield=True):
                    await limits.not_accepted(counted)
            raise
        try:
            if counted is not None and reader.seated:
                await limits.not_accepted(counted)
            elif counted is None and not reader.seated:
                # The seat that waited was taken by another connection that came at the same time.
                await limits.connections(session.pk)
        except BaseException:
            # Else it would stay attached for ever with nobody behind it. A seat waits on.
            supervisor.leave(session.pk, reader, arrival.agent_id, seat=reader.seated)
            raise
        return reader


def _by(agent: Agent | None, arrival: Arrival) -> Arrival:
    """An arrival with what its key allows; a label of its own tells its seats apart."""
    if agent is None:
        return arrival
    return replace(
        arrival,
        agent_id=arrival.agent_id or agent.name,
        agent_pk=agent.pk,
        allowed=agent.stream_types,
    )
