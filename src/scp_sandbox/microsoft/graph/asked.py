"""A Graph call that has been let in, and one method of Graph, as values."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.graph.errors import bad_request
from scp_sandbox.microsoft.graph.zones import known_as

JSON = (
    "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false;"
    " charset=utf-8"
)
MOST_TOP = 1000
# Beyond it Outlook gives no larger pages; its own cap is not published.
MOST_PAGE = 1000

Service = Literal["identity", "mail", "calendar", "contacts", "drive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefer:
    """The `Prefer` header, read: what was asked for, and which of it was understood."""

    immutable: bool = False
    zone: str | None = None
    text: bool = False
    page: int | None = None
    applied: tuple[str, ...] = ()


def read_prefer(header: str) -> Prefer:
    """Reads a `Prefer` header.

    Raises:
        GraphError: 400 when it names a time zone that is none.
    """
    found: dict[str, str] = {}
    for piece in re.findall(r'[^,"]*(?:"[^"]*"[^,"]*)*', header):
        name, _, value = piece.partition("=")
        if name.strip():
            found[name.strip().lower()] = value.strip().strip('"')
    applied = []
    if found.get("idtype", "").lower() == "immutableid":
        applied.append('IdType="ImmutableId"')
    zone = found.get("outlook.timezone")
    if zone is not None:
        if known_as(zone) is None:
            raise bad_request("A valid TimeZone value must be specified.", "TimeZoneNotSupported")
        applied.append(f'outlook.timezone="{zone}"')
    body = found.get("outlook.body-content-type", "").lower()
    if body in ("text", "html"):
        applied.append(f'outlook.body-content-type="{body}"')
    size = found.get("odata.maxpagesize", "")
    page = min(int(size[:9]), MOST_PAGE) if size.isdecimal() and int(size[:9]) else None
    if page:
        applied.append(f"odata.maxpagesize={size}")
    return Prefer(
        immutable="idtype" in found and found["idtype"].lower() == "immutableid",
        zone=zone,
        text=body == "text",
        page=page,
        applied=tuple(applied),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that has been let in: by whom, with which scopes, for which path.

    `path` is the path within `/v1.0`, normalised; `at` what its pattern caught; `client_id` the
    client that the token was made for.
    """

    call: Call
    path: str
    account: Account
    scopes: frozenset[str]
    at: dict[str, str]
    client_id: str = ""
    prefer: Prefer = field(default_factory=Prefer)

    def option(self, name: str) -> str | None:
        """A query option such as `$top`, whatever the case of its name."""
        wanted = name.lower()
        for key, values in self.call.query.items():
            if key.lower() == wanted:
                return values[-1]
        return None

    def number(self, name: str, *, least: int, most: int | None = None) -> int | None:
        """A numeric query option.

        Raises:
            GraphError: 400 when it is no number, or out of range.
        """
        text = self.option(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal()) or int(text[:10]) < least:
            raise bad_request(f"Invalid value '{text[:40]}' for {name} query option found.")
        value = int(text[:10])
        if most is not None and value > most:
            raise bad_request(
                f"The limit of '{most}' for Top query has been exceeded. The value from the"
                f" incoming request is '{value}'."
            )
        return value

    @property
    def root(self) -> str:
        """The absolute address of `/v1.0`."""
        return f"{self.call.base}/v1.0"

    def link(self, place: str, **options: str) -> str:
        """An absolute link to a place under `/v1.0`; option names get their `$`."""
        pairs = "&".join(f"${name}={quote(value, safe='')}" for name, value in options.items())
        return f"{self.root}/{place}?{pairs}"

    def same(self, place: str, **changed: str) -> str:
        """A link to the call itself, normalised, some options changed (`$` is spelled %24)."""
        kept = {k: v[-1] for k, v in self.call.query.items() if k.lower() not in changed}
        kept |= changed
        pairs = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in kept.items())
        return f"{self.root}/{place}?{pairs}"

    def context(self, place: str) -> str:
        """The `@odata.context` of an answer."""
        return f"{self.root}/$metadata#{place}"

    def reply(self, body: object, *, status: int = 200, headers: Any = ()) -> Reply:  # noqa: ANN401
        """A JSON answer."""
        return Reply(
            status=status, body=msgspec.json.encode(body), content_type=JSON, headers=tuple(headers)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of Graph.

    `path` is matched within `/v1.0`, case ignored; `scopes` are those of which any one suffices;
    `units` is what the drive's throttling counts.
    """

    service: Service
    name: str
    path: re.Pattern[str]
    scopes: frozenset[str]
    answer: Callable[[Asked], Reply]
    http: str = "GET"
    units: int = 1


def path(pattern: str) -> re.Pattern[str]:
    """A pattern for `Method.path`, such as `/me/messages/{id}`."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), re.IGNORECASE)
