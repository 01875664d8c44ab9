"""Answering: the provider's answer to a consent is judged, and either kept or refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import anyio

from scp_server.consent.origin import configured
from scp_server.consent.refusals import no_refresh_token, refusal, unknown_answer
from scp_server.domain.errors import ConsentLost, ConsentRefused, ScpError
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, ConsentRequest, Grant, Session, SessionState
from scp_server.ports.audit import AuditEntry, AuditTrail
from scp_server.ports.authority import Authority, Consented
from scp_server.ports.clock import Clock
from scp_server.ports.notices import SessionNotices
from scp_server.ports.sessions import SessionStore
from scp_wire.stream_types import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the browser brought back, and at which of our addresses."""

    provider: Provider
    """Of the path: each provider has a callback of its own (RFC 9700 4.4.2)."""
    redirect_uri: str
    code: Secret | None
    error: str | None
    iss: str | None


class Answering:
    """Judges answers. A refused one leaves the session as it was, and an audit row."""

    def __init__(
        self,
        sessions: SessionStore,
        authorities: Mapping[Provider, Authority],
        notices: SessionNotices,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._authorities = authorities
        self._notices = notices
        self._audit = audit
        self._clock = clock

    async def judge(self, flow: ConsentRequest, answer: Answer, *, expires_at: float) -> bool:
        """Redeem the answer and keep what it brings; whether it renewed a consent.

        Raises: ConsentRefused, ProviderUnavailable, OperatorFault, ProviderProtocolError.
        """
        session = await self.waiting(flow.session_pk)
        try:
            self._check(flow, answer)
            consented = await self._redeem(flow, answer)
            # Read again: meanwhile another tab may have finished, or the session been ended.
            session = await self.waiting(flow.session_pk)
            grant = await self._lasting(session, consented)
        except ScpError as error:
            await self._record(session.pk, "consent.refused", actor="user", result=error.code.value)
            raise
        renewed = session.account is not None
        await self.accept(
            session,
            replace(consented, grant=grant),
            action="consent.renewed" if renewed else "consent.granted",
            actor="user",
            expires_at=expires_at,
        )
        return renewed

    async def accept(
        self, session: Session, consented: Consented, *, action: str, actor: str, expires_at: float
    ) -> None:
        """Make the session active with this grant; its streams go on.

        Raises: StorageUnavailable; without an audit row nothing is kept.
        """
        with anyio.CancelScope(shield=True):
            await self._record(session.pk, action, actor=actor)
            await self._sessions.activate(
                session.pk, consented.account, consented.grant, expires_at=expires_at
            )
            await self._notices.consent_renewed(session.pk)

    async def waiting(self, session_pk: int) -> Session:
        """The session a consent is for.

        Raises: ConsentRefused when it is over.
        """
        session = await self._sessions.get(session_pk)
        over = session is None or session.state is SessionState.ENDED
        if session is None or over or session.expires_at <= self._clock.now():
            raise ConsentRefused(
                "The session this consent was for has ended. Ask the agent for a new link."
            )
        return session

    def _check(self, flow: ConsentRequest, answer: Answer) -> None:
        """Refuse an answer of another server than was asked (mix-up, RFC 9700 4.4)."""
        authority = configured(self._authorities, flow.provider)
        if answer.provider is not flow.provider:
            raise unknown_answer()
        if answer.iss is not None and not authority.expects_issuer(answer.iss):
            raise unknown_answer()
        if answer.error is not None:
            raise refusal(answer.error)

    async def _redeem(self, flow: ConsentRequest, answer: Answer) -> Consented:
        if answer.code is None or flow.code_verifier is None or flow.nonce is None:
            raise unknown_answer()
        try:
            return await configured(self._authorities, flow.provider).exchange(
                code=answer.code,
                verifier=flow.code_verifier,
                nonce=flow.nonce,
                redirect_uri=answer.redirect_uri,
            )
        except ConsentLost as error:
            # Only the code was refused; an older consent of the session is not concerned.
            raise ConsentRefused(
                "The provider did not accept its own answer: it is too old, or was used before."
                " Nothing was changed: start again."
            ) from error

    async def _lasting(self, session: Session, consented: Consented) -> Grant:
        """The grant to keep: of the same person as before, and with a refresh token."""
        kept = consented.grant
        if session.account is not None:
            _same_person(session.account, consented.account)
        if kept.refresh_token is None and session.account is not None:
            older = await self._sessions.grant(session.pk)
            kept = replace(kept, refresh_token=older.refresh_token if older else None)
        if kept.refresh_token is None:
            raise no_refresh_token(session.provider)
        return kept

    async def _record(self, pk: int, action: str, *, actor: str, result: str = "ok") -> None:
        await self._audit.record(
            AuditEntry(
                at=self._clock.now(), session_pk=pk, action=action, actor=actor, result=result
            )
        )


def _same_person(before: Account, now: Account) -> None:
    # Not the address: addresses are given to others when people leave.
    if (before.issuer, before.subject) != (now.issuer, now.subject):
        raise ConsentRefused(
            "You signed in with another account than this session belongs to, so nothing was"
            " changed. Start again and choose the account of the first consent, or open a new"
            " session for this one."
        )
