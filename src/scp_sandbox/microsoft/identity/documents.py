"""Who the user is: ID tokens, userinfo, keys and the metadata document."""

import base64
import hashlib
import secrets
from typing import Any

import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.endpoints import issuer
from scp_sandbox.microsoft.identity import scopes
from scp_sandbox.microsoft.identity.refusals import Refusal
from scp_sandbox.oauth.signing import ALGORITHM, Signer

ID_TOKEN_SECONDS = 3600
JSON = "application/json; charset=utf-8"


class Documents:
    """Makes ID tokens, and answers what proves and describes them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._signer = Signer()

    def id_token(
        self,
        account: Account,
        granted: tuple[str, ...],
        *,
        base: str,
        audience: str,
        nonce: str | None,
    ) -> str:
        """An ID token of version 2.0; its issuer names the account's own tenant."""
        now = int(self._clock.now())
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": issuer(base, account.tid),
            "iat": now,
            "nbf": now,
            "exp": now + ID_TOKEN_SECONDS,
            "aio": secrets.token_urlsafe(24),
            "oid": account.oid,
            "sub": account.user.sub,
            "tid": account.tid,
            "uti": secrets.token_urlsafe(16),
            "ver": "2.0",
        }
        if scopes.PROFILE in granted:
            claims |= {"name": account.name, "preferred_username": account.email}
        if scopes.EMAIL in granted:
            claims["email"] = account.email
        if nonce is not None:
            claims["nonce"] = nonce
        return self._signer.sign(claims)

    def keys(self, _: Call, __: str) -> Reply:
        """`GET /{tenant}/discovery/v2.0/keys`."""
        headers = (("cache-control", "max-age=86400, private"),)
        body = msgspec.json.encode(self._signer.key_set())
        return Reply(body=body, content_type=JSON, headers=headers)

    def metadata(self, call: Call, tenant: str) -> Reply:
        """`GET /{tenant}/v2.0/.well-known/openid-configuration`. Nothing revokes tokens here."""
        base, place = call.base, f"{call.base}/{tenant}"
        document = {
            "token_endpoint": f"{place}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "jwks_uri": f"{place}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer(base, tenant),
            "request_uri_parameter_supported": False,
            "userinfo_endpoint": f"{base}/oidc/userinfo",
            "authorization_endpoint": f"{place}/oauth2/v2.0/authorize",
            "http_logout_supported": True,
            "end_session_endpoint": f"{place}/oauth2/v2.0/logout",
            "claims_supported": [
                "sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid",
                "ver", "email",
            ],
            "tenant_region_scope": None,
            "cloud_instance_name": "sandbox.example",
            "msgraph_host": base.partition("://")[2],
        }  # fmt: skip
        return Reply(body=msgspec.json.encode(document), content_type=JSON)


def userinfo(account: Account, granted: tuple[str, ...]) -> dict[str, Any]:
    """What `GET /oidc/userinfo` says of an account."""
    given, _, family = account.name.partition(" ")
    shown: dict[str, Any] = {"sub": account.user.sub}
    if scopes.PROFILE in granted:
        shown |= {"name": account.name, "given_name": given, "family_name": family}
    if scopes.EMAIL in granted:
        shown["email"] = account.email
    return shown


def verified(challenge: str | None, method: str, verifier: str | None) -> bool:
    """PKCE (RFC 7636): whether a verifier is the one of a challenge; true where there is none."""
    if challenge is None:
        return True
    if method == "S256":
        digest = hashlib.sha256((verifier or "").encode()).digest()
        return secrets.compare_digest(_base64url(digest).encode(), challenge.encode())
    return secrets.compare_digest((verifier or "").encode(), challenge.encode())


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def check_tenant(account: Account, tenant: str) -> None:
    """Whether an account's grant may be redeemed at a tenant's address.

    Raises:
        Refusal: 50020 for the user of another tenant.
    """
    if account.lives_in(tenant):
        return
    words = "The user account from the identity provider does not exist in the tenant."
    raise Refusal(error="invalid_grant", code=50020, words=words)
