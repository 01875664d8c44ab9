"""Authority: a provider's OAuth server."""

from dataclasses import dataclass
from typing import Protocol

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant
from scp_wire.stream_types import StreamType


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented:
    """What a code was exchanged for."""

    grant: Grant
    account: Account


class Authority(Protocol):
    """Authorization code flow with PKCE S256 (RFC 7636), refresh, revocation (RFC 7009)."""

    @property
    def revokes(self) -> bool:
        """Whether the provider has a way for us to give a grant back."""
        ...

    @property
    def endpoints(self) -> dict[str, str]:
        """The addresses a session made now is bound to, by setting name ("gmail_url", ...)."""
        ...

    def scopes(self, stream_types: tuple[StreamType, ...]) -> frozenset[str]:
        """Least scopes for these types, identity included."""
        ...

    def authorization_url(
        self, *, state: str, challenge: str, nonce: str, scopes: frozenset[str], redirect_uri: str
    ) -> str:
        """Where to send the user's browser."""
        ...

    async def exchange(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> Consented:
        """Redeem a code; the ID token is validated (issuer, audience, nonce, expiry, signature).

        A grant without a refresh token is returned as it came.

        Raises: ConsentLost (refused code), ConsentRefused (the user may not consent as things
        are), ProviderUnavailable, OperatorFault, ProviderProtocolError (ID token not valid).
        """
        ...

    async def account_of(self, grant: Grant) -> Consented:
        """Whose grant it is; for grants obtained elsewhere. A grant that had to be used up for
        the answer comes back as its successor.

        Raises: ConsentLost (token refused, or without the identity scopes), ProviderUnavailable,
        OperatorFault, ProviderProtocolError.
        """
        ...

    async def refresh(self, grant: Grant, *, claims: str | None = None) -> Grant:
        """A new access token. A refresh token that is not in the answer stays the same; one that
        is must be kept before the access token is used: the old one may be dead.

        `claims`: what the new token must prove, as JSON (OpenID Connect Core 5.5), as the
        provider's API demanded when it refused the old one.

        Raises: ConsentLost, ProviderUnavailable, OperatorFault, ProviderProtocolError.
        """
        ...

    async def revoke(self, grant: Grant) -> bool:
        """Ask the provider to forget the grant; False when it would not, or there is no way."""
        ...

    def expects_issuer(self, issuer: str) -> bool:
        """Whether an `iss` parameter on the callback is this authority's (RFC 9207)."""
        ...
