"""Google's OAuth server, as an Authority.

https://developers.google.com/identity/protocols/oauth2/web-server
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec

from scp_server.domain.errors import ConsentLost, ProviderError, ProviderProtocolError
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant
from scp_server.ports.authority import Consented
from scp_server.ports.clock import Clock
from scp_server.providers.google.oauth_failures import failure
from scp_server.providers.id_tokens import Claims, IdTokens, not_valid
from scp_server.providers.oauth_transport import OAuthAnswer, OAuthTransport
from scp_server.providers.token_answers import TokenAnswer, decoded, token_answer
from scp_wire.stream_types import StreamType

T = TypeVar("T")

_AUTH: Final = "https://www.googleapis.com/auth/"
_IDENTITY: Final = frozenset({"openid", "email"})
_MAIL: Final = frozenset({f"{_AUTH}gmail.readonly"})

# The least that covers each type: bodies and `q` need gmail.readonly, metadata is not enough.
GOOGLE_SCOPES: Final[Mapping[StreamType, frozenset[str]]] = MappingProxyType(
    {
        StreamType.GMAIL_MESSAGES: _MAIL,
        StreamType.GMAIL_THREADS: _MAIL,
        StreamType.CALENDAR_EVENTS: frozenset(
            {f"{_AUTH}calendar.events.readonly", f"{_AUTH}calendar.calendarlist.readonly"}
        ),
        StreamType.CONTACTS: frozenset({f"{_AUTH}contacts.readonly"}),
        StreamType.FILES: frozenset({f"{_AUTH}drive.metadata.readonly"}),
    }
)

_ODD: Final = (
    "Google's sign-in server answered what it never answers. Check the addresses set in"
    " SCP_GOOGLE__TOKEN_URL and SCP_GOOGLE__USERINFO_URL."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleEndpoints:
    """Where Google is, and who we are to it."""

    authorization_url: str
    token_url: str
    revocation_url: str
    userinfo_url: str
    jwks_url: str
    issuer: str
    gmail_url: str
    calendar_url: str
    people_url: str
    drive_url: str
    client_id: str
    client_secret: Secret


class _Refusal(msgspec.Struct, frozen=True, kw_only=True):
    error: str


class _UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    sub: Annotated[str, msgspec.Meta(min_length=1)]
    email: str | None = None


class GoogleAuthority:
    """Implements ports.authority.Authority."""

    def __init__(self, at: GoogleEndpoints, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._at = at
        self._clock = clock
        self._transport = OAuthTransport("Google", http, clock)
        self._id_tokens = IdTokens(
            self._transport,
            clock,
            whose=self._whose,
            client_id=at.client_id,
            jwks_url=at.jwks_url,
        )

    @property
    def revokes(self) -> bool:
        """Google has a revocation endpoint."""
        return True

    @property
    def endpoints(self) -> dict[str, str]:
        """The addresses a session made now is bound to, by setting name; no credentials."""
        return {
            "authorization_url": self._at.authorization_url,
            "token_url": self._at.token_url,
            "revocation_url": self._at.revocation_url,
            "userinfo_url": self._at.userinfo_url,
            "jwks_url": self._at.jwks_url,
            "issuer": self._at.issuer,
            "gmail_url": self._at.gmail_url,
            "calendar_url": self._at.calendar_url,
            "people_url": self._at.people_url,
            "drive_url": self._at.drive_url,
        }

    def scopes(self, stream_types: tuple[StreamType, ...]) -> frozenset[str]:
        """Least scopes for these types, identity included. Only types that Google serves."""
        return _IDENTITY.union(*(GOOGLE_SCOPES[stream_type] for stream_type in stream_types))

    def authorization_url(
        self, *, state: str, challenge: str, nonce: str, scopes: frozenset[str], redirect_uri: str
    ) -> str:
        """Where to send the user's browser."""
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._at.client_id,
                "redirect_uri": redirect_uri,
                "scope": " ".join(sorted(scopes)),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                # Without both, Google gives a refresh token on the very first consent only.
                "access_type": "offline",
                "prompt": "consent",
                "include_granted_scopes": "true",
            }
        )
        joint = "&" if urlsplit(self._at.authorization_url).query else "?"
        return f"{self._at.authorization_url}{joint}{query}"

    async def exchange(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> Consented:
        """Redeem a code; the ID token is validated.

        Raises: ConsentLost (refused code), ProviderUnavailable, OperatorFault,
        ProviderProtocolError (ID token not valid).
        """
        asked_at = self._clock.now()
        answer = await self._ask_for_token(
            {
                "grant_type": "authorization_code",
                "code": code.reveal(),
                "code_verifier": verifier.reveal(),
                "redirect_uri": redirect_uri,
            }
        )
        if answer.id_token is None or answer.scope is None:
            raise ProviderProtocolError(
                "Google's token answer has no ID token or no scopes. Check SCP_GOOGLE__TOKEN_URL."
            )
        account = await self._id_tokens.account(answer.id_token.reveal(), nonce=nonce)
        grant = Grant(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            expires_at=asked_at + answer.lifetime,
            scopes=frozenset(answer.scope.split()),
            lifetime=answer.lifetime,
        )
        return Consented(grant=grant, account=account)

    async def account_of(self, grant: Grant) -> Consented:
        """Whose grant it is, from the userinfo endpoint (OpenID Connect Core 5.3).

        Raises: ConsentLost, ProviderUnavailable, ProviderProtocolError.
        """
        answer = await self._transport.get(self._at.userinfo_url, bearer=grant.access_token)
        if answer.status in (401, 403):
            raise ConsentLost(
                "Google does not say whose access token this is: it has expired or was granted"
                " without the scopes openid and email."
            )
        if answer.status != 200:
            raise failure(None, answer.status)
        info = _decoded(answer, _UserInfo)
        account = Account(issuer=self._at.issuer, subject=info.sub, label=info.email)
        return Consented(grant=grant, account=account)

    async def refresh(self, grant: Grant, *, claims: str | None = None) -> Grant:
        """A new access token, one version on. Google keeps the refresh token.

        It demands no `claims` of tokens.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault, ProviderProtocolError.
        """
        if grant.refresh_token is None:
            raise ConsentLost(
                "There is no refresh token for this consent. The user has to consent again."
            )
        asked_at = self._clock.now()
        answer = await self._ask_for_token(
            {"grant_type": "refresh_token", "refresh_token": grant.refresh_token.reveal()}
        )
        return replace(
            grant,
            access_token=answer.access_token,
            refresh_token=answer.refresh_token or grant.refresh_token,
            expires_at=asked_at + answer.lifetime,
            scopes=grant.scopes if answer.scope is None else frozenset(answer.scope.split()),
            lifetime=answer.lifetime,
            version=grant.version + 1,
        )

    async def revoke(self, grant: Grant) -> bool:
        """Ask Google to forget the grant; at Google that ends all grants of the user to us."""
        token = grant.refresh_token or grant.access_token
        try:
            answer = await self._transport.post(self._at.revocation_url, {"token": token.reveal()})
        except ProviderError:
            return False
        # invalid_token: it was forgotten before, which is what was wanted.
        return answer.status == 200 or _reason(answer) == "invalid_token"

    def expects_issuer(self, issuer: str) -> bool:
        """Whether an `iss` parameter on the callback is Google's (RFC 9207 2.4: exact)."""
        return issuer == self._at.issuer

    async def _ask_for_token(self, form: Mapping[str, str]) -> TokenAnswer:
        credentials = {
            "client_id": self._at.client_id,
            "client_secret": self._at.client_secret.reveal(),
        }
        answer = await self._transport.post(self._at.token_url, {**form, **credentials})
        if answer.status != 200:
            raise failure(_reason(answer), answer.status)
        return token_answer(answer, otherwise=_ODD)

    def _whose(self, claims: Claims, _: str | None) -> Account:
        if claims.iss != self._at.issuer:
            raise not_valid("iss")
        return Account(issuer=claims.iss, subject=claims.sub, label=claims.email)


def _decoded(answer: OAuthAnswer, kind: type[T]) -> T:
    return decoded(answer, kind, otherwise=_ODD)


def _reason(answer: OAuthAnswer) -> str | None:
    try:
        return _decoded(answer, _Refusal).error
    except ProviderProtocolError:
        return None
