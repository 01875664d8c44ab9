"""`POST /token` and `POST /revoke` (RFC 6749 5.2 and RFC 7009 in Google's words)."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from scp_sandbox.call import Call, Query, Reply
from scp_sandbox.oauth import scopes
from scp_sandbox.oauth.clients import Client
from scp_sandbox.oauth.grants import AuthRequest, Code, Grants
from scp_sandbox.oauth.identity import Identity
from scp_sandbox.oauth.tokens import Claims, TokenMint
from scp_sandbox.quota import Ledger

_NO_STORE = (("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),)


@dataclass(slots=True)
class OAuthError(Exception):
    """A refusal of an OAuth endpoint."""

    status: int
    error: str
    words: str | None = None

    def reply(self) -> Reply:
        """The refusal as JSON."""
        body = {"error": self.error}
        if self.words is not None:
            body["error_description"] = self.words
        return answer(body, self.status)


def answer(body: dict[str, Any], status: int = 200) -> Reply:
    """JSON that must not be cached."""
    return Reply(status=status, body=msgspec.json.encode(body), headers=_NO_STORE)


class Exchange:
    """Turns codes and refresh tokens into access tokens, and takes grants back."""

    def __init__(
        self,
        *,
        client: Client,
        mint: TokenMint,
        grants: Grants,
        identity: Identity,
        ledger: Ledger,
    ) -> None:
        self._client = client
        self._mint = mint
        self._grants = grants
        self._identity = identity
        self._counts = ledger.counts

    def token(self, call: Call) -> Reply:
        """`POST /token`."""
        try:
            return self._token(call, call.form())
        except OAuthError as error:
            self._counts["tokens_refused"] += 1
            return error.reply()

    def revoke(self, call: Call) -> Reply:
        """`POST /revoke`: kills everything the account allowed this client."""
        text = _last(call.form(), "token") or call.one("token") or ""
        claims = self._mint.read(text)
        if claims is None or not self._mint.alive(claims):
            return answer(
                {"error": "invalid_token", "error_description": "Token expired or revoked"}, 400
            )
        self._mint.revoke(claims.sub, claims.client)
        self._grants.forget(claims.sub, claims.client)
        self._counts["revocations"] += 1
        return answer({})

    def _token(self, call: Call, form: Query) -> Reply:
        self._check_client(call, form)
        match _last(form, "grant_type"):
            case None:
                raise _missing("grant_type")
            case "authorization_code":
                return self._by_code(call, form)
            case "refresh_token":
                return self._by_refresh(form)
            case other:
                raise OAuthError(400, "unsupported_grant_type", f"Invalid grant_type: {other}")

    def _check_client(self, call: Call, form: Query) -> None:
        client_id, secret = _credentials(call, form)
        if client_id is None:
            raise OAuthError(400, "invalid_request", "Could not determine client ID from request.")
        if client_id != self._client.id:
            raise OAuthError(401, "invalid_client", "The OAuth client was not found.")
        if secret is None:
            raise OAuthError(400, "invalid_request", "client_secret is missing.")
        if not self._client.knows(secret):
            raise OAuthError(401, "invalid_client", "Unauthorized")

    def _by_code(self, call: Call, form: Query) -> Reply:
        text = _last(form, "code")
        if not text:
            raise _missing("code")
        code = self._grants.redeem(text)
        if code is None or code.request.client_id != self._client.id:
            raise OAuthError(400, "invalid_grant", "Bad Request")
        if _last(form, "redirect_uri") != code.request.redirect_uri:
            raise OAuthError(400, "redirect_uri_mismatch", "Bad Request")
        _check_verifier(code.request, _last(form, "code_verifier"))
        self._counts["codes_exchanged"] += 1
        return answer(self._tokens(call, code))

    def _tokens(self, call: Call, code: Code) -> dict[str, Any]:
        client, sub = self._client.id, code.sub
        access = self._mint.access(sub, client, code.scopes, offline=code.request.offline)
        self._counts["access_tokens"] += 1
        body: dict[str, Any] = {"access_token": access, "expires_in": self._mint.lifetime}
        if code.refresh:
            body["refresh_token"] = self._mint.refresh(sub, client, code.scopes)
            self._counts["refresh_tokens"] += 1
        body |= {"scope": " ".join(code.scopes), "token_type": "Bearer"}
        if scopes.OPENID in code.scopes:
            body["id_token"] = self._identity.id_token(code, access, issuer=call.base)
        return body

    def _by_refresh(self, form: Query) -> Reply:
        text = _last(form, "refresh_token")
        if not text:
            raise _missing("refresh_token")
        claims = self._mint.read(text)
        if claims is None or claims.kind != "refresh":
            raise OAuthError(400, "invalid_grant", "Bad Request")
        if claims.client != self._client.id:
            raise OAuthError(401, "unauthorized_client", "Unauthorized")
        if not self._mint.alive(claims):
            raise OAuthError(400, "invalid_grant", "Token has been expired or revoked.")
        granted = self._narrowed(claims, _last(form, "scope"))
        access = self._mint.access(claims.sub, claims.client, granted, offline=True)
        self._counts["refreshes"] += 1
        self._counts["access_tokens"] += 1
        # No refresh token and no rotation: the client keeps the one it has.
        return answer(
            {
                "access_token": access,
                "expires_in": self._mint.lifetime,
                "scope": " ".join(granted),
                "token_type": "Bearer",
            }
        )

    def _narrowed(self, claims: Claims, wanted: str | None) -> tuple[str, ...]:
        if not wanted:
            return claims.scopes
        asked = scopes.canonical(wanted)
        if not set(asked) <= set(claims.scopes):
            raise OAuthError(400, "invalid_scope", "Bad Request")
        return asked


def _missing(name: str) -> OAuthError:
    return OAuthError(400, "invalid_request", f"Missing required parameter: {name}")


def _last(form: Query, name: str) -> str | None:
    values = form.get(name)
    return values[-1] if values else None


def _credentials(call: Call, form: Query) -> tuple[str | None, str | None]:
    """`client_secret_basic` or `client_secret_post` (RFC 6749 section 2.3.1)."""
    scheme, _, blob = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return _last(form, "client_id"), _last(form, "client_secret")
    try:
        name, _, secret = base64.b64decode(blob, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None, None
    return unquote_plus(name), unquote_plus(secret)


def _check_verifier(request: AuthRequest, verifier: str | None) -> None:
    """PKCE (RFC 7636); Google asks for it only where the request had a challenge."""
    if request.challenge is None:
        return
    if not verifier:
        raise OAuthError(400, "invalid_grant", "Missing code verifier.")
    made = verifier
    if request.challenge_method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        made = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if not hmac.compare_digest(made.encode(), request.challenge.encode()):
        raise OAuthError(400, "invalid_grant", "Invalid code verifier.")
