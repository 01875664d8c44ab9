"""The Microsoft identity platform v2.0, as an Authority.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec

from scp_server.domain.errors import (
    ConsentLost,
    ConsentRefused,
    ProviderError,
    ProviderProtocolError,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant
from scp_server.ports.authority import Consented
from scp_server.ports.clock import Clock
from scp_server.providers.id_tokens import Claims, IdTokens, not_valid
from scp_server.providers.microsoft.oauth_failures import CODE_REFUSED, failure
from scp_server.providers.microsoft.scopes import BROADER, READING
from scp_server.providers.microsoft.tenants import Tenancy, filled
from scp_server.providers.oauth_transport import OAuthAnswer, OAuthTransport
from scp_server.providers.token_answers import TokenAnswer, decoded, token_answer
from scp_wire.stream_types import StreamType

_OPENID: Final = frozenset({"openid", "profile", "email"})
_IDENTITY: Final = _OPENID | {"offline_access", "User.Read"}
"""`profile` brings the account's id, `offline_access` the refresh token."""

_GRAPH: Final = "https://graph.microsoft.com/"
"""Microsoft spells a scope with or without this, whichever way it was asked for."""
_SPELLED: Final[Mapping[str, str]] = MappingProxyType(
    {scope.lower(): scope for scope in _IDENTITY.union(READING.values(), *BROADER.values())}
)

CAPABILITIES: Final = {"xms_cc": {"values": ["cp1"]}}
"""We answer claims challenges. So told, Microsoft gives tokens that live up to 28 hours, and ends
them within minutes when the user's access ends (continuous access evaluation)."""
_ODD: Final = (
    "Microsoft's sign-in server answered what it never answers. Check the address set in"
    " SCP_MICROSOFT__TOKEN_URL."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftEndpoints:
    """Where Microsoft is, and who we are to it. Addresses may hold `{tenant}`."""

    tenant: str
    """common, organizations, consumers, or a directory's id."""
    authorization_url: str
    token_url: str
    jwks_url: str
    issuer: str
    graph_url: str
    client_id: str
    client_secret: Secret


class _Refusal(msgspec.Struct, frozen=True, kw_only=True):
    error: str
    error_codes: Any = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """What AADSTS numbers there are among the codes."""
        codes = self.error_codes if isinstance(self.error_codes, list) else []
        return tuple(code for code in codes if type(code) is int)


class MicrosoftAuthority:
    """Implements ports.authority.Authority."""

    def __init__(self, at: MicrosoftEndpoints, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._at = at
        self._clock = clock
        self._tenancy = Tenancy(tenant=at.tenant, issuer=at.issuer)
        self._token_url = self._tenancy.at(at.token_url)
        self._transport = OAuthTransport("Microsoft", http, clock)
        self._id_tokens = IdTokens(
            self._transport,
            clock,
            whose=self._whose,
            client_id=at.client_id,
            jwks_url=self._tenancy.at(at.jwks_url),
        )

    @property
    def revokes(self) -> bool:
        """Microsoft has no revocation endpoint."""
        return False

    @property
    def endpoints(self) -> dict[str, str]:
        """The addresses a session made now is bound to, by setting name; no credentials."""
        return {
            "authorization_url": self._tenancy.at(self._at.authorization_url),
            "token_url": self._token_url,
            "jwks_url": self._tenancy.at(self._at.jwks_url),
            "issuer": self._at.issuer,
            "graph_url": self._at.graph_url,
        }

    def scopes(self, stream_types: tuple[StreamType, ...]) -> frozenset[str]:
        """Least scopes for these types, identity included. Only types that Microsoft serves."""
        return _IDENTITY.union(READING[stream_type] for stream_type in stream_types)

    def authorization_url(
        self, *, state: str, challenge: str, nonce: str, scopes: frozenset[str], redirect_uri: str
    ) -> str:
        """Where to send the user's browser."""
        query = urlencode(
            {
                "response_type": "code",
                "response_mode": "query",
                "client_id": self._at.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(sorted(scopes)),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                # Microsoft asks for consent by itself where something was not consented to yet.
                # `consent` would ask each time, and lock out those whose administrator consented
                # for them because they may not.
                "prompt": "select_account",
                "claims": _with_capabilities(None),
            }
        )
        address = self._tenancy.at(self._at.authorization_url)
        return f"{address}{'&' if urlsplit(address).query else '?'}{query}"

    async def exchange(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> Consented:
        """Redeem a code; the ID token is validated.

        Raises: ConsentLost (refused code), ConsentRefused (a policy, or an account that may not),
        ProviderUnavailable, OperatorFault, ProviderProtocolError (ID token not valid).
        """
        asked_at = self._clock.now()
        form = {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "code_verifier": verifier.reveal(),
            "redirect_uri": redirect_uri,
            "claims": _with_capabilities(None),
        }
        answer = await self._ask_for_token(form, redeeming=True)
        grant = Grant(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            expires_at=asked_at + answer.lifetime,
            scopes=_granted(answer.scope or ""),
            lifetime=answer.lifetime,
        )
        return Consented(grant=grant, account=await self._account(answer, nonce=nonce))

    async def account_of(self, grant: Grant) -> Consented:
        """Whose grant it is, from the ID token that comes with a refresh.

        No other answer of Microsoft's names the directory, which is half of an account's key; and
        access tokens are opaque.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault, ProviderProtocolError.
        """
        asked_at = self._clock.now()
        scope = _granted(" ".join(grant.scopes)) | _OPENID | {"offline_access"}
        answer = await self._refreshed(grant, scope=scope)
        account = await self._account(answer, nonce=None)
        return Consented(grant=_renewed(grant, answer, asked_at), account=account)

    async def refresh(self, grant: Grant, *, claims: str | None = None) -> Grant:
        """A new access token and, each time, a new refresh token, one version on.

        The new refresh token must be kept before the access token is used. Microsoft goes on
        accepting the old one for a while, which is what saves us from a crash in between.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault, ProviderProtocolError.
        """
        asked_at = self._clock.now()
        return _renewed(grant, await self._refreshed(grant, claims=claims), asked_at)

    async def revoke(self, grant: Grant) -> bool:
        """Nothing is asked: there is no such request at Microsoft, only the user can."""
        return False

    def expects_issuer(self, issuer: str) -> bool:
        """Whether an `iss` parameter on the callback is of an admitted tenant (RFC 9207 2.4)."""
        return self._tenancy.expects(issuer)

    async def _refreshed(
        self, grant: Grant, *, scope: frozenset[str] | None = None, claims: str | None = None
    ) -> TokenAnswer:
        if grant.refresh_token is None:
            raise ConsentLost(
                "There is no refresh token for this consent (offline_access was not granted). The"
                " user has to consent again."
            )
        form = {
            "grant_type": "refresh_token",
            "refresh_token": grant.refresh_token.reveal(),
            "claims": _with_capabilities(claims),
        }
        if scope is not None:
            form["scope"] = " ".join(sorted(scope))
        return await self._ask_for_token(form)

    async def _ask_for_token(
        self, form: Mapping[str, str], *, redeeming: bool = False
    ) -> TokenAnswer:
        credentials = {
            "client_id": self._at.client_id,
            "client_secret": self._at.client_secret.reveal(),
        }
        answer = await self._transport.post(self._token_url, {**form, **credentials})
        if answer.status != 200:
            raise _refusal(answer, redeeming=redeeming)
        return token_answer(answer, otherwise=_ODD)

    async def _account(self, answer: TokenAnswer, *, nonce: str | None) -> Account:
        if answer.id_token is None:
            raise ProviderProtocolError(
                "Microsoft's token answer has no ID token. Check SCP_MICROSOFT__TOKEN_URL."
            )
        return await self._id_tokens.account(answer.id_token.reveal(), nonce=nonce)

    def _whose(self, claims: Claims, key_issuer: str | None) -> Account:
        """`oid` in the directory `tid`: `sub` is another for each app, addresses change hands."""
        if claims.tid is None or not self._tenancy.admits(claims.tid):
            raise not_valid("tid: not of a tenant that SCP_MICROSOFT__TENANT admits")
        if claims.iss != self._tenancy.issuer_of(claims.tid):
            raise not_valid("iss")
        # Personal and work accounts are signed with keys of different issuers, in one key set.
        if key_issuer is not None and claims.iss != filled(key_issuer, claims.tid):
            raise not_valid("kid: the key is another issuer's")
        if not claims.oid:
            raise not_valid("oid")
        label = claims.email or claims.preferred_username
        return Account(issuer=claims.iss, subject=claims.oid, label=label)


def _renewed(grant: Grant, answer: TokenAnswer, asked_at: float) -> Grant:
    return replace(
        grant,
        access_token=answer.access_token,
        refresh_token=answer.refresh_token or grant.refresh_token,
        expires_at=asked_at + answer.lifetime,
        scopes=grant.scopes if answer.scope is None else _granted(answer.scope),
        lifetime=answer.lifetime,
        version=grant.version + 1,
    )


def _granted(scope: str) -> frozenset[str]:
    """The scopes of an answer as we spell them: Microsoft is steady neither in case nor prefix."""
    return frozenset(_spelled(name) for name in scope.split())


def _spelled(name: str) -> str:
    bare = name[len(_GRAPH) :] if name.lower().startswith(_GRAPH) else name
    return _SPELLED.get(bare.lower(), bare)


def _with_capabilities(claims: str | None) -> str:
    """The `claims` parameter (OpenID Connect Core 5.5): what we can, and what was demanded."""
    asked: dict[str, Any] = {} if claims is None else json.loads(claims)
    access = asked.get("access_token")
    asked["access_token"] = {**(access if isinstance(access, dict) else {}), **CAPABILITIES}
    return json.dumps(asked, separators=(",", ":"))


def _refusal(answer: OAuthAnswer, *, redeeming: bool) -> ProviderError | ConsentRefused:
    try:
        said = decoded(answer, _Refusal, otherwise=_ODD)
    except ProviderProtocolError:
        return failure(None, (), answer.status)
    error = failure(said.error, said.numbers, answer.status)
    if redeeming and said.numbers and not CODE_REFUSED & {*said.numbers}:
        # It is not the code that was refused, but this user: they are told why.
        return ConsentRefused(error.message) if isinstance(error, ConsentLost) else error
    return error
