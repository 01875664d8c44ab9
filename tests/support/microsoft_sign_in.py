"""The Microsoft identity platform, scripted, over real HTTP on loopback.

It keeps PKCE and one-time codes, and gives a new refresh token at each use: the older ones go on
working, or, with `strict`, die as soon as the newer one was given. What it should get wrong is set
on it by the test.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from scp_server.domain.secrets import Secret
from scp_server.ports.clock import Clock
from scp_server.providers.microsoft.oauth import MicrosoftEndpoints

CLIENT_ID = "b1d0a5fe-4f27-4d5c-9a83-7c1f6e2d9b40"
CLIENT_SECRET = "CANARY~client-secret"
WORK = "5f0c9a7e-2b41-4d3a-9c58-1e7d60b8a342"
OTHER_WORK = "7a1e0b52-93c4-4e6f-8d21-0f5b6c7d8e9f"
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
OID = "3b9d2c61-7e04-4f1c-8a35-60d1f9c2e7b4"


@dataclass(slots=True)
class _Code:
    challenge: str
    redirect_uri: str
    nonce: str
    scopes: str


@dataclass(slots=True)
class ScriptedMicrosoft:
    """The state of the server, and the test's wishes."""

    clock: Clock
    key: rsa.RSAPrivateKey
    url: str = ""
    tenant: str = "common"
    tid: str = WORK
    oid: str = OID
    email: str = "user@contoso.example"
    granted: str | None = None
    """The Graph scopes the user allows; None: all that were asked for."""
    prefixed: bool = False
    """Whether scopes are answered in their long form, in another case."""
    strict: bool = False
    """Whether an older refresh token dies when a newer one is given."""
    expires_in: int = 3599
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims to put over the right ones; a value of None leaves the claim out."""
    key_issuer: str | None = None
    """What the key set says of the key's issuer."""
    answers: list[web.Response] = field(default_factory=list)
    """What the token endpoint says before it goes back to being right, first to last."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    alive: dict[str, str] = field(default_factory=dict)
    """Refresh tokens that work, and their scopes."""
    _codes: dict[str, _Code] = field(default_factory=dict)

    def endpoints(self) -> MicrosoftEndpoints:
        """The settings that lead here."""
        return MicrosoftEndpoints(
            tenant=self.tenant,
            authorization_url=f"{self.url}/{{tenant}}/oauth2/v2.0/authorize",
            token_url=f"{self.url}/{{tenant}}/oauth2/v2.0/token",
            jwks_url=f"{self.url}/{{tenant}}/discovery/v2.0/keys",
            issuer=f"{self.url}/{{tenant}}/v2.0",
            graph_url=f"{self.url}/graph",
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
        )

    @property
    def issuer(self) -> str:
        """The issuer of the signed-in user's directory."""
        return f"{self.url}/{self.tid}/v2.0"

    def consent(self, authorization_url: str) -> tuple[str, str]:
        """The user agrees to what this address asks for: code and state of the answer."""
        query = parse_qs(urlsplit(authorization_url).query)
        asked = {name: values[0] for name, values in query.items()}
        code = "0.AXoA" + secrets.token_urlsafe(16)
        self._codes[code] = _Code(
            challenge=asked["code_challenge"],
            redirect_uri=asked["redirect_uri"],
            nonce=asked["nonce"],
            scopes=asked["scope"] if self.granted is None else self.granted,
        )
        return code, asked["state"]

    def forms(self, grant_type: str) -> list[dict[str, str]]:
        """What the token endpoint was asked with, for one kind of grant."""
        return [form for _, form in self.requests if form.get("grant_type") == grant_type]

    def issue(self, scopes: str) -> tuple[str, str]:
        """An access and a refresh token out of nothing, as another app of the operator has."""
        refresh = self._new_refresh(scopes)
        return self._new_access(), refresh

    def id_token(self, *, nonce: str | None) -> str:
        """A signed ID token, with the wished-for faults."""
        now = int(self.clock.now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "pairwise-subject",
            "oid": self.oid,
            "tid": self.tid,
            "preferred_username": self.email,
            "nonce": nonce,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "key-1"})

    async def token(self, request: web.Request) -> web.Response:
        form = await self._noted(request)
        if self.answers:
            return self.answers.pop(0)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return refusal("invalid_client", 7000215, status=401)
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form)
        return self._redeemed(form)

    async def keys(self, request: web.Request) -> web.Response:
        await self._noted(request)
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        said = {} if self.key_issuer is None else {"issuer": self.key_issuer}
        return web.json_response({"keys": [{**public, "kid": "key-1", "use": "sig", **said}]})

    def _redeemed(self, form: dict[str, str]) -> web.Response:
        code = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        )
        if code is None:
            return refusal("invalid_grant", 54005)
        if code.challenge != challenge:
            return refusal("invalid_grant", 501481)
        return self._tokens(code.scopes, nonce=code.nonce)

    def _refreshed(self, form: dict[str, str]) -> web.Response:
        old = form.get("refresh_token", "")
        if old not in self.alive:
            return refusal("invalid_grant", 70000)
        scopes = form.get("scope", self.alive[old])
        if self.strict:
            del self.alive[old]
        return self._tokens(scopes, nonce=None)

    def _tokens(self, scopes: str, *, nonce: str | None) -> web.Response:
        names = scopes.split()
        answer = {
            "token_type": "Bearer",
            "scope": " ".join(self._echoed(names)),
            "expires_in": self.expires_in,
            "ext_expires_in": self.expires_in,
            "access_token": self._new_access(),
        }
        if "offline_access" in names:
            answer["refresh_token"] = self._new_refresh(scopes)
        if "openid" in names:
            answer["id_token"] = self.id_token(nonce=nonce)
        return web.json_response(answer)

    def _echoed(self, names: list[str]) -> list[str]:
        shown = [name for name in names if name not in {"offline_access", "openid"}]
        if not self.prefixed:
            return shown
        return [f"https://graph.microsoft.com/{name.lower()}" for name in shown]

    def _new_refresh(self, scopes: str) -> str:
        refresh = "0.AXCANARY" + secrets.token_urlsafe(16)
        self.alive[refresh] = scopes
        return refresh

    def _new_access(self) -> str:
        return "EwBCANARY" + secrets.token_urlsafe(16)

    async def _noted(self, request: web.Request) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append((request.path, form))
        return form


def refusal(error: str, code: int, *, status: int = 400, **more: object) -> web.Response:
    """As the token endpoint refuses."""
    said = {
        "error": error,
        "error_description": f"AADSTS{code}: CANARY words. Trace ID: CANARY",
        "error_codes": [code],
        "timestamp": "2026-11-23 12:00:00Z",
        "trace_id": "CANARY",
        "correlation_id": "CANARY",
        **more,
    }
    return web.Response(text=json.dumps(said), status=status, content_type="application/json")


@asynccontextmanager
async def scripted_microsoft(
    clock: Clock, key: rsa.RSAPrivateKey
) -> AsyncIterator[ScriptedMicrosoft]:
    """Serve on a free loopback port."""
    microsoft = ScriptedMicrosoft(clock=clock, key=key)
    app = web.Application()
    app.router.add_post("/{tenant}/oauth2/v2.0/token", microsoft.token)
    app.router.add_get("/{tenant}/discovery/v2.0/keys", microsoft.keys)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        microsoft.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield microsoft
    finally:
        await runner.cleanup()
