"""What tests do with a sandbox over HTTP: consent, call, order."""

# ruff: noqa: ANN401 - JSON and options of the HTTP client

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from multidict import CIMultiDictProxy

ADA = "ada.brightwell@sandbox.example"
BRUNO = "bruno.castellane@sandbox.example"
REDIRECT = "http://localhost:9/callback"
GMAIL = "https://www.googleapis.com/auth/gmail.readonly"
CALENDAR = "https://www.googleapis.com/auth/calendar.readonly"
CONTACTS = "https://www.googleapis.com/auth/contacts.readonly"
DRIVE = "https://www.googleapis.com/auth/drive.metadata.readonly"
EVERYTHING = f"openid email {GMAIL} {CALENDAR} {CONTACTS} {DRIVE}"
SECRETS = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str
    json: Any


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox and a session to talk to it."""

    base: str
    http: aiohttp.ClientSession

    async def call(self, path: str, method: str = "GET", **options: Any) -> Answer:
        """One call, its JSON read if it is any."""
        token = options.pop("token", None)
        headers = dict(options.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        options.setdefault("allow_redirects", False)
        url = self.base + path
        async with self.http.request(method, url, headers=headers, **options) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("content-type", "")
            found = await response.json() if is_json and text else None
            return Answer(response.status, response.headers, text, found)

    async def consent_page(self, **asked: str) -> Answer:
        """The consent page for a request; `asked` replaces usual parameters."""
        usual = {
            "client_id": "sandbox-client",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": f"openid email {GMAIL} {CALENDAR}",
            "access_type": "offline",
            "state": "xyz",
        }
        return await self.call("/o/oauth2/v2/auth", params={**usual, **asked})

    async def decide(self, page: Answer, **form: Any) -> dict[str, str]:
        """Answers the consent page; returns what the redirect carries."""
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        hidden = {name: html.unescape(value) for name, value in hidden.items()}
        fields = {"user": ADA, "scope": [GMAIL, CALENDAR], "decision": "allow", **form}
        pairs = list(hidden.items())
        for name, value in fields.items():
            pairs += [(name, v) for v in (value if isinstance(value, list) else [value])]
        answer = await self.call("/o/oauth2/v2/auth", "POST", data=aiohttp.FormData(pairs))
        assert answer.status == 302, answer.text
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[-1] for name, values in query.items()}

    async def code(self, *, user: str = ADA, **asked: str) -> str:
        """A code for a consent to everything asked for."""
        page = await self.consent_page(**asked)
        ticked = asked.get("scope", f"{GMAIL} {CALENDAR}").split()
        return (await self.decide(page, user=user, scope=ticked))["code"]

    async def token(self, **form: str) -> Answer:
        """One call of the token endpoint."""
        return await self.call("/token", "POST", data={**SECRETS, **form})

    async def redeem(self, code: str, **form: str) -> Answer:
        """Exchanges a code."""
        usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
        return await self.token(**{**usual, **form})

    async def sign_in(self, user: str = ADA, **asked: str) -> str:
        """An access token of a user who consented to everything."""
        answer = await self.redeem(await self.code(user=user, **asked))
        return str(answer.json["access_token"])

    async def control(self, path: str, method: str = "GET", /, **body: Any) -> Any:
        """One call of the control API."""
        answer = await self.call(f"/sandbox{path}", method, json=body or None)
        assert answer.status == 200, answer.text
        return answer.json
