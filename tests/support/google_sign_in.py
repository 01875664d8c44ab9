"""Google's OAuth server, scripted, over real HTTP on loopback.

It keeps PKCE, one-time codes and refresh tokens as Google does; what it should get wrong is set on
it by the test.
"""

import base64
import hashlib
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
from scp_server.providers.google.oauth import GoogleEndpoints

CLIENT_ID = "client.apps.example"
CLIENT_SECRET = "CANARY-client-secret"


@dataclass(slots=True)
class _Code:
    challenge: str
    redirect_uri: str
    nonce: str
    scopes: str
    subject: str
    email: str


@dataclass(slots=True)
class ScriptedGoogle:
    """The state of the server, and the test's wishes."""

    clock: Clock
    key: rsa.RSAPrivateKey
    url: str = ""
    kid: str = "key-1"
    subject: str = "sub-1"
    email: str = "user@mail.example"
    granted: str | None = None
    """The scopes the user ticks; None: all that were asked for."""
    gives_refresh_token: bool = True
    expires_in: int = 3599
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims to put over the right ones; a value of None leaves the claim out."""
    forged_id_token: str | None = None
    key_set: bytes | None = None
    """What the key address says instead of the right keys."""
    answers: list[web.Response] = field(default_factory=list)
    """What the token endpoint says before it goes back to being right, first to last."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    alive: dict[str, str] = field(default_factory=dict)
    """Refresh tokens that work, and their scopes."""
    _codes: dict[str, _Code] = field(default_factory=dict)
    _access: dict[str, tuple[str, str]] = field(default_factory=dict)

    def endpoints(self) -> GoogleEndpoints:
        """The settings that lead here."""
        return GoogleEndpoints(
            authorization_url=f"{self.url}/auth",
            token_url=f"{self.url}/token",
            revocation_url=f"{self.url}/revoke",
            userinfo_url=f"{self.url}/userinfo",
            jwks_url=f"{self.url}/certs",
            issuer=self.url,
            gmail_url=f"{self.url}/g",
            calendar_url=f"{self.url}/c",
            people_url=f"{self.url}/p",
            drive_url=f"{self.url}/d",
            client_id=CLIENT_ID,
            client_secret=Secret(CLIENT_SECRET),
        )

    def consent(self, authorization_url: str) -> tuple[str, str]:
        """The user agrees to what this address asks for: code and state of the answer."""
        asked = {
            name: values[0] for name, values in parse_qs(urlsplit(authorization_url).query).items()
        }
        code = "4/0A" + secrets.token_urlsafe(16)
        self._codes[code] = _Code(
            challenge=asked["code_challenge"],
            redirect_uri=asked["redirect_uri"],
            nonce=asked["nonce"],
            scopes=asked["scope"] if self.granted is None else self.granted,
            subject=self.subject,
            email=self.email,
        )
        return code, asked["state"]

    def calls(self, path: str) -> int:
        """How often an address was asked."""
        return sum(1 for asked, _ in self.requests if asked == path)

    def id_token(self, *, nonce: str, subject: str | None = None, email: str | None = None) -> str:
        """A signed ID token, with the wished-for faults."""
        now = int(self.clock.now())
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": subject or self.subject,
            "email": email or self.email,
            "nonce": nonce,
            "iat": now,
            "exp": now + 3600,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid})

    async def token(self, request: web.Request) -> web.Response:
        form = await self._noted(request)
        if self.answers:
            return self.answers.pop(0)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refuse(401, "invalid_client")
        if form.get("grant_type") == "refresh_token":
            return self._refreshed(form)
        return self._redeemed(form)

    async def certs(self, request: web.Request) -> web.Response:
        await self._noted(request)
        if self.key_set is not None:
            return web.Response(body=self.key_set, content_type="application/json")
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return web.json_response(
            {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}
        )

    async def userinfo(self, request: web.Request) -> web.Response:
        await self._noted(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in self._access:
            return web.json_response({"error": {"code": 401}}, status=401)
        subject, email = self._access[bearer]
        return web.json_response({"sub": subject, "email": email})

    async def revoke(self, request: web.Request) -> web.Response:
        form = await self._noted(request)
        token = form.get("token", "")
        if token not in self.alive and token not in self._access:
            return _refuse(400, "invalid_token")
        self.alive.clear()
        return web.json_response({})

    def issue(self) -> tuple[str, str]:
        """An access and a refresh token out of nothing, as another app of the operator has."""
        access, refresh = self._new_access(), "1//0e" + secrets.token_urlsafe(16)
        self._access[access] = (self.subject, self.email)
        self.alive[refresh] = "openid email"
        return access, refresh

    def _redeemed(self, form: dict[str, str]) -> web.Response:
        code = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
        )
        if code is None or code.challenge != challenge:
            return _refuse(400, "invalid_grant")
        if code.redirect_uri != form.get("redirect_uri"):
            return _refuse(400, "redirect_uri_mismatch")
        id_token = self.forged_id_token or self.id_token(
            nonce=code.nonce, subject=code.subject, email=code.email
        )
        answer = {**self._new_token(code.scopes), "id_token": id_token}
        self._access[answer["access_token"]] = (code.subject, code.email)
        if self.gives_refresh_token:
            answer["refresh_token"] = "1//0e" + secrets.token_urlsafe(16)
            self.alive[answer["refresh_token"]] = code.scopes
        return web.json_response(answer)

    def _refreshed(self, form: dict[str, str]) -> web.Response:
        scopes = self.alive.get(form.get("refresh_token", ""))
        if scopes is None:
            return _refuse(400, "invalid_grant")
        answer = self._new_token(scopes)
        self._access[answer["access_token"]] = (self.subject, self.email)
        return web.json_response(answer)

    def _new_token(self, scope: str) -> dict[str, Any]:
        return {
            "access_token": self._new_access(),
            "expires_in": self.expires_in,
            "scope": scope,
            "token_type": "Bearer",
        }

    def _new_access(self) -> str:
        return "ya29.CANARY" + secrets.token_urlsafe(16)

    async def _noted(self, request: web.Request) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append((request.path, form))
        return form


def _refuse(status: int, error: str) -> web.Response:
    return web.json_response({"error": error, "error_description": "Bad Request"}, status=status)


@asynccontextmanager
async def scripted_google(clock: Clock, key: rsa.RSAPrivateKey) -> AsyncIterator[ScriptedGoogle]:
    """Serve on a free loopback port."""
    google = ScriptedGoogle(clock=clock, key=key)
    app = web.Application()
    app.router.add_post("/token", google.token)
    app.router.add_get("/certs", google.certs)
    app.router.add_get("/userinfo", google.userinfo)
    app.router.add_post("/revoke", google.revoke)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        google.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield google
    finally:
        await runner.cleanup()
