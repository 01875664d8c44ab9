"""Tickets: what a client that can only use a URL (`EventSource`) reads a stream with, once."""

import re
from typing import Final

from scp_server.access.gate import Caller, Gate
from scp_server.domain.errors import SessionNotFound, TicketUsed
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import ConsentRequest, Session
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.sessions import SessionStore

TICKET_SECONDS: Final = 30.0
"""A URL is seen by many: it is good for as long as it takes to open it."""
REMEMBERED: Final = 1024
"""Tickets that were redeemed last: one that comes again is known for what it is."""
_PREFIX: Final = "ticket-"
_FORM: Final = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{1,248}}")
"""What is not of this form is not looked up."""


class Tickets:
    """Gives out tickets and takes them back. They are stored as login links are: sealed, once."""

    def __init__(self, sessions: SessionStore, gate: Gate, clock: Clock, chance: Chance) -> None:
        self._sessions = sessions
        self._gate = gate
        self._clock = clock
        self._chance = chance
        self._used: dict[Secret, None] = {}

    async def issue(self, session: Session, caller: Caller) -> Secret:
        """A ticket that reads for this session, once, within `TICKET_SECONDS`, what its caller may.

        Raises: SessionNotFound when it has ended, StorageUnavailable.
        """
        ticket = Secret(_PREFIX + self._chance.token(256))
        request = ConsentRequest(
            session_pk=session.pk,
            provider=session.provider,
            renewal=False,
            by_hand=False,
            session_id=None,
            return_to=None,
            expires_at=self._clock.now() + TICKET_SECONDS,
            agent_pk=None if caller.agent is None else caller.agent.pk,
            operator=caller.operator,
        )
        await self._sessions.open_request(_key(ticket), request)
        return ticket

    async def redeem(self, ticket: Secret) -> Caller:
        """Who holds a ticket, and for which session. It is used up by that.

        Raises: SessionNotFound (unknown, too old, or the session has ended), TicketUsed,
        StorageUnavailable.
        """
        request = None
        key = _key(ticket)
        if _FORM.fullmatch(ticket.reveal()):
            request = await self._sessions.take_request(key, now=self._clock.now())
        if request is None:
            raise (TicketUsed if key in self._used else SessionNotFound)(
                "This ticket is unknown, used or too old. Get another with POST /api/tickets."
            )
        self._remember(key)
        return await self._gate.holder(
            request.session_pk, agent_pk=request.agent_pk, operator=request.operator
        )

    def _remember(self, key: Secret) -> None:
        self._used[key] = None
        if len(self._used) > REMEMBERED:
            del self._used[next(iter(self._used))]


def _key(ticket: Secret) -> Secret:
    # A dot is in no token, so that a ticket is no login link, nor the other way round.
    return Secret(f"ticket.{ticket.reveal()}")
