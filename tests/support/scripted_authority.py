"""An Authority without HTTP, for tests of the core."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlencode

import anyio

from scp_server.domain.errors import ConsentLost, ProviderError
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant
from scp_server.ports.authority import Consented
from scp_server.ports.clock import Clock
from scp_wire.stream_types import StreamType

ISSUER = "https://issuer.example"


class ScriptedAuthority:
    """ports.authority.Authority: gives what the test put on it, and counts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.account = Account(issuer=ISSUER, subject="sub-1", label="user@mail.example")
        self.granted = frozenset({"openid", "email", "mail"})
        self.refresh_token: Secret | None = Secret("CANARY-refresh")
        self.lifetime = 3600.0
        self.failure: ProviderError | None = None
        """Raised by every call but `revoke`."""
        self.forgets = True
        """What `revoke` answers."""
        self.meanwhile: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
        """What happens elsewhere while a call is under way."""
        self.revokes = True
        self.calls: list[str] = []
        self.claims: list[str | None] = []
        """What each refresh was asked to prove."""
        self.exchanged: list[tuple[Secret, Secret, str, str]] = []
        self.url = "https://oauth.example"

    @property
    def endpoints(self) -> dict[str, str]:
        return {
            "issuer": ISSUER,
            "token_url": f"{self.url}/token",
            "gmail_url": f"{self.url}/gmail",
        }

    def scopes(self, stream_types: tuple[StreamType, ...]) -> frozenset[str]:
        return frozenset({"openid", "email"}) | {kind.value for kind in stream_types}

    def authorization_url(
        self, *, state: str, challenge: str, nonce: str, scopes: frozenset[str], redirect_uri: str
    ) -> str:
        asked = {
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "nonce": nonce,
            "scope": " ".join(sorted(scopes)),
            "redirect_uri": redirect_uri,
        }
        return f"{self.url}/auth?{urlencode(asked)}"

    async def exchange(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> Consented:
        self.exchanged.append((code, verifier, nonce, redirect_uri))
        await self._called("exchange")
        return Consented(grant=self.new_grant(), account=self.account)

    async def account_of(self, grant: Grant) -> Consented:
        await self._called("account_of")
        return Consented(grant=grant, account=self.account)

    async def refresh(self, grant: Grant, *, claims: str | None = None) -> Grant:
        self.claims.append(claims)
        await self._called("refresh")
        if grant.refresh_token is None:
            raise ConsentLost("no refresh token")
        fresh = self.new_grant()
        return replace(fresh, refresh_token=grant.refresh_token, version=grant.version + 1)

    async def revoke(self, grant: Grant) -> bool:
        self.calls.append("revoke")
        return self.forgets

    def expects_issuer(self, issuer: str) -> bool:
        return issuer == ISSUER

    def new_grant(self) -> Grant:
        """A grant that begins now."""
        return Grant(
            access_token=Secret(f"CANARY-access-{len(self.calls)}"),
            refresh_token=self.refresh_token,
            expires_at=self._clock.now() + self.lifetime,
            scopes=self.granted,
            lifetime=self.lifetime,
        )

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        await self.meanwhile()
        if self.failure is not None:
            raise self.failure
