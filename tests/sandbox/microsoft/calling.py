"""What tests do with the sandboxed Microsoft over HTTP: consent, call, follow links, order."""

# ruff: noqa: ANN401 - JSON and options of the HTTP client

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from hypothesis import HealthCheck, Phase, settings
from sandbox.browsing import Answer, Sandbox

ADA = "ada.brightwell@outlook.sandbox.example"
BRUNO = "bruno.castellane@outlook.sandbox.example"
CHIYO = "chiyo.morinaga@outlook.sandbox.example"
REDIRECT = "http://localhost:9/callback"
SECRETS = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
EVERYTHING = (
    "openid profile email offline_access User.Read Mail.Read Calendars.Read Contacts.Read"
    " Files.Read"
)
# No shrinking: each example is many calls, and the seeds in a failure are short enough.
FOLLOWED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
IMMUTABLE = 'IdType="ImmutableId"'


@dataclass(frozen=True, slots=True)
class Round:
    """All items of a delta round, how many pages it had, and the link for the next one."""

    items: list[dict[str, Any]]
    pages: int
    link: str
    first: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        """Ids in order, repeated ones too."""
        return [item["id"] for item in self.items]

    @property
    def removed(self) -> set[str]:
        """Ids of what is gone."""
        return {item["id"] for item in self.items if "@removed" in item or "deleted" in item}


@dataclass(frozen=True, slots=True)
class Microsoft:
    """The Microsoft side of a running sandbox."""

    sandbox: Sandbox
    tenant: str = "common"

    async def page(self, **asked: str) -> Answer:
        """The consent page for a request; `asked` replaces usual parameters."""
        usual = {
            "client_id": "sandbox-client",
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": EVERYTHING,
            "state": "xyz",
        }
        path = f"/{self.tenant}/oauth2/v2.0/authorize"
        return await self.sandbox.call(path, params={**usual, **asked})

    async def answered(self, page: Answer, **form: Any) -> Answer:
        """The consent page's form, sent."""
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        ticked = re.findall(r'name="scope" value="([^"]*)"', page.text)
        fields = {"user": ADA, "scope": ticked, "decision": "allow", **form}
        pairs = [(name, html.unescape(value)) for name, value in hidden]
        for name, value in fields.items():
            pairs += [(name, v) for v in (value if isinstance(value, list) else [value])]
        action = re.search(r'action="([^"]*)"', page.text)
        assert action, page.text
        return await self.sandbox.call(action[1], "POST", data=aiohttp.FormData(pairs))

    async def decide(self, page: Answer, **form: Any) -> dict[str, str]:
        """Answers the consent page; returns what the redirect carries."""
        answer = await self.answered(page, **form)
        assert answer.status == 302, answer.text
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[-1] for name, values in query.items()}

    async def token(self, **form: str) -> Answer:
        """One call of the token endpoint."""
        path = f"/{self.tenant}/oauth2/v2.0/token"
        return await self.sandbox.call(path, "POST", data={**SECRETS, **form})

    async def tokens(self, user: str = ADA, **asked: str) -> dict[str, Any]:
        """The tokens of a user who consents to everything asked for."""
        code = (await self.decide(await self.page(**asked), user=user))["code"]
        answer = await self.token(grant_type="authorization_code", code=code, redirect_uri=REDIRECT)
        assert answer.status == 200, answer.text
        return dict(answer.json)

    async def refresh(self, refresh_token: str, **form: str) -> Answer:
        """Redeems a refresh token."""
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token, **form)

    async def sign_in(self, user: str = ADA, **asked: str) -> "Graph":
        """Graph with an access token of a user."""
        return Graph(self.sandbox, str((await self.tokens(user, **asked))["access_token"]))

    async def control(self, path: str, method: str = "GET", /, **body: Any) -> Any:
        """One call of the control API."""
        return await self.sandbox.control(f"/outlook{path}", method, **body)


@dataclass(frozen=True, slots=True)
class Graph:
    """Graph, called with one access token."""

    sandbox: Sandbox
    token: str

    async def get(self, path: str, /, *, prefer: str | None = None, **query: str) -> Answer:
        """One GET; `path` is within `/v1.0` or an absolute link; `_top` and so on get their `$`."""
        headers = {"Prefer": prefer} if prefer else {}
        params = {re.sub("^_", "$", name): value for name, value in query.items()}
        if path.startswith("http"):
            assert path.startswith(self.sandbox.base + "/v1.0/"), path
            path = path.removeprefix(self.sandbox.base)
        else:
            path = f"/v1.0{path}"
        return await self.sandbox.call(path, token=self.token, headers=headers, params=params)

    async def good(self, path: str, /, *, prefer: str | None = None, **query: str) -> Any:
        """The JSON of one GET that is answered with 200."""
        answer = await self.get(path, prefer=prefer, **query)
        assert answer.status == 200, answer.text
        return answer.json

    async def code(self, path: str, /, *, prefer: str | None = None, **query: str) -> str:
        """`status code` of a refused GET."""
        answer = await self.get(path, prefer=prefer, **query)
        return f"{answer.status} {answer.json['error']['code']}"

    async def listed(self, path: str, /, *, prefer: str | None = None, **query: str) -> list[Any]:
        """All items of a collection, page by page."""
        found: list[Any] = []
        body = await self.good(path, prefer=prefer, **query)
        while True:
            found += body["value"]
            if "@odata.nextLink" not in body:
                return found
            body = await self.good(body["@odata.nextLink"], prefer=prefer)

    async def round(self, path: str, /, *, prefer: str | None = None, **query: str) -> Round:
        """A whole delta round."""
        body = first = await self.good(path, prefer=prefer, **query)
        items, pages = list(body["value"]), 1
        while "@odata.nextLink" in body:
            assert "@odata.deltaLink" not in body
            body = await self.good(body["@odata.nextLink"], prefer=prefer)
            items += body["value"]
            pages += 1
        return Round(items, pages, body["@odata.deltaLink"], first)
