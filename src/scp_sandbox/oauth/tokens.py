"""Access and refresh tokens: signed strings that carry all they mean, and what killed some.

They look like Google's (`ya29.…`, `1//0e…`), and hold account number, client, scopes and a serial
number that follows the clock. Nothing is stored for a live token, so a sandbox that restarts with
the same key still honours it; revocation and early expiry are kept in memory as "all up to this
serial number are dead".
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

import msgspec

from scp_sandbox.clock import Clock

ACCESS_PREFIX = "ya29.a0"
REFRESH_PREFIX = "1//0e"
_SIGNATURE_BYTES = 16
_CACHE_LIMIT = 2048


class Claims(msgspec.Struct, frozen=True, array_like=True):
    """What a token says. `serial` is microseconds of its issue, `expires` seconds (0: never)."""

    kind: str
    sub: str
    client: str
    scopes: tuple[str, ...]
    serial: int
    expires: int
    offline: bool = False


@dataclass(slots=True)
class _Deaths:
    revoked: dict[tuple[str, str], int]
    expired: dict[str, int]
    revoked_all: int = 0
    expired_all: int = 0


class TokenMint:
    """Makes tokens, reads them, and knows which are dead."""

    def __init__(self, *, key: bytes, clock: Clock, lifetime: int) -> None:
        self.lifetime = lifetime
        self._key = key
        self._clock = clock
        self._serial = 0
        self._deaths = _Deaths(revoked={}, expired={})
        self._read: dict[str, Claims] = {}

    def access(self, sub: str, client: str, scopes: tuple[str, ...], *, offline: bool) -> str:
        """A new access token."""
        expires = int(self._clock.now()) + self.lifetime
        claims = Claims("access", sub, client, scopes, self._next_serial(), expires, offline)
        return ACCESS_PREFIX + self._sealed(claims)

    def refresh(self, sub: str, client: str, scopes: tuple[str, ...]) -> str:
        """A new refresh token."""
        claims = Claims("refresh", sub, client, scopes, self._next_serial(), 0, offline=True)
        return REFRESH_PREFIX + self._sealed(claims)

    def read(self, token: str) -> Claims | None:
        """What a token says, dead or alive; None when it was not made here."""
        found = self._read.get(token)
        if found is None:
            found = self._opened(token)
            if found is None:
                return None
            if len(self._read) >= _CACHE_LIMIT:
                self._read.clear()
            self._read[token] = found
        return found

    def alive(self, claims: Claims) -> bool:
        """Whether a token still works."""
        revoked = self._deaths.revoked.get((claims.sub, claims.client), 0)
        if claims.serial <= max(revoked, self._deaths.revoked_all):
            return False
        if claims.kind == "refresh":
            return True
        early = max(self._deaths.expired_all, self._deaths.expired.get(claims.sub, 0))
        return claims.serial > early and self._clock.now() < claims.expires

    def expire_access(self, sub: str | None = None) -> None:
        """Lets all access tokens given out so far expire, of everybody or of one account."""
        if sub is None:
            self._deaths.expired_all = self._next_serial()
        else:
            self._deaths.expired[sub] = self._next_serial()

    def revoke(self, sub: str, client: str) -> None:
        """Kills all tokens of an account for a client."""
        self._deaths.revoked[sub, client] = self._next_serial()

    def revoke_all(self) -> None:
        """Kills all tokens of everybody."""
        self._deaths.revoked_all = self._next_serial()

    def _next_serial(self) -> int:
        self._serial = max(self._serial + 1, self._clock.now_us())
        return self._serial

    def _sealed(self, claims: Claims) -> str:
        payload = msgspec.msgpack.encode(claims)
        return base64.urlsafe_b64encode(self._signature(payload) + payload).decode().rstrip("=")

    def _opened(self, token: str) -> Claims | None:
        kind, prefix = ("access", ACCESS_PREFIX)
        if token.startswith(REFRESH_PREFIX):
            kind, prefix = ("refresh", REFRESH_PREFIX)
        if not token.startswith(prefix):
            return None
        blob = token[len(prefix) :]
        try:
            sealed = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))
        except (binascii.Error, ValueError):
            return None
        signature, payload = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            return None
        claims = msgspec.msgpack.decode(payload, type=Claims)
        return claims if claims.kind == kind else None

    def _signature(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
