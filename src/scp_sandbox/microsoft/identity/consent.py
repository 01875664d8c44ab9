"""The consent page: `GET` and `POST /{tenant}/oauth2/v2.0/authorize`. Plain HTML, no script."""

import base64
import binascii
import hashlib
import hmac
import html
import uuid
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import jinja2
import msgspec

from scp_sandbox import oauth
from scp_sandbox.call import Call, Reply
from scp_sandbox.microsoft.accounts import Account, tenant_known
from scp_sandbox.microsoft.identity import scopes
from scp_sandbox.microsoft.identity.codes import SignIn
from scp_sandbox.microsoft.identity.office import Office
from scp_sandbox.microsoft.identity.refusals import Refusal, unknown_client, unknown_tenant

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
_MODES = ("query", "fragment", "form_post")


class ConsentPage:
    """Asks a user for consent, and sends the browser back with a code or an error.

    Form fields are those of the sandboxed Google's page: `ticket` (hidden: the request, signed),
    `user` (an address), `scope` (repeated), `decision` (`allow` or `deny`). Microsoft's own page
    lets nobody untick a scope; here one may, so that a client can be shown a smaller grant.
    """

    def __init__(self, office: Office, key: bytes) -> None:
        self._office = office
        self._key = key
        self._pages = jinja2.Environment(
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            loader=jinja2.FileSystemLoader(Path(oauth.__file__).parent),
        )

    def show(self, call: Call, tenant: str) -> Reply:
        """The page, or with `prompt=none` the answer at once."""
        try:
            request = self._request(call, tenant)
        except Refusal as refusal:
            return self._refused(refusal)
        if call.one("response_type") != "code":
            words = "The response_type 'code' is the only one that this client may ask for."
            return self._sent_back(request, "unsupported_response_type", 700054, words)
        if unknown := scopes.unknown(request.scopes):
            words = f"The provided value for scope {' '.join(unknown)} is not valid."
            return self._sent_back(request, "invalid_client", 650053, words)
        if "none" in request.prompt:
            return self._silently(request)
        return self._page(request, call)

    def decide(self, call: Call, _: str) -> Reply:
        """What the user's answer leads to."""
        form = call.form()
        request = self._opened((form.get("ticket") or [""])[-1])
        if request is None:
            words = "The form is not one of this sandbox."
            return self._refused(Refusal(error="invalid_request", code=900144, words=words))
        ticked = form.get("scope", [])
        allowed = tuple(s for s in request.scopes if s in scopes.IDENTITY or s in ticked)
        if form.get("decision") != ["allow"] or not allowed:
            words = "User declined to consent to access the app."
            return self._sent_back(request, "access_denied", 65004, words)
        account = self._office.by_email((form.get("user") or [""])[-1])
        if account is None or not account.lives_in(request.tenant):
            words = (
                "The selected user account does not exist in the tenant and cannot access the"
                " application in that tenant. Please use a different account."
            )
            return self._refused(Refusal(error="invalid_request", code=50020, words=words))
        return self._allow(request, account, allowed)

    def _allow(self, request: SignIn, account: Account, allowed: tuple[str, ...]) -> Reply:
        self._office.standing.consented(account, allowed)
        code = self._office.codes.issue(account, request, allowed)
        return _back(request, code=code, session_state=str(uuid.uuid4()))

    def _silently(self, request: SignIn) -> Reply:
        account = self._office.by_email(request.login_hint or "")
        if account is None or not account.lives_in(request.tenant):
            words = "Silent sign-in request was sent but no user is signed in."
            return self._sent_back(request, "login_required", 50058, words)
        if not self._office.standing.covers(account, request.scopes):
            words = "The user or administrator has not consented to use the application."
            return self._sent_back(request, "interaction_required", 65001, words)
        return self._allow(request, account, request.scopes)

    def _page(self, request: SignIn, call: Call) -> Reply:
        described = [(scope, scopes.DESCRIPTIONS[scope]) for scope in request.scopes]
        users = [a.user for a in self._office.accounts if a.lives_in(request.tenant)]
        page = self._pages.get_template("consent.html").render(
            action=call.path,
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            ticket=self._sealed(request),
            users=users,
            chosen=request.login_hint,
            identity=[row for row in described if row[0] in scopes.IDENTITY],
            optional=[row for row in described if row[0] not in scopes.IDENTITY],
        )
        return Reply(body=page.encode(), content_type=HTML, headers=_HEADERS)

    def _refused(self, refusal: Refusal) -> Reply:
        page = self._pages.get_template("refused.html").render(
            status=refusal.status,
            error=refusal.error,
            words=f"AADSTS{refusal.code}: {refusal.words}",
        )
        return Reply(status=400, body=page.encode(), content_type=HTML, headers=_HEADERS)

    def _sent_back(self, request: SignIn, error: str, code: int, words: str) -> Reply:
        said = Refusal(error=error, code=code, words=words).body(self._office.clock.now(), "")
        return _back(
            request,
            error=error,
            error_description=str(said["error_description"]),
        )

    def _request(self, call: Call, tenant: str) -> SignIn:
        if not tenant_known(tenant):
            raise unknown_tenant(tenant)
        client_id = _needed(call, "client_id")
        if client_id != self._office.client.id:
            raise unknown_client(client_id)
        redirect_uri = _needed(call, "redirect_uri")
        if not self._office.client.accepts(redirect_uri):
            words = (
                "The redirect URI specified in the request does not match the redirect URIs"
                f" configured for the application '{client_id}'."
            )
            raise Refusal(error="invalid_request", code=50011, words=words)
        _needed(call, "response_type")
        method = call.one("code_challenge_method") or "plain"
        mode = call.one("response_mode") or "query"
        if method not in ("plain", "S256") or mode not in _MODES:
            words = "The code_challenge_method or response_mode is not a supported one."
            raise Refusal(error="invalid_request", code=90023, words=words)
        return SignIn(
            tenant=tenant,
            client_id=client_id,
            redirect_uri=redirect_uri,
            scopes=scopes.canonical(_needed(call, "scope")),
            state=call.one("state"),
            nonce=call.one("nonce"),
            prompt=tuple((call.one("prompt") or "").split()),
            login_hint=call.one("login_hint"),
            response_mode=mode,
            challenge=call.one("code_challenge"),
            challenge_method=method,
            claims=call.one("claims"),
        )

    def _sealed(self, request: SignIn) -> str:
        payload = msgspec.msgpack.encode(request)
        return base64.urlsafe_b64encode(self._signature(payload) + payload).decode()

    def _opened(self, ticket: str) -> SignIn | None:
        try:
            blob = base64.urlsafe_b64decode(ticket.encode("ascii", "replace"))
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(blob[:32], self._signature(blob[32:])):
            return None
        return msgspec.msgpack.decode(blob[32:], type=SignIn)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.new(self._key, b"microsoft consent/" + payload, hashlib.sha256).digest()


def _needed(call: Call, name: str) -> str:
    found = (call.one(name) or "").strip()
    if not found:
        words = f"The request body must contain the following parameter: '{name}'."
        raise Refusal(error="invalid_request", code=900144, words=words)
    return found


def _back(request: SignIn, **answer: str) -> Reply:
    if request.state is not None:
        answer["state"] = request.state
    if request.response_mode == "form_post":
        return _posted(request.redirect_uri, answer)
    if request.response_mode == "fragment":
        joint = "#"
    else:
        joint = "&" if urlsplit(request.redirect_uri).query else "?"
    location = f"{request.redirect_uri}{joint}{urlencode(answer)}"
    headers = (("location", location), ("cache-control", "no-store"))
    return Reply(status=302, content_type=HTML, headers=headers)


def _posted(redirect_uri: str, answer: dict[str, str]) -> Reply:
    """The answer as a form; Microsoft's submits itself, this one waits for a click."""
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in answer.items()
    )
    page = (
        "<!DOCTYPE html><html lang=en><title>Working...</title>"
        f'<form method="post" action="{html.escape(redirect_uri)}">{fields}'
        "<button>Continue</button></form></html>"
    )
    return Reply(body=page.encode(), content_type=HTML, headers=_HEADERS)
