"""Google's OAuth server, as an Authority."""

from dataclasses import dataclass

import aiohttp

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant
from scp_server.ports.authority import Consented
from scp_server.ports.clock import Clock
from scp_wire.stream_types import StreamType


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


class GoogleAuthority:
    """Implements ports.authority.Authority."""

    def __init__(self, at: GoogleEndpoints, http: aiohttp.ClientSession, clock: Clock) -> None:
        raise NotImplementedError

    @property
    def endpoints(self) -> dict[str, str]:
        """The addresses a session made now is bound to."""
        raise NotImplementedError

    def scopes(self, stream_types: tuple[StreamType, ...]) -> frozenset[str]:
        """Least scopes for these types, identity included."""
        raise NotImplementedError

    def authorization_url(
        self, *, state: str, challenge: str, nonce: str, scopes: frozenset[str], redirect_uri: str
    ) -> str:
        """Where to send the user's browser."""
        raise NotImplementedError

    async def exchange(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> Consented:
        """Redeem a code."""
        raise NotImplementedError

    async def account_of(self, grant: Grant) -> Account:
        """Whose grant it is."""
        raise NotImplementedError

    async def refresh(self, grant: Grant) -> Grant:
        """A new access token."""
        raise NotImplementedError

    async def revoke(self, grant: Grant) -> bool:
        """Ask Google to forget the grant."""
        raise NotImplementedError

    def expects_issuer(self, issuer: str) -> bool:
        """Whether an `iss` parameter on the callback is Google's."""
        raise NotImplementedError
