"""IdTokens: who a consent is from, proven by the provider's signature.

OpenID Connect Core 3.1.3.7, with one algorithm and one key set.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import jwt
import msgspec

from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.sessions import Account
from scp_server.ports.clock import Clock
from scp_server.providers.oauth_transport import OAuthTransport

ALGORITHM: Final = "RS256"
LEEWAY: Final = 60.0
"""Seconds the provider's clock and ours may differ."""
KEYS_GOOD_FOR: Final = 3600.0
"""A withdrawn key is trusted at most this long. Google's key set changes about weekly."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token with a good signature, audience and time says of its user."""

    iss: str
    sub: str
    exp: float
    iat: float
    nonce: str | None = None
    azp: str | None = None
    email: str | None = None
    preferred_username: str | None = None
    tid: str | None = None
    """Microsoft: the directory the user signed in to."""
    oid: str | None = None
    """Microsoft: the user in that directory, the same for every app."""


Whose = Callable[[Claims, str | None], Account]
"""The account of claims, whose key is for the issuer given beside (None: it does not say).

It compares the issuer, and raises what `not_valid` makes.
"""


@dataclass(frozen=True, slots=True)
class _Key:
    public: jwt.PyJWK
    issuer: str | None


class _KeySet(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[dict[str, Any]]


class IdTokens:
    """Validates ID tokens against the key set at the configured address, and at no other."""

    def __init__(
        self,
        transport: OAuthTransport,
        clock: Clock,
        *,
        whose: Whose,
        client_id: str,
        jwks_url: str,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._whose = whose
        self._client_id = client_id
        self._jwks_url = jwks_url
        self._keys: dict[str, _Key] = {}
        self._keys_until = float("-inf")

    async def account(self, id_token: str, *, nonce: str | None) -> Account:
        """Whose token this is. `nonce` None: it came with a refresh, where there is none to expect
        (OpenID Connect Core 12.2).

        Raises: ProviderProtocolError when anything about it is not as it must be,
        ProviderUnavailable when the keys cannot be had.
        """
        key = await self._key(_key_id(id_token))
        try:
            claims = msgspec.convert(self._decoded(id_token, key.public), Claims)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            # Without its cause, which may carry the token, and with it the user's address.
            raise not_valid(type(error).__name__) from None
        self._check(claims, nonce)
        return self._whose(claims, key.issuer)

    def _decoded(self, id_token: str, key: jwt.PyJWK) -> dict[str, Any]:
        # Times are checked by `_check`, against the clock handed in, the issuer by `whose`.
        return jwt.decode(
            id_token,
            key,
            algorithms=[ALGORITHM],
            audience=self._client_id,
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )

    def _check(self, claims: Claims, nonce: str | None) -> None:
        now = self._clock.now()
        if not claims.sub:
            raise not_valid("sub")
        if nonce is not None and not _same(claims.nonce or "", nonce):
            raise not_valid("nonce")
        if claims.azp not in (None, self._client_id):
            raise not_valid("azp")
        if not claims.exp > now - LEEWAY:
            raise not_valid("exp: it has expired, or this machine's clock is wrong")
        if not claims.iat < now + LEEWAY:
            raise not_valid("iat: it is from the future, or this machine's clock is wrong")

    async def _key(self, kid: str) -> _Key:
        fetched = self._clock.monotonic() >= self._keys_until
        if fetched:
            await self._fetch()
        if kid not in self._keys and not fetched:
            await self._fetch()  # the provider may have turned its keys since
        if kid not in self._keys:
            raise not_valid("kid: no such key in the provider's key set")
        return self._keys[kid]

    async def _fetch(self) -> None:
        answer = await self._transport.get(self._jwks_url)
        if answer.status != 200:
            raise not_valid(f"key set: HTTP {answer.status}")
        try:
            keys = msgspec.json.decode(answer.body, type=_KeySet).keys
            usable = {
                key["kid"]: _Key(jwt.PyJWK(key, ALGORITHM), _issuer(key))
                for key in keys
                if _signs(key)
            }
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise not_valid("key set: it cannot be read") from error
        self._keys = usable
        self._keys_until = self._clock.monotonic() + KEYS_GOOD_FOR


def _key_id(id_token: str) -> str:
    """The key's name from the header. Other header fields (jku, x5u, jwk) are never followed."""
    try:
        header = jwt.get_unverified_header(id_token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise not_valid("header") from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str):
        raise not_valid(f"alg: only {ALGORITHM} with a kid is accepted")
    return kid


def _signs(key: dict[str, Any]) -> bool:
    return (
        key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", ALGORITHM) == ALGORITHM
        and isinstance(key.get("kid"), str)
    )


def _issuer(key: dict[str, Any]) -> str | None:
    issuer = key.get("issuer")
    return issuer if isinstance(issuer, str) else None


def _same(said: str, expected: str) -> bool:
    return hmac.compare_digest(said.encode(), expected.encode())


def not_valid(why: str) -> ProviderProtocolError:
    """The error for an ID token; `why` holds nothing of it."""
    return ProviderProtocolError(
        f"The provider's ID token is not valid ({why}), so nothing was changed. Start the consent"
        " again; if it happens again, check the configured issuer, client id and key address."
    )
