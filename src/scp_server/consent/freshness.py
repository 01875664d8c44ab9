"""Freshness: a valid access token now, and one refresh at a time."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import anyio

from scp_server.consent.origin import authority_of
from scp_server.consent.single_flight import SingleFlight
from scp_server.domain.errors import ConsentLost, ProviderError, Remedy
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.stream_types import Provider

MARGIN: Final = 300.0
MARGIN_SHARE: Final = 0.2
"""A token is refreshed when less than `MARGIN` seconds, or this share of its life, remain."""
COOL_DOWN: Final = 30.0
"""Seconds without a new attempt after a failed one, while the old token is still good.

Nango waits as long; up to a third more is added by chance, so that sessions that failed together
do not return together.
"""


class Freshness:
    """Implements ports.tokens.Tokens.

    Two things keep refreshes apart: within a process those who ask at once share one, and between
    processes the store takes a new grant only if it follows the one that was read.
    """

    def __init__(
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
        chance: Chance,
    ) -> None:
        self._sessions = sessions
        self._authorities = authorities
        self._notices = notices
        self._audit = audit
        self._clock = clock
        self._chance = chance
        self._flights = SingleFlight[tuple[int, Secret], Grant]()
        self._cooling: dict[int, float] = {}

    async def access_token(self, session_pk: int) -> Secret:
        """A valid token, refreshed ahead of its expiry.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault, ProviderProtocolError,
        StorageUnavailable.
        """
        grant = await self._stored(session_pk)
        remaining = grant.expires_at - self._clock.now()
        if remaining >= min(MARGIN, MARGIN_SHARE * grant.lifetime):
            return grant.access_token
        if remaining > 0 and self._is_cooling(session_pk):
            return grant.access_token
        try:
            return (await self._renewed(session_pk, grant.access_token)).access_token
        except ProviderError as error:
            if remaining <= 0 or error.remedy is Remedy.ASK_USER:
                raise
            self._cool(session_pk)
            return grant.access_token

    async def refused(self, session_pk: int, token: Secret) -> None:
        """The provider answered 401 to this token: make sure the next one is another.

        Nothing happens when another is stored already: then the answer was to an old token.

        Raises: as `access_token`.
        """
        grant = await self._stored(session_pk)
        if grant.access_token == token:
            await self._renewed(session_pk, token)

    async def _renewed(self, pk: int, stale: Secret) -> Grant:
        # Keyed by the token too: who was refused the newer token must not be content with the
        # outcome of a refresh that replaced an older one.
        return await self._flights.fly((pk, stale), lambda: self._refresh(pk, stale))

    async def _refresh(self, pk: int, stale: Secret) -> Grant:
        grant = await self._stored(pk)
        if grant.access_token != stale:
            return grant
        session = await self._session(pk)
        if session.state is SessionState.NEEDS_CONSENT:
            raise ConsentLost("The consent is gone. The user has to consent again.")
        authority = authority_of(self._authorities, session)
        try:
            fresh = await authority.refresh(grant)
        except ProviderError as error:
            if error.remedy is not Remedy.ASK_USER:
                raise
            return await self._lost(pk, grant, error)
        return await self._keep(pk, replace(fresh, version=grant.version + 1))

    async def _keep(self, pk: int, fresh: Grant) -> Grant:
        # Once the provider has answered, the old token may be dead: what it gave is kept even
        # when who asked for it goes away now.
        with anyio.CancelScope(shield=True):
            if await self._sessions.replace_grant(pk, fresh):
                self._cooling.pop(pk, None)
                await self._record(pk, "token.refreshed")
                await self._notices.token_refreshed(pk, expires_at=fresh.expires_at)
                return fresh
        return await self._stored(pk)  # another process was first: its grant is the one

    async def _lost(self, pk: int, grant: Grant, error: ProviderError) -> Grant:
        """Note that a grant is dead, unless a newer one has taken its place meanwhile."""
        dead = replace(
            grant,
            access_token=Secret(""),
            refresh_token=None,
            expires_at=0.0,
            version=grant.version + 1,
        )
        with anyio.CancelScope(shield=True):
            if not await self._sessions.replace_grant(pk, dead):
                return await self._stored(pk)
            await self._sessions.set_state(pk, SessionState.NEEDS_CONSENT)
            now_stored = await self._stored(pk)
            if now_stored.version != dead.version:  # the user consented again in between
                await self._sessions.set_state(pk, SessionState.ACTIVE)
                return now_stored
            await self._record(pk, "consent.lost", result=error.code.value)
            await self._notices.consent_lost(pk)
        raise error

    async def _stored(self, pk: int) -> Grant:
        grant = await self._sessions.grant(pk)
        if grant is None:
            raise ConsentLost("There is no consent for this session. The user has to consent.")
        return grant

    async def _session(self, pk: int) -> Session:
        session = await self._sessions.get(pk)
        if session is None or session.state is SessionState.ENDED:
            raise ConsentLost("The session has ended. Open a new one.")
        return session

    async def _record(self, pk: int, action: str, *, result: str = "ok") -> None:
        await self._audit.record(
            AuditEntry(
                at=self._clock.now(), session_pk=pk, action=action, actor="server", result=result
            )
        )

    def _is_cooling(self, pk: int) -> bool:
        return self._cooling.get(pk, float("-inf")) > self._clock.monotonic()

    def _cool(self, pk: int) -> None:
        now = self._clock.monotonic()
        self._cooling = {other: until for other, until in self._cooling.items() if until > now}
        self._cooling[pk] = now + COOL_DOWN * (1 + self._chance.uniform() / 3)
