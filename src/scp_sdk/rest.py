"""The REST API, spoken over aiohttp: a request in, `data` or a typed error out."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import anyio
import msgspec

from scp_sdk.errors import ConnectionFailed, ProtocolError, SCPError, error_from
from scp_sdk.retries import Patience, delay_before_repeat

T = TypeVar("T")

OPERATOR = "operator-"
"""How the operator's key begins."""

GATEWAY_FAILURES = frozenset({502, 503, 504})
"""What a proxy says, without our envelope, when the server behind it is away."""


class Rest:
    """Makes requests to one server, repeating what `Patience` allows."""

    def __init__(
        self,
        base_url: str,
        http: Callable[[], aiohttp.ClientSession],
        *,
        timeout: float,
        patience: Patience,
        chance: Callable[[], float],
        agent_key: str | None = None,
    ) -> None:
        self._agent_key = agent_key
        self._base_url = base_url
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._patience = patience
        self._chance = chance

    async def request(
        self,
        method: str,
        path: str,
        into: type[T],
        *,
        bearer: str | None,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        """`data` of the answer as an `into`; `bearer` is a session id or the operator's key.

        Raises:
            SCPError: the server refused, could not be reached, or answered something else.
        """
        headers = {"accept": "application/json", **carried(bearer, self._agent_key)}
        if body is not None:
            headers["content-type"] = "application/json"
        sent: dict[str, Any] = {"headers": headers, "params": query}
        if body is not None:
            sent["data"] = msgspec.json.encode(body)
        tries = 0
        while True:
            tries += 1
            try:
                return _shaped(await self._once(method, path, sent), into)
            except SCPError as failure:
                delay = delay_before_repeat(
                    failure,
                    reads_only=method == "GET",
                    tries=tries,
                    patience=self._patience,
                    jitter=self._chance(),
                )
                if delay is None:
                    raise
            await anyio.sleep(delay)

    async def _once(self, method: str, path: str, sent: dict[str, Any]) -> object:
        try:
            async with self._http().request(
                method,
                self._base_url + path,
                timeout=self._timeout,
                # A redirect could carry the credential to another host.
                allow_redirects=False,
                **sent,
            ) as response:
                return read_answer(response, await response.read())
        except TimeoutError as cause:
            raise ConnectionFailed(
                f"{self._base_url} did not answer within {self._timeout.total:g} s."
            ) from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise ConnectionFailed(
                f"Cannot reach {self._base_url}: {type(cause).__name__}. Does the server run?"
            ) from cause


def carried(bearer: str | None, agent_key: str | None) -> dict[str, str]:
    """The headers that carry a session id or the operator's key, and with it an agent's key."""
    if agent_key is None or (bearer is not None and bearer.startswith(OPERATOR)):
        return {} if bearer is None else {"authorization": f"Bearer {bearer}"}
    headers = {"authorization": f"Bearer {agent_key}"}
    return headers if bearer is None else headers | {"x-session-id": bearer}


def _shaped(data: object, into: type[T]) -> T:
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as cause:
        raise ProtocolError(f"An answer does not have the agreed shape: {cause}.") from cause


def read_answer(response: aiohttp.ClientResponse, body: bytes) -> object:
    """`data` of an answer.

    Raises:
        SCPError: it is an error, or no answer of an SCP server.
    """
    status = response.status
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        answer = None
    if isinstance(answer, dict) and answer.get("success") is True and "data" in answer:
        return answer["data"]
    if isinstance(answer, dict) and "error" in answer:
        raise error_from(answer["error"], status=status, retry_after=_retry_after(response))
    if status in GATEWAY_FAILURES:
        raise ConnectionFailed(
            "A proxy answered in the server's place.",
            status=status,
            retry_after=_retry_after(response),
        )
    raise ProtocolError("What answered is not an SCP server: check base_url.", status=status)


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    # RFC 9110 allows a date too; our server sends seconds, and a proxy's date is not worth a clock.
    said = response.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) <= 6 else None
