"""Access and refresh tokens of the identity platform: signed strings, opaque to clients.

They look like Microsoft's (`eyJ0…` at work, `EwB…` for personal accounts, `0.AX…` or `M.C5…` to
refresh) and hold account, client, scopes and a serial number that follows the clock. Nothing is
stored for a live token; what has died is kept as "all up to this serial number".
"""

import base64
import binascii
import hashlib
import hmac

import msgspec

from scp_sandbox.clock import Clock

_ACCESS = ("eyJ0eXAi.", "EwBoA8l6BAAU")
_REFRESH = ("0.AXoA", "M.C519_BAY.0.U.-")
_SIGNATURE_BYTES = 16
_CACHE_LIMIT = 2048
INACTIVE_DAYS = 90


class Claims(msgspec.Struct, frozen=True, array_like=True):
    """What a token says. `serial` is microseconds of its issue, `expires` seconds."""

    kind: str
    oid: str
    client: str
    scopes: tuple[str, ...]
    serial: int
    expires: int

    @property
    def issued(self) -> float:
        """Seconds since the epoch."""
        return self.serial / 1_000_000


class TokenMint:
    """Makes tokens and reads them."""

    def __init__(self, *, key: bytes, clock: Clock, lifetime: int) -> None:
        self.lifetime = lifetime
        self._key = hashlib.sha256(b"microsoft/" + key).digest()
        self._clock = clock
        self._serial = 0
        self._read: dict[str, Claims] = {}
        self._early: dict[str, int] = {}
        self._early_all = 0

    def access(self, oid: str, client: str, scopes: tuple[str, ...], *, personal: bool) -> str:
        """A new access token."""
        expires = int(self._clock.now()) + self.lifetime
        claims = Claims("access", oid, client, scopes, self.serial(), expires)
        return _ACCESS[personal] + self._sealed(claims)

    def refresh(self, oid: str, client: str, scopes: tuple[str, ...], *, personal: bool) -> str:
        """A new refresh token; those given out before go on working."""
        expires = int(self._clock.now()) + INACTIVE_DAYS * 86_400
        claims = Claims("refresh", oid, client, scopes, self.serial(), expires)
        return _REFRESH[personal] + self._sealed(claims)

    def read(self, token: str) -> Claims | None:
        """What a token says, dead or alive; None when it was not made here."""
        found = self._read.get(token)
        if found is None and (found := self._opened(token)) is not None:
            if len(self._read) >= _CACHE_LIMIT:
                self._read.clear()
            self._read[token] = found
        return found

    def fresh(self, claims: Claims) -> bool:
        """Whether a token is not past its time."""
        early = max(self._early_all, self._early.get(claims.oid, 0))
        expired = claims.kind == "access" and claims.serial <= early
        return not expired and self._clock.now() < claims.expires

    def expire_access(self, oid: str | None = None) -> None:
        """Lets all access tokens given out so far expire, of everybody or of one account."""
        if oid is None:
            self._early_all = self.serial()
        else:
            self._early[oid] = self.serial()

    def serial(self) -> int:
        """The next serial number: now, in microseconds, and never the same twice."""
        self._serial = max(self._serial + 1, self._clock.now_us())
        return self._serial

    def _sealed(self, claims: Claims) -> str:
        payload = msgspec.msgpack.encode(claims)
        return base64.urlsafe_b64encode(self._signature(payload) + payload).decode().rstrip("=")

    def _opened(self, token: str) -> Claims | None:
        for kind, prefixes in (("access", _ACCESS), ("refresh", _REFRESH)):
            for prefix in prefixes:
                if token.startswith(prefix):
                    claims = self._unsealed(token[len(prefix) :])
                    return claims if claims and claims.kind == kind else None
        return None

    def _unsealed(self, blob: str) -> Claims | None:
        try:
            sealed = base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))
        except (binascii.Error, ValueError):
            return None
        signature, payload = sealed[:_SIGNATURE_BYTES], sealed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            return None
        return msgspec.msgpack.decode(payload, type=Claims)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
