"""A test aid: consent as a sandbox user would in a browser, and get a session id.

    our login page --link--> the sandbox's form --POST--> our page with the new id

It walks the real pages and never leaves this machine: where the login page leads to a provider
that is not on loopback, there is no sandbox, and `NoSandbox` is raised.
"""

import os
from html.parser import HTMLParser
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
import anyio

from scp_sdk.errors import SCPError

SESSION_VARIABLE: Final = "SCP_CLIENT__SESSION_ID"
WITHIN: Final = 30.0
"""Seconds for the whole walk."""


class NoSandbox(SCPError):
    """The server has no sandbox to consent in: a session id has to be given."""

    default_code = "NO_SANDBOX"


def obtain_session(url: str, given: str | None = None, *, provider: str = "google") -> str:
    """A session id: the given one, that of SCP_CLIENT__SESSION_ID, or a new one of the sandbox.

    Raises:
        NoSandbox: none is given, and the server runs no sandbox.
    """
    known = given or os.environ.get(SESSION_VARIABLE)
    return known or anyio.run(lambda: consent_in_sandbox(url, provider=provider))


async def consent_in_sandbox(
    url: str, *, provider: str = "google", user: str | None = None, begin_at: str | None = None
) -> str:
    """Walk the consent pages of a server with a sandbox; return the new session's id.

    `user` is an address of the sandbox's people, the first one by default. `begin_at` is the
    `authorization_url` of a session opened by an agent: then its id is known already, and what
    comes back is empty.

    Raises:
        NoSandbox: the server does not lead to a sandbox, or cannot be reached.
    """
    base = url.rstrip("/")
    jar = aiohttp.CookieJar(unsafe=True)  # Or it would drop the cookies of 127.0.0.1.
    limit = aiohttp.ClientTimeout(total=WITHIN)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar, timeout=limit) as browser:
            login = await _opened(browser, begin_at or f"{base}/oauth/{provider}/login")
            onward = _onward(login)
            form = await _opened(browser, onward)
            return await _answered(browser, onward, form, user)
    except (aiohttp.ClientError, TimeoutError) as cause:
        raise NoSandbox(f"Cannot walk the consent pages of {base}. Does it run?") from cause


class _Page(HTMLParser):
    """The tags of a page that a walker needs, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"a", "form", "input"}:
            self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def _opened(browser: aiohttp.ClientSession, url: str) -> _Page:
    async with browser.get(url) as response:
        if response.status != 200:
            raise NoSandbox(
                f"The consent page answered {response.status}: this server has no sandbox."
            )
        return _Page(await response.text())


def _onward(login: _Page) -> str:
    for link in login.all("a"):
        target = link.get("href", "")
        if urlsplit(target).query and _on_loopback(urlsplit(target).hostname or ""):
            return target
    raise NoSandbox("This server leads to a real provider: consent there, and give the session.")


async def _answered(
    browser: aiohttp.ClientSession, form_url: str, form: _Page, user: str | None
) -> str:
    fields = [
        (field["name"], field.get("value", ""))
        for field in form.all("input")
        if field.get("type") in {"hidden", "checkbox"}
    ]
    people = [field["value"] for field in form.all("input") if field.get("name") == "user"]
    if not people or (user is not None and user not in people):
        raise NoSandbox(f"The sandbox knows these people: {', '.join(people) or 'nobody'}.")
    fields += [("user", user or people[0]), ("decision", "allow")]
    target = urljoin(form_url, form.all("form")[0].get("action", ""))
    async with browser.post(target, data=aiohttp.FormData(fields)) as response:
        page = _Page(await response.text())
        if response.status != 200:
            raise NoSandbox(f"The consent was not accepted: {response.status}.")
    shown = [field.get("value", "") for field in page.all("input") if field.get("id") == "session"]
    return shown[0] if shown else ""


def _on_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
