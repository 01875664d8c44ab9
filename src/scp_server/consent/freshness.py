"""Freshness: a valid access token now, and one refresh at a time."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

import anyio
import structlog

from scp_server.consent.origin import authority_of
from scp_server.consent.rests import Rests
from scp_server.consent.single_flight import SingleFlight
from scp_server.domain.errors import ConsentLost, ProviderError, Remedy, StorageUnavailable
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.meter import Meter
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.stream_types import Provider

_LOG: Final = structlog.get_logger("scp.consent")

DEAD: Final = Secret("")
"""Stands for the access token of a consent that was lost."""
MARGIN: Final = 300.0
MARGIN_SHARE: Final = 0.2
"""A token is refreshed when less than `MARGIN` seconds, or this share of its life, remain."""


class Freshness:
    """Implements ports.tokens.Tokens.

    Three things keep refreshes apart: within a process those who ask at once share one; of several
    processes one at a time asks the provider; and the store takes a new grant only if it follows
    the one that was read.
    """

    def __init__(  # noqa: PLR0913  (the ports it stands on, handed in one by one)
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
        chance: Chance,
        *,
        meter: Meter,
    ) -> None:
        self._sessions = sessions
        self._authorities = authorities
        self._notices = notices
        self._audit = audit
        self._clock = clock
        self._meter = meter
        self._flights = SingleFlight[tuple[int, Secret], Grant]()
        self._rests = Rests(clock, chance)
        self._told: set[str] = set()
        """What the operator knows of."""
        self._unsaved: dict[int, Grant] = {}
        """What a provider gave while the database was away: to be kept before it is asked again."""

    async def access_token(self, session_pk: int) -> Secret:
        """A valid token, refreshed ahead of its expiry.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault, ProviderProtocolError,
        StorageUnavailable.
        """
        grant = await self._stored(session_pk)
        remaining = grant.expires_at - self._clock.now()
        if remaining >= min(MARGIN, MARGIN_SHARE * grant.lifetime):
            return grant.access_token
        resting = self._rests.why(session_pk)
        if remaining > 0 and resting is not None:
            return grant.access_token
        if resting is not None and resting.obeyed:
            raise resting.error
        try:
            return (await self._renewed(session_pk, grant.access_token)).access_token
        except ProviderError as error:
            if error.remedy is Remedy.ASK_USER:
                raise
            self._rests.begin(session_pk, error)
            if remaining <= 0:
                raise
            return grant.access_token

    async def refused(self, session_pk: int, token: Secret, *, claims: str | None = None) -> None:
        """The provider answered 401 to this token: make sure the next one is another.

        Nothing happens when another is stored already: then the answer was to an old token.

        Raises: as `access_token`.
        """
        grant = await self._stored(session_pk)
        if grant.access_token == token:
            await self._renewed(session_pk, token, claims)

    async def _renewed(self, pk: int, stale: Secret, claims: str | None = None) -> Grant:
        # Keyed by the token too: who was refused the newer token must not be content with the
        # outcome of a refresh that replaced an older one.
        return await self._flights.fly((pk, stale), lambda: self._alone(pk, stale, claims))

    async def _alone(self, pk: int, stale: Secret, claims: str | None) -> Grant:
        async with self._sessions.refreshing(pk):
            return await self._refresh(pk, stale, claims)

    async def _refresh(self, pk: int, stale: Secret, claims: str | None) -> Grant:
        grant = await self._caught_up(pk)
        if grant.access_token != stale and grant.expires_at > self._clock.now():
            return grant
        session = await self._session(pk)
        if session.state is SessionState.NEEDS_CONSENT or grant.access_token == DEAD:
            raise ConsentLost("The consent is gone. The user has to consent again.")
        try:
            authority = authority_of(self._authorities, session)
            fresh = await authority.refresh(grant, claims=claims)
        except ProviderError as error:
            self._meter.refreshed(session.provider, error.code.value)
            if error.remedy is Remedy.ASK_USER:
                return await self._lost(pk, grant, error)
            self._tell_operator(session.provider, error)
            with suppress(StorageUnavailable):  # what failed is not to be held up by that
                await self._record(pk, "token.refresh_failed", result=error.code.value)
            raise
        self._meter.refreshed(session.provider, "ok")
        return await self._keep(pk, replace(fresh, version=grant.version + 1))

    async def _caught_up(self, pk: int) -> Grant:
        """The stored grant, after what could not be stored before. Raises: StorageUnavailable."""
        grant = await self._stored(pk)
        unsaved = self._unsaved.get(pk)
        if unsaved is None:
            return grant
        if unsaved.version != grant.version + 1:  # the user consented again meanwhile
            self._unsaved.pop(pk, None)
            return grant
        return await self._keep(pk, unsaved)

    async def _keep(self, pk: int, fresh: Grant) -> Grant:
        # Once the provider has answered, the old refresh token may be dead: what it gave is kept
        # even when who asked for it goes away now, and used only once it is kept. A crash right
        # here leaves the old one, which is then tried, once: refused, the consent is lost.
        with anyio.CancelScope(shield=True):
            self._unsaved[pk] = fresh
            kept = await self._sessions.replace_grant(pk, fresh)
            self._unsaved.pop(pk, None)
            if kept:
                self._rests.end(pk)
                self._told.clear()
                await self._record(pk, "token.refreshed")
                await self._notices.token_refreshed(pk, expires_at=fresh.expires_at)
                return fresh
        return await self._stored(pk)  # another process was first: its grant is the one

    async def _lost(self, pk: int, grant: Grant, error: ProviderError) -> Grant:
        """Note that a grant is dead, unless a newer one has taken its place meanwhile."""
        dead = replace(
            grant,
            access_token=DEAD,
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
            self._unsaved.pop(pk, None)
            raise ConsentLost("There is no consent for this session. The user has to consent.")
        return grant

    async def _session(self, pk: int) -> Session:
        session = await self._sessions.get(pk)
        if session is None or session.state is SessionState.ENDED:
            raise ConsentLost("The session has ended. Open a new one.")
        return session

    def _tell_operator(self, provider: Provider, error: ProviderError) -> None:
        if error.remedy is Remedy.ASK_OPERATOR and error.message not in self._told:
            self._told.add(error.message)
            _LOG.error("operator_needed", provider=provider.value, message=error.message)

    async def _record(self, pk: int, action: str, *, result: str = "ok") -> None:
        await self._audit.record(
            AuditEntry(
                at=self._clock.now(), session_pk=pk, action=action, actor="server", result=result
            )
        )
