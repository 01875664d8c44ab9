"""The consent page: `GET` and `POST /o/oauth2/v2/auth`. Plain HTML, no JavaScript."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import jinja2
import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.oauth import scopes
from scp_sandbox.oauth.clients import Client
from scp_sandbox.oauth.grants import AuthRequest, Grants
from scp_sandbox.world.people import User

HTML = "text/html; charset=utf-8"
# `form-action` has to name where the answer redirects to: any port of loopback.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self' http://localhost:* http://127.0.0.1:* http://[::1]:*"
)
_HEADERS = (
    ("content-security-policy", _POLICY),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
)


class Refusal(Exception):
    """A request that must not be redirected anywhere: shown to the user as an error page."""

    def __init__(self, status: int, error: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.error = error
        self.words = words


class ConsentPage:
    """Asks a sandbox user for consent, and sends the browser back with a code or an error.

    Form fields: `ticket` (hidden: the request, signed), `user` (an address), `scope` (repeated:
    what is allowed, besides identity scopes), `decision` (`allow` or `deny`).
    """

    def __init__(
        self, *, client: Client, users: Sequence[User], grants: Grants, key: bytes
    ) -> None:
        self._client = client
        self._users = {user.email: user for user in users}
        self._grants = grants
        self._key = key
        self._pages = jinja2.Environment(
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            loader=jinja2.FileSystemLoader(Path(__file__).parent),
        )

    def show(self, call: Call) -> Reply:
        """The page, or with `prompt=none` the answer at once."""
        try:
            request = self._request(call)
        except Refusal as refusal:
            return self._refused(refusal)
        if call.one("response_type") != "code":
            return _back(request, error="unsupported_response_type")
        if "none" in request.prompt:
            return self._silently(request)
        return self._page(request)

    def decide(self, call: Call) -> Reply:
        """What the user's answer leads to."""
        form = call.form()
        request = self._opened((form.get("ticket") or [""])[-1])
        if request is None:
            refusal = Refusal(400, "invalid_request", "The form is not one of this sandbox.")
            return self._refused(refusal)
        user = self._users.get((form.get("user") or [""])[-1])
        allowed = _allowed(request, form.get("scope", []))
        if form.get("decision") != ["allow"] or not allowed:
            return _back(request, error="access_denied")
        if user is None:
            return self._refused(Refusal(400, "invalid_request", "Choose an account."))
        return self._allow(request, user, allowed)

    def _allow(self, request: AuthRequest, user: User, allowed: tuple[str, ...]) -> Reply:
        code = self._grants.approve(user.sub, request, allowed)
        hosted = {"authuser": "0", "prompt": "consent"}
        return _back(request, code=code, scope=" ".join(allowed), **hosted)

    def _silently(self, request: AuthRequest) -> Reply:
        user = self._users.get(request.login_hint or "")
        if user is None:
            return _back(request, error="login_required")
        if not self._grants.covers(user.sub, request):
            return _back(request, error="interaction_required")
        return self._allow(request, user, request.scopes)

    def _page(self, request: AuthRequest) -> Reply:
        described = [(scope, scopes.DESCRIPTIONS[scope]) for scope in request.scopes]
        page = self._pages.get_template("consent.html").render(
            action="/o/oauth2/v2/auth",
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            ticket=self._sealed(request),
            users=list(self._users.values()),
            chosen=request.login_hint,
            identity=[row for row in described if row[0] in scopes.IDENTITY],
            optional=[row for row in described if row[0] not in scopes.IDENTITY],
        )
        return Reply(body=page.encode(), content_type=HTML, headers=_HEADERS)

    def _refused(self, refusal: Refusal) -> Reply:
        page = self._pages.get_template("refused.html").render(
            status=refusal.status, error=refusal.error, words=refusal.words
        )
        return Reply(status=400, body=page.encode(), content_type=HTML, headers=_HEADERS)

    def _request(self, call: Call) -> AuthRequest:
        client_id = call.one("client_id")
        if not client_id:
            raise Refusal(400, "invalid_request", "Missing required parameter: client_id")
        if client_id != self._client.id:
            raise Refusal(401, "invalid_client", "The OAuth client was not found.")
        redirect_uri = call.one("redirect_uri")
        if not redirect_uri:
            raise Refusal(400, "invalid_request", "Missing required parameter: redirect_uri")
        if not self._client.accepts(redirect_uri):
            raise Refusal(
                400,
                "redirect_uri_mismatch",
                "You can't sign in: the redirect URI in the request is not one of the client's.",
            )
        if not call.one("response_type"):
            raise Refusal(400, "invalid_request", "Missing required parameter: response_type")
        method = call.one("code_challenge_method") or "plain"
        if method not in ("plain", "S256"):
            raise Refusal(400, "invalid_request", "Unsupported code_challenge_method.")
        return AuthRequest(
            client_id=client_id,
            redirect_uri=redirect_uri,
            scopes=_scopes(call),
            state=call.one("state"),
            nonce=call.one("nonce"),
            offline=call.one("access_type") == "offline",
            prompt=tuple((call.one("prompt") or "").split()),
            include_granted=call.flag("include_granted_scopes"),
            login_hint=call.one("login_hint"),
            challenge=call.one("code_challenge"),
            challenge_method=method,
        )

    def _sealed(self, request: AuthRequest) -> str:
        payload = msgspec.msgpack.encode(request)
        return base64.urlsafe_b64encode(self._signature(payload) + payload).decode()

    def _opened(self, ticket: str) -> AuthRequest | None:
        try:
            blob = base64.urlsafe_b64decode(ticket.encode("ascii", "replace"))
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(blob[:32], self._signature(blob[32:])):
            return None
        return msgspec.msgpack.decode(blob[32:], type=AuthRequest)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.new(self._key, b"consent/" + payload, hashlib.sha256).digest()


def _scopes(call: Call) -> tuple[str, ...]:
    asked = scopes.canonical(call.one("scope") or "")
    if not asked:
        raise Refusal(400, "invalid_request", "Missing required parameter: scope")
    if unknown := scopes.unknown(asked):
        words = f"Some requested scopes were invalid. {{invalid={list(unknown)}}}"
        raise Refusal(400, "invalid_scope", words)
    return asked


def _allowed(request: AuthRequest, ticked: Sequence[str]) -> tuple[str, ...]:
    """Granular consent: identity scopes always, of the others what was ticked."""
    return tuple(s for s in request.scopes if s in scopes.IDENTITY or s in ticked)


def _back(request: AuthRequest, **answer: str) -> Reply:
    if request.state is not None:
        answer = {"state": request.state, **answer}
    joint = "&" if urlsplit(request.redirect_uri).query else "?"
    location = f"{request.redirect_uri}{joint}{urlencode(answer)}"
    return Reply(
        status=302,
        content_type=HTML,
        headers=(("location", location), ("cache-control", "no-store")),
    )
