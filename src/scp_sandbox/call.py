"""One HTTP call and its reply as values: what the wire, a batch's parts and the tests share."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qs, unquote

JSON = "application/json; charset=UTF-8"

Query = dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request. Header names are lower case; the path is percent-decoded, without the query.

    `base` is the sandbox's address as this caller sees it, without a trailing slash; `peer` the
    caller's own address, where it is known.
    """

    method: str
    path: str
    query: Query = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""
    peer: str | None = None

    def one(self, name: str) -> str | None:
        """A query parameter's last value."""
        values = self.query.get(name)
        return values[-1] if values else None

    def many(self, name: str) -> tuple[str, ...]:
        """A repeated query parameter's values."""
        return tuple(self.query.get(name, ()))

    def form(self) -> Query:
        """The body as a form."""
        return parse_query(self.body.decode("utf-8", "replace"))

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A boolean query parameter."""
        value = self.one(name)
        return default if value is None else value.lower() == "true"


class Wreck(StrEnum):
    """How a connection is to be broken instead of a proper answer."""

    RESET = "reset"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    wreck: Wreck | None = None


def parse_target(target: str) -> tuple[str, Query]:
    """A request target split into its decoded path and its query."""
    path, _, query = target.partition("?")
    return unquote(path), parse_query(query)


def parse_query(query: str) -> Query:
    """A query string's parameters; garbage octets become replacement characters."""
    return parse_qs(query, keep_blank_values=True, errors="replace") if query else {}


def bearer(call: Call) -> str | None:
    """The access token of a call, from its header or its query."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return call.one("access_token") or call.one("oauth_token") or None
