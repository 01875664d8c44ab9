"""`POST /{tenant}/oauth2/v2.0/token`.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import base64
import binascii
from collections import Counter
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from scp_sandbox.call import Call, Query, Reply
from scp_sandbox.microsoft.accounts import Account, tenant_known
from scp_sandbox.microsoft.identity import refusals, scopes
from scp_sandbox.microsoft.identity.documents import check_tenant, verified
from scp_sandbox.microsoft.identity.office import Office
from scp_sandbox.microsoft.identity.refusals import Refusal
from scp_sandbox.microsoft.identity.tokens import INACTIVE_DAYS, Claims


class Exchange:
    """Turns codes and refresh tokens into access tokens; every use rotates the refresh token."""

    def __init__(self, office: Office) -> None:
        self.counts: Counter[str] = Counter()
        self._office = office

    def token(self, call: Call, tenant: str) -> Reply:
        """The reply to one call."""
        try:
            return refusals.answer(self._token(call, tenant, call.form()))
        except Refusal as refusal:
            self.counts["tokens_refused"] += 1
            return refusal.reply(self._office.clock.now(), call.base)

    def _token(self, call: Call, tenant: str, form: Query) -> dict[str, Any]:
        if not tenant_known(tenant):
            raise refusals.unknown_tenant(tenant)
        grant_type = _needed(form, "grant_type")
        self._check_client(call, form)
        match grant_type:
            case "authorization_code":
                return self._by_code(call, tenant, form)
            case "refresh_token":
                return self._by_refresh(call, tenant, form)
            case other:
                words = f"The app requested an unsupported grant type '{other[:60]}'."
                raise Refusal(error="unsupported_grant_type", code=70003, words=words)

    def _check_client(self, call: Call, form: Query) -> None:
        client_id, secret = _credentials(call, form)
        if not client_id:
            raise refusals.missing("client_id")
        if client_id != self._office.client.id:
            raise refusals.unknown_client(client_id)
        if not secret:
            words = (
                "The request body must contain the following parameter: 'client_assertion' or"
                " 'client_secret'."
            )
            raise Refusal(error="invalid_client", code=7000218, words=words, status=401)
        if not self._office.client.knows(secret):
            raise refusals.bad_secret()
        if self._office.standing.secret_expired:
            raise refusals.expired_secret(client_id)

    def _by_code(self, call: Call, tenant: str, form: Query) -> dict[str, Any]:
        code = self._office.codes.redeem(_needed(form, "code"))
        request = code.request
        if _last(form, "redirect_uri") != request.redirect_uri:
            words = (
                "The reply address does not match the reply address provided when requesting"
                " Authorization code."
            )
            raise Refusal(error="invalid_client", code=500112, words=words, status=401)
        if not verified(request.challenge, request.challenge_method, _last(form, "code_verifier")):
            words = "The Code_Verifier does not match the code_challenge supplied."
            raise Refusal(error="invalid_grant", code=501481, words=words)
        check_tenant(code.account, tenant)
        self._office.standing.met(code.account, _last(form, "claims") or request.claims)
        self.counts["codes_exchanged"] += 1
        body = self._tokens(call, code.account, code.scopes, nonce=request.nonce)
        return body | _client_info(code.account, form)

    def _by_refresh(self, call: Call, tenant: str, form: Query) -> dict[str, Any]:
        claims = self._office.mint.read(_needed(form, "refresh_token"))
        account = self._office.by_oid(claims.oid) if claims else None
        if claims is None or claims.kind != "refresh" or account is None:
            raise refusals.malformed_grant()
        if claims.client != self._office.client.id:
            words = "The refresh token was issued to another application."
            raise Refusal(error="invalid_grant", code=700005, words=words)
        check_tenant(account, tenant)
        wanted = _wanted(claims, _last(form, "scope"))
        self._office.standing.check_refresh(account, claims, wanted)
        if not self._office.mint.fresh(claims):
            raise refusals.inactive(claims.issued, INACTIVE_DAYS)
        self._office.standing.met(account, _last(form, "claims"))
        self.counts["refreshes"] += 1
        body = self._tokens(call, account, wanted, nonce=None, grant=claims.scopes)
        return body | _client_info(account, form)

    def _tokens(
        self,
        call: Call,
        account: Account,
        granted: tuple[str, ...],
        *,
        nonce: str | None,
        grant: tuple[str, ...] | None = None,
    ) -> dict[str, Any]:
        client, personal, mint = self._office.client.id, account.personal, self._office.mint
        body: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": scopes.echoed(granted),
            "expires_in": mint.lifetime,
            "ext_expires_in": mint.lifetime,
            "access_token": mint.access(account.oid, client, granted, personal=personal),
        }
        self.counts["access_tokens"] += 1
        kept = grant or granted
        if scopes.OFFLINE in kept:
            refresh = mint.refresh(account.oid, client, kept, personal=personal)
            body["refresh_token"] = refresh
            self.counts["refresh_tokens"] += 1
        if scopes.OPENID in granted:
            body["id_token"] = self._office.documents.id_token(
                account, granted, base=call.base, audience=client, nonce=nonce
            )
        return body


def _client_info(account: Account, form: Query) -> dict[str, str]:
    """Who signed in, for those who ask: Microsoft's own library names its accounts by it."""
    if _last(form, "client_info") != "1":
        return {}
    told = msgspec.json.encode({"uid": account.oid, "utid": account.tid})
    return {"client_info": base64.urlsafe_b64encode(told).decode().rstrip("=")}


def _wanted(claims: Claims, text: str | None) -> tuple[str, ...]:
    """The scopes a refresh asks for; all of the grant when it names none, or `.default`."""
    asked = scopes.canonical(text or "")
    return claims.scopes if not asked or ".default" in asked else asked


def _needed(form: Query, name: str) -> str:
    found = _last(form, name)
    if not found:
        raise refusals.missing(name)
    return found


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
