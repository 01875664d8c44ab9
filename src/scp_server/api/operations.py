"""Operations: one row of the route table, and one request to it.

The table is the only place that says what a route takes and answers: requests are checked by it,
and `schema/openapi.json` is written from it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from scp_server.access.gate import Caller
from scp_server.api.limits import Touched
from scp_server.api.pages import Pages
from scp_server.api.services import Services
from scp_server.domain.errors import InvalidRequest, RequestError
from scp_wire.codes import ErrorCode


class Access(Enum):
    """Whose requests an operation answers."""

    OPEN = auto()
    """Credentials are not looked at."""
    ANYONE = auto()
    """A credential is not needed, but one that is presented must be good."""
    SESSION = auto()
    WAITING_SESSION = auto()
    """A session, also one whose user has not consented yet."""
    SESSION_OR_OPERATOR = auto()
    KEY = auto()
    """An agent's key, or the operator's."""
    OPERATOR = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the path or the query, a JSON Schema, and what it is for."""

    name: str
    place: str
    """`path`, `query` or `header`."""
    schema: dict[str, Any]
    description: str
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked and identified, on its way to a handler."""

    request: Request
    services: Services
    pages: Pages
    caller: Caller
    body: Any
    """As the operation's `body` says; None when it has none."""
    touched: Touched

    def path(self, name: str) -> str:
        """A parameter of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        """A parameter of the query; None when absent. Unknown ones are ignored.

        Raises: InvalidRequest when it comes twice with different values.
        """
        values = self.request.query_params.getlist(name)
        if len(set(values)) > 1:
            raise InvalidRequest(f"{name} is given twice. Give it once.", field=name)
        return values[0] if values else None


Handler = Callable[[Call], Awaitable[msgspec.Struct | Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method on a path."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    handler: Handler
    access: Access
    description: str = ""
    answer: type[msgspec.Struct] | None = None
    """Of a success, inside the envelope; None: not JSON, see `media`."""
    media: str = "application/json"
    other_media: tuple[str, ...] = ()
    """Media types of a success beside `media`, where the request chooses."""
    may_be_empty: bool = False
    """Whether a success may have no content (204)."""
    status: int = 200
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    refusal: type[RequestError] = InvalidRequest
    """What a body of the wrong shape is answered with."""
    codes: tuple[ErrorCode, ...] = ()
    """Of failures, beside those that follow from the rest."""
    parameters: tuple[Parameter, ...] = ()
    examples: dict[str, Any] = field(default_factory=dict)
    """`request` and `answer`."""
    page: bool = False
    """For people: failures are pages too, and looking ahead (HEAD) is refused."""
    starts_work: bool = False
    """Refused while the server drains."""
    takes_tickets: bool = False
    """Whether a ticket in the query stands for the session's credential."""

    @property
    def metered(self) -> bool:
        """Whether it counts as a data request."""
        return self.path.startswith("/api/")
