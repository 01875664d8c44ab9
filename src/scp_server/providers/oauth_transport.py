"""OAuthTransport: the HTTP manners towards an OAuth server, the same for every provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from scp_server.domain.errors import ProviderProtocolError, ProviderUnavailable
from scp_server.domain.secrets import Secret
from scp_server.ports.clock import Clock
from scp_server.providers.retry_after import retry_after

MAX_BODY: Final = 1024 * 1024
"""Token answers and key sets have a few kilobytes; more than this is not one."""
_CHUNK: Final = 64 * 1024
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0, connect=5.0)
# No content coding: a small answer that unpacks to a huge one must not be possible.
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthAnswer:
    """A status that is neither a redirect nor a failure of the server, and its body."""

    status: int
    body: bytes = field(repr=False)


class OAuthTransport:
    """Sends one request, follows nothing, reads at most `MAX_BODY` bytes, waits at most 30 s."""

    def __init__(self, provider: str, http: aiohttp.ClientSession, clock: Clock) -> None:
        self._provider = provider
        self._http = http
        self._clock = clock

    async def post(self, url: str, form: Mapping[str, str]) -> OAuthAnswer:
        """POST a form.

        Raises: ProviderUnavailable (no answer, 429, 5xx), ProviderProtocolError.
        """
        return await self._send("POST", url, form=form)

    async def get(self, url: str, *, bearer: Secret | None = None) -> OAuthAnswer:
        """GET, with an access token where one is given.

        Raises: as `post`.
        """
        return await self._send("GET", url, bearer=bearer)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        bearer: Secret | None = None,
    ) -> OAuthAnswer:
        headers = dict(_HEADERS)
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.reveal()}"
        try:
            async with self._http.request(
                method, url, data=form, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                body = await self._read(response)
                wait = response.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The kind of failure is enough: a client's own text may quote the request.
            raise ProviderUnavailable(
                f"{self._provider}'s sign-in server could not be reached"
                f" ({type(error).__name__}). It is tried again by itself."
            ) from error
        return self._checked(response.status, body, wait)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > MAX_BODY:
                response.close()
                raise ProviderProtocolError(
                    f"{self._provider}'s sign-in server sent more than {MAX_BODY} bytes."
                )
        return bytes(body)

    def _checked(self, status: int, body: bytes, wait: str) -> OAuthAnswer:
        if status >= 500 or status in (408, 429):
            raise ProviderUnavailable(
                f"{self._provider}'s sign-in server is busy or failing (HTTP {status})."
                " It is tried again by itself.",
                retry_after=retry_after(wait, self._clock.now()),
            )
        if 300 <= status < 400:
            raise ProviderProtocolError(
                f"{self._provider}'s sign-in server answered with a redirect, which is never"
                " followed. Check the configured addresses."
            )
        return OAuthAnswer(status=status, body=body)
