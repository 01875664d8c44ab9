"""Who the user is: ID tokens, userinfo, tokeninfo, keys and the discovery document."""

from typing import Any

import msgspec

from scp_sandbox.call import Call, Reply, bearer
from scp_sandbox.clock import Clock
from scp_sandbox.oauth import scopes
from scp_sandbox.oauth.grants import Code
from scp_sandbox.oauth.signing import ALGORITHM, Signer, half_hash
from scp_sandbox.oauth.tokens import Claims, TokenMint
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

ID_TOKEN_SECONDS = 3600


class Identity:
    """Answers everything that OpenID Connect adds."""

    def __init__(self, *, world: World, mint: TokenMint) -> None:
        self._world = world
        self._clock: Clock = world.clock
        self._mint = mint
        self._signer = Signer()

    def id_token(self, code: Code, access_token: str, *, issuer: str) -> str:
        """The ID token that comes with a code's access token."""
        now = int(self._clock.now())
        claims: dict[str, Any] = {
            "iss": issuer,
            "azp": code.request.client_id,
            "aud": code.request.client_id,
            "sub": code.sub,
            "at_hash": half_hash(access_token),
            "iat": now,
            "exp": now + ID_TOKEN_SECONDS,
        }
        user = self._world.user_by_sub(code.sub)
        if user:
            claims |= _profile(user, code.scopes)
        if code.request.nonce is not None:
            claims["nonce"] = code.request.nonce
        return self._signer.sign(claims)

    def certs(self, _: Call) -> Reply:
        """`GET /oauth2/v3/certs`."""
        headers = (("cache-control", "public, max-age=21600, must-revalidate"),)
        return Reply(body=msgspec.json.encode(self._signer.key_set()), headers=headers)

    def userinfo(self, call: Call) -> Reply:
        """`GET /v1/userinfo`."""
        claims = self._alive(bearer(call))
        user = self._world.user_by_sub(claims.sub) if claims else None
        if claims is None or user is None or not set(scopes.IDENTITY) & set(claims.scopes):
            body = {"error": "invalid_request", "error_description": "Invalid Credentials"}
            return Reply(status=401, body=msgspec.json.encode(body))
        shown = {"sub": user.sub, **_profile(user, claims.scopes)}
        return Reply(body=msgspec.json.encode(shown))

    def tokeninfo(self, call: Call) -> Reply:
        """`GET /tokeninfo?access_token=`."""
        claims = self._alive(call.one("access_token"))
        user = self._world.user_by_sub(claims.sub) if claims else None
        if claims is None or user is None:
            body = {"error": "invalid_token", "error_description": "Invalid Value"}
            return Reply(status=400, body=msgspec.json.encode(body))
        shown: dict[str, Any] = {
            "azp": claims.client,
            "aud": claims.client,
            "sub": claims.sub,
            "scope": " ".join(claims.scopes),
            "exp": str(claims.expires),
            "expires_in": str(max(0, claims.expires - int(self._clock.now()))),
            "access_type": "offline" if claims.offline else "online",
        }
        if scopes.EMAIL in claims.scopes:
            shown |= {"email": user.email, "email_verified": "true"}
        return Reply(body=msgspec.json.encode(shown))

    def discovery(self, call: Call) -> Reply:
        """`GET /.well-known/openid-configuration`."""
        base = call.base
        document = {
            "issuer": base,
            "authorization_endpoint": f"{base}/o/oauth2/v2/auth",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/v1/userinfo",
            "revocation_endpoint": f"{base}/revoke",
            "jwks_uri": f"{base}/oauth2/v3/certs",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": [
                "aud", "email", "email_verified", "exp", "iat", "iss", "name", "nonce", "sub",
            ],
            "code_challenge_methods_supported": ["plain", "S256"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
        }  # fmt: skip
        return Reply(body=msgspec.json.encode(document))

    def _alive(self, token: str | None) -> Claims | None:
        claims = self._mint.read(token or "")
        if claims is None or claims.kind != "access" or not self._mint.alive(claims):
            return None
        return claims


def _profile(user: User, granted: tuple[str, ...]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if scopes.EMAIL in granted:
        shown |= {"email": user.email, "email_verified": True}
    if scopes.PROFILE in granted:
        given, _, family = user.person.name.partition(" ")
        shown |= {"name": user.person.name, "given_name": given, "family_name": family}
    return shown
