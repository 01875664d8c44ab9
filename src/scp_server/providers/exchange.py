"""Exchange: one HTTP request to a provider and its whole answer, within limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from scp_server.domain.errors import ProviderProtocolError, ProviderUnavailable
from scp_server.domain.secrets import Secret
from scp_server.providers.answers import Answer
from scp_server.providers.dialect import BatchPost

BODY_LIMIT: Final = 32 * 1024 * 1024
"""Bytes, unpacked. The largest honest answer is a batch of mails with Gmail's 25 MB of text."""
CHUNK: Final = 64 * 1024
AGENT: Final = "scp-streaming (gzip)"
"""Google packs its answers only for agents that name gzip (workspace performance guides)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds: to connect, between two pieces of an answer, for all of it."""

    connect: float = 5.0
    idle: float = 30.0
    total: float = 120.0


class Exchange:
    """Sends requests. No redirect is followed: a token goes only where a session was made for."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        limits: TimeLimits | None = None,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        limits = limits or TimeLimits()
        self._http = http
        self._body_limit = body_limit
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total, sock_connect=limits.connect, sock_read=limits.idle
        )

    async def get(self, url: str, token: Secret, extra: Iterable[tuple[str, str]] = ()) -> Answer:
        """Ask for one thing; `extra`: further headers.

        Raises: ProviderUnavailable, ProviderProtocolError (too large).
        """
        return await self._send("GET", url, {**dict(extra), **self._headers(token)}, None)

    async def post(self, url: str, token: Secret, batch: BatchPost) -> Answer:
        """Send a batch.

        Raises: as `get`.
        """
        headers = {**self._headers(token), "Content-Type": batch.content_type}
        return await self._send("POST", url, headers, batch.body)

    def _headers(self, token: Secret) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token.reveal()}",
            "Accept-Encoding": "gzip",
            "User-Agent": AGENT,
        }

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        try:
            async with self._http.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                return Answer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=await self._body(response),
                )
        # The client's own words may hold the whole address, and with it the user's search: they
        # are left out of message and chain.
        except TimeoutError:
            raise ProviderUnavailable("The provider did not answer in time.") from None
        except (aiohttp.ClientError, OSError) as error:
            kind = type(error).__name__
            raise ProviderUnavailable(
                f"The connection to the provider failed or broke off ({kind})."
            ) from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        too_large = (response.content_length or 0) > self._body_limit
        async for piece in response.content.iter_chunked(CHUNK):
            body += piece
            too_large = too_large or len(body) > self._body_limit
            if too_large:
                break
        if too_large:
            raise ProviderProtocolError(
                f"The provider's answer is larger than {self._body_limit} bytes."
            )
        return bytes(body)
