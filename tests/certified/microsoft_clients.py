"""`O365`, a Python client of Microsoft Graph, with Microsoft's own `msal`, pointed at a sandbox."""

# ruff: noqa: ANN401 - the client is untyped

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msal
import pytest
import requests
from certified.google_clients import threaded
from O365 import Account, MSGraphProtocol
from O365.utils.token import MemoryTokenBackend
from sandbox.browsing import Sandbox
from sandbox.microsoft.calling import ADA, REDIRECT, Microsoft

WANTED = ["basic", "mailbox", "calendar", "address_book", "onedrive"]
CLIENT = ("sandbox-client", "sandbox-secret")


class PlainProtocol(MSGraphProtocol):  # type: ignore[misc]
    """Graph at another address."""

    def __init__(self, base: str) -> None:
        self._protocol_url = f"{base}/"
        super().__init__(timezone="UTC")


class Unwrapped:
    """Stands where a proxy that ends TLS would: msal takes no other addresses than https."""

    def __init__(self, host: str) -> None:
        self._session = requests.Session()
        self._plain, self._sealed = f"http://{host}", f"https://{host}"

    def get(self, url: str, **options: Any) -> SimpleNamespace:
        """As `requests.get`."""
        return self._told(self._session.get(self._unsealed(url), **options))

    def post(self, url: str, **options: Any) -> SimpleNamespace:
        """As `requests.post`."""
        return self._told(self._session.post(self._unsealed(url), **options))

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _unsealed(self, url: str) -> str:
        return url.replace(self._sealed, self._plain, 1)

    def _told(self, response: requests.Response) -> SimpleNamespace:
        text = response.text.replace(self._plain, self._sealed)
        status, headers = response.status_code, response.headers
        return SimpleNamespace(status_code=status, headers=headers, text=text)


@dataclass(slots=True)
class Outlook:
    """A user's Microsoft account through `O365`."""

    sandbox: Sandbox
    account: Any
    identity: Unwrapped

    @property
    def microsoft(self) -> Microsoft:
        """The Microsoft side of the sandbox, for consent and control."""
        return Microsoft(self.sandbox)

    async def consent(self, user: str = ADA) -> bool:
        """Walks from the client's authorization address over the consent page back to it."""
        url, flow = await threaded(
            lambda: self.account.get_authorization_url(WANTED, redirect_uri=REDIRECT)
        )
        asked = dict(parse_qsl(urlsplit(url).query))
        page = await self.microsoft.page(**asked)
        answer = await self.microsoft.decide(page, user=user)
        back = f"{REDIRECT}?{urlencode(answer)}"
        return bool(await threaded(lambda: self.account.request_token(back, flow=flow)))

    async def get(self, path: str, **options: Any) -> Any:
        """One call of the client's connection; the JSON of the answer."""
        url = path if path.startswith("http") else f"{self.sandbox.base}/v1.0{path}"
        return (await threaded(lambda: self.account.con.get(url, **options))).json()

    async def refused(self, path: str) -> requests.Response:
        """The answer to a call that the client takes for an error."""
        with pytest.raises(requests.HTTPError) as caught:
            await self.get(path)
        assert caught.value.response is not None
        return caught.value.response

    def close(self) -> None:
        """Closes the connections."""
        if self.account.con.session is not None:
            self.account.con.session.close()
        self.identity.close()


async def outlook_of(sandbox: Sandbox, user: str = ADA, *, retries: int = 0) -> Outlook:
    """The client, signed in."""
    host = sandbox.base.removeprefix("http://")
    identity = Unwrapped(host)
    backend = MemoryTokenBackend()
    account = Account(
        CLIENT,
        protocol=PlainProtocol(sandbox.base),
        token_backend=backend,
        requests_delay=0,
        request_retries=retries,
    )
    account.con._msal_client = await threaded(
        lambda: msal.ConfidentialClientApplication(
            CLIENT[0],
            client_credential=CLIENT[1],
            authority=f"https://{host}/common",
            instance_discovery=False,
            http_client=identity,
            token_cache=backend,
        )
    )
    outlook = Outlook(sandbox, account, identity)
    assert await outlook.consent(user)
    return outlook
