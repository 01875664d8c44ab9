"""Connect: how a user's consent is asked for, and what becomes of the answer.

POST /api/sessions -> open -------> a login link, one use
browser at the link -> login -----> our page, a cookie, the provider's address with a state
browser comes back -> callback ---> the session is active (or renewed), or nothing is changed
the app, by POST --> exchange ----> the session id behind a return code
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from scp_server.consent.answering import Answer, Answering
from scp_server.consent.asking import (
    all_types,
    check_agent,
    check_return_to,
    registered,
    wanted_types,
)
from scp_server.consent.ending import Ending
from scp_server.consent.importing import brought
from scp_server.consent.one_time import CODE_SECONDS, LINK_SECONDS, OneTime, Opener
from scp_server.consent.origin import configured, made_at
from scp_server.consent.refusals import unknown_answer
from scp_server.domain.agents import Agent
from scp_server.domain.errors import ConsentRefused, Forbidden, InvalidRequest
from scp_server.domain.secrets import SESSION_PREFIX, Secret
from scp_server.domain.sessions import ConsentRequest, Session, SessionState
from scp_server.ports.audit import AuditTrail
from scp_server.ports.authority import Authority
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock
from scp_server.ports.links import Links
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.codes import ErrorCode
from scp_wire.rest import ImportedTokens, OpenSession, SessionOpened
from scp_wire.stream_types import Provider, StreamType

PENDING_SECONDS: Final = 3600.0
"""A session that nobody consented to is forgotten after this."""
SECONDS_A_DAY: Final = 86_400.0
SESSION_BITS: Final = 256
STATE_BITS: Final = 256
NONCE_BITS: Final = 128
VERIFIER_BITS: Final = 512
"""86 characters; RFC 7636 4.1 asks for 43 to 128."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage:
    """What the login page says, where its button leads, and the cookie it sets."""

    provider: Provider
    agent_id: str | None
    """Who asks; None when it gave no name, or the user began by hand."""
    verified: bool
    """Whether the operator knows the agent by this name; else it is what the agent says."""
    stream_types: tuple[StreamType, ...]
    redirect: str
    """The provider's own page."""
    cookie: Secret
    """Binds the answer to this browser: HttpOnly, SameSite=Lax, ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a completed consent leads to."""

    session: Session
    shown_id: Secret | None
    """To be shown on the page, this once: the session was begun by hand."""
    return_url: str | None
    """Where to send the browser, with a one-time code in it."""
    renewed: bool


class Connect:
    """The authorization code flow of this server."""

    def __init__(  # noqa: PLR0913, PLR0917  (the ports it stands on, handed in one by one)
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        links: Links,
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
        chance: Chance,
        *,
        public_url: str,
        return_to: frozenset[str],
        session_days: float,
    ) -> None:
        """Raises: ValueError for a `return_to` that no browser should be sent to."""
        self._sessions = sessions
        self._authorities = authorities
        self._links = links
        self._clock = clock
        self._chance = chance
        self._public_url = public_url.rstrip("/")
        self._return_to = registered(return_to)
        self._session_seconds = session_days * SECONDS_A_DAY
        self._one_time = OneTime(sessions, clock)
        self._ending = Ending(sessions, notices, audit, clock)
        self._answering = Answering(sessions, authorities, notices, audit, clock)

    async def open(
        self, request: OpenSession, *, operator: bool, agent: Agent | None = None
    ) -> SessionOpened:
        """Open a session that waits for its user, or, with `tokens`, one that is ready.

        With an agent, it is that agent's: its id alone opens nothing.

        Raises: ProviderNotConfigured, StreamConfigError, InvalidRequest, Forbidden (tokens
        without the operator key, types the agent's key is not for); with tokens also
        ProviderUnavailable, OperatorFault.
        """
        provider = Provider(request.provider)
        configured(self._authorities, provider)
        stream_types = wanted_types(request.stream_types, provider, self._links)
        check_return_to(request.return_to, self._return_to)
        check_agent(agent, request.agent_id, stream_types)
        if request.tokens is not None:
            if not operator:
                raise Forbidden("Only the operator key may bring tokens.", field="tokens")
            return await self._import(request, request.tokens, stream_types)
        session_id = self._new_id()
        session = await self._pending(
            session_id, provider, stream_types, request.agent_id, agent=agent
        )
        asked = replace(self._request(session), agent_pk=session.agent_pk, operator=operator)
        if request.return_to is not None:
            asked = replace(
                asked,
                session_id=session_id,
                return_to=request.return_to,
                challenge=request.code_challenge,
            )
        return SessionOpened(
            session_id=session_id.reveal(),
            authorization_url=await self._login_url(asked),
            expires_at=asked.expires_at,
        )

    async def login(self, provider: Provider, request: Secret | None) -> LoginPage:
        """Begin a consent in a browser. `request` None: by hand, a new session of all types.

        Raises: ProviderNotConfigured, ConsentRefused (the link was used, is too old, or its
        session is over).
        """
        authority = configured(self._authorities, provider)
        if request is None:
            session, asked = await self._by_hand(provider)
        else:
            session, asked = await self._asked_for(provider, request, authority)
        state, cookie, verifier = (
            Secret(self._chance.token(bits)) for bits in (STATE_BITS, STATE_BITS, VERIFIER_BITS)
        )
        nonce = self._chance.token(NONCE_BITS)
        flow = replace(
            asked,
            expires_at=self._clock.now() + LINK_SECONDS,
            code_verifier=verifier,
            nonce=nonce,
        )
        await self._one_time.put_flow(state, cookie, flow)
        redirect = authority.authorization_url(
            state=state.reveal(),
            challenge=_s256(verifier),
            nonce=nonce,
            scopes=authority.scopes(session.stream_types),
            redirect_uri=self._callback_url(provider),
        )
        return LoginPage(
            provider=provider,
            agent_id=session.agent_id,
            verified=session.agent_pk is not None,
            stream_types=session.stream_types,
            redirect=redirect,
            cookie=cookie,
        )

    async def callback(
        self,
        provider: Provider,
        *,
        code: Secret | None,
        state: Secret | None,
        cookie: Secret | None,
        error: str | None,
        iss: str | None,
    ) -> Outcome:
        """The provider's answer, in the browser that asked. It can be given once.

        Raises: ConsentRefused (denied, unknown, of another browser, another account), and when
        the provider fails: ProviderUnavailable, OperatorFault, ProviderProtocolError. The session
        is then as it was.
        """
        flow = None
        if state is not None and cookie is not None:
            flow = await self._one_time.take_flow(state, cookie)
        if flow is None:
            raise unknown_answer()
        answer = Answer(
            provider=provider,
            code=code,
            error=error,
            iss=iss,
            redirect_uri=self._callback_url(flow.provider),
        )
        renewed = await self._answering.judge(flow, answer, expires_at=self._session_end())
        return Outcome(
            session=await self._answering.waiting(flow.session_pk),
            shown_id=flow.session_id if flow.by_hand else None,
            return_url=await self._return_url(flow),
            renewed=renewed,
        )

    async def renewal_url(self, session: Session) -> str:
        """A one-use address of this server at which the user can consent again, ten minutes long.

        Raises: StorageUnavailable.
        """
        return await self._login_url(self._request(session))

    async def exchange(
        self, code: Secret, *, verifier: Secret | None = None, agent: Agent | None = None
    ) -> Secret:
        """The session id behind a return code. Within a minute of its making, and once.

        Only for who opened the session: with the same agent's key, and with what the
        `code_challenge` was made from (RFC 7636 4.2), where there was one.

        A code that comes twice may have been stolen by whoever came first: the session is ended
        (RFC 6749 4.1.2 does so with authorization codes).

        Raises: InvalidRequest.
        """
        opener = Opener(
            agent_pk=None if agent is None else agent.pk,
            challenge=None if verifier is None else _s256(verifier),
        )
        request = await self._one_time.take_code(code, opener)
        if request is not None and request.session_id is not None:
            await self._answering.waiting(request.session_pk)
            return request.session_id
        spent = await self._one_time.take_spent(code, opener)
        session = None if spent is None else await self._sessions.get(spent.session_pk)
        if session is None or session.state is SessionState.ENDED:
            raise InvalidRequest(
                "There is no such code, or it is older than a minute. Let the user consent again.",
                field="code",
            )
        await self._ending.finish(session, actor="server", result=ErrorCode.INVALID_REQUEST.value)
        raise InvalidRequest(
            "This code was used before, so someone else may have the session: it was ended. Let"
            " the user consent again.",
            field="code",
        )

    async def _import(
        self,
        request: OpenSession,
        tokens: ImportedTokens,
        stream_types: tuple[StreamType, ...],
    ) -> SessionOpened:
        provider = Provider(request.provider)
        authority = configured(self._authorities, provider)
        consented = await brought(tokens, authority, now=self._clock.now())
        session_id = self._new_id()
        session = await self._pending(session_id, provider, stream_types, request.agent_id)
        ends = self._session_end()
        await self._answering.accept(
            session, consented, action="consent.imported", actor="operator", expires_at=ends
        )
        return SessionOpened(
            session_id=session_id.reveal(), authorization_url=None, expires_at=ends
        )

    async def _by_hand(self, provider: Provider) -> tuple[Session, ConsentRequest]:
        session_id = self._new_id()
        stream_types = all_types(provider, self._links)
        session = await self._pending(session_id, provider, stream_types, None)
        return session, replace(self._request(session), by_hand=True, session_id=session_id)

    async def _asked_for(
        self, provider: Provider, link: Secret, authority: Authority
    ) -> tuple[Session, ConsentRequest]:
        asked = await self._one_time.take_link(link)
        if asked is None or asked.provider is not provider:
            raise ConsentRefused(
                "This link was used before or is older than ten minutes. Ask the agent for a new"
                " one."
            )
        session = await self._answering.waiting(asked.session_pk)
        if not made_at(session, authority):
            raise ConsentRefused(
                "This session was made at another sign-in server than the one set up now. Ask the"
                " agent to open a new session."
            )
        return session, asked

    async def _pending(
        self,
        session_id: Secret,
        provider: Provider,
        stream_types: tuple[StreamType, ...],
        agent_id: str | None,
        *,
        agent: Agent | None = None,
    ) -> Session:
        session = await self._sessions.open(
            session_id,
            provider=provider,
            stream_types=stream_types,
            agent_id=agent_id,
            endpoints=configured(self._authorities, provider).endpoints,
            expires_at=self._clock.now() + PENDING_SECONDS,
        )
        if agent is None:
            return session
        # Nobody knows its id yet.
        await self._sessions.bind(session.pk, agent.pk, agent_id=agent.name)
        return replace(session, agent_pk=agent.pk, agent_id=agent.name)

    def _request(self, session: Session) -> ConsentRequest:
        return ConsentRequest(
            session_pk=session.pk,
            provider=session.provider,
            renewal=session.account is not None,
            by_hand=False,
            session_id=None,
            return_to=None,
            expires_at=self._clock.now() + LINK_SECONDS,
        )

    async def _login_url(self, request: ConsentRequest) -> str:
        link = Secret(self._chance.token(STATE_BITS))
        await self._one_time.put_link(link, request)
        return f"{self._public_url}/oauth/{request.provider.value}/login?request={link.reveal()}"

    async def _return_url(self, flow: ConsentRequest) -> str | None:
        if flow.return_to is None or flow.session_id is None:
            return None
        code = Secret(self._chance.token(STATE_BITS))
        expires_at = self._clock.now() + CODE_SECONDS
        await self._one_time.put_code(code, replace(flow, expires_at=expires_at))
        joint = "&" if "?" in flow.return_to else "?"
        return f"{flow.return_to}{joint}code={code.reveal()}"

    def _callback_url(self, provider: Provider) -> str:
        # From the settings, never from the request's Host.
        return f"{self._public_url}/oauth/{provider.value}/callback"

    def _session_end(self) -> float:
        return self._clock.now() + self._session_seconds

    def _new_id(self) -> Secret:
        return Secret(SESSION_PREFIX + self._chance.token(SESSION_BITS))


def _s256(verifier: Secret) -> str:
    """RFC 7636 4.2."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
