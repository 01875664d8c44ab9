"""Pages: what people see while they consent. Plain HTML, no script, one stylesheet of ours."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from scp_server.api.answers import failure_headers
from scp_server.api.errors import status_of
from scp_server.consent.connect import LoginPage, Outcome
from scp_server.domain.errors import ScpError
from scp_wire.codes import ErrorCode
from scp_wire.stream_types import Provider, StreamType

STYLESHEET: Final = "/assets/page.css"

PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
"""Content-Security-Policy of a page: the stylesheet and nothing else."""

PROVIDER_NAMES: Final[Mapping[Provider, str]] = MappingProxyType(
    {Provider.GOOGLE: "Google", Provider.MICROSOFT: "Microsoft"}
)

PLAIN_WORDS: Final[Mapping[StreamType, str]] = MappingProxyType(
    {
        StreamType.GMAIL_MESSAGES: "Read the messages in your Gmail mailbox",
        StreamType.GMAIL_THREADS: "Read the conversations in your Gmail mailbox",
        StreamType.CALENDAR_EVENTS: "Read the events in your Google calendars",
        StreamType.OUTLOOK_MESSAGES: "Read the messages in your Outlook mailbox",
        StreamType.OUTLOOK_EVENTS: "Read the events in your Outlook calendar",
        StreamType.CONTACTS: "Read your contacts",
        StreamType.FILES: "See the names and details of your files, not what is in them",
    }
)

_TITLES: Final[Mapping[ErrorCode, str]] = MappingProxyType(
    {
        ErrorCode.NOT_FOUND: "There is nothing here",
        ErrorCode.INVALID_REQUEST: "This did not work",
        ErrorCode.FORBIDDEN: "This account cannot be connected",
        ErrorCode.SESSION_NOT_FOUND: "This connection no longer exists",
        ErrorCode.TOKEN_EXPIRED: "Access was not given",
        ErrorCode.INSUFFICIENT_SCOPE: "Not enough access was given",
        ErrorCode.RATE_LIMIT_EXCEEDED: "Too many attempts",
        ErrorCode.PROVIDER_UNAVAILABLE: "The provider does not answer right now",
        ErrorCode.PROVIDER_RATE_LIMITED: "The provider is busy right now",
        ErrorCode.PROVIDER_ERROR: "The provider did not accept this",
        ErrorCode.STORAGE_UNAVAILABLE: "We cannot save anything right now",
        ErrorCode.SHUTTING_DOWN: "The server is restarting",
    }
)

_REMEDIES: Final[Mapping[ErrorCode, str]] = MappingProxyType(
    {
        ErrorCode.RATE_LIMIT_EXCEEDED: "Wait a minute, then open the link again.",
        ErrorCode.PROVIDER_UNAVAILABLE: "Wait a few minutes, then start again.",
        ErrorCode.PROVIDER_RATE_LIMITED: "Wait a few minutes, then start again.",
        ErrorCode.PROVIDER_ERROR: "Tell whoever runs this server: only they can mend it.",
        ErrorCode.STORAGE_UNAVAILABLE: "Wait a minute, then start again.",
        ErrorCode.SHUTTING_DOWN: "Wait half a minute, then start again.",
        ErrorCode.INTERNAL_ERROR: "If it happens again, give the operator the number below.",
    }
)
_ASK_AGAIN: Final = "Go back to the app that sent you here and ask it for a new link."


class Pages:
    """Templates to responses. Every value is escaped."""

    def __init__(self, *, sandbox: bool) -> None:
        self._templates = Environment(
            loader=PackageLoader("scp_server.api"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._sandbox = sandbox

    def login(self, login: LoginPage) -> Response:
        """Who asks for what, and the way to the provider."""
        return self._render(
            "login.html",
            provider=PROVIDER_NAMES[login.provider],
            agent=login.agent_id,
            verified=login.verified,
            wishes=[PLAIN_WORDS[kind] for kind in login.stream_types],
            onward=login.redirect,
        )

    def connected(self, outcome: Outcome) -> Response:
        """It worked; a session begun by hand is shown its id, this once."""
        account = outcome.session.account
        return self._render(
            "connected.html",
            provider=PROVIDER_NAMES[outcome.session.provider],
            agent=outcome.session.agent_id,
            account=account.label if account else None,
            session_id=outcome.shown_id.reveal() if outcome.shown_id else None,
            renewed=outcome.renewed,
        )

    def failure(self, error: ScpError) -> Response:
        """What went wrong, and what to do."""
        response = self._render(
            "failure.html",
            status=status_of(error),
            title=_TITLES.get(error.code, "This did not work"),
            message=error.message,
            remedy=_REMEDIES.get(error.code, _ASK_AGAIN),
            code=error.code.value,
            trace_id=error.details.get("trace_id"),
        )
        response.headers.update(failure_headers(error))
        return response

    def operations(self, document: Mapping[str, Any]) -> Response:
        """The API, from its OpenAPI document."""
        return self._render("docs.html", document=document)

    def _render(self, template: str, *, status: int = 200, **values: object) -> Response:
        html = self._templates.get_template(template).render(
            stylesheet=STYLESHEET, sandbox=self._sandbox, **values
        )
        response = Response(html, status, media_type="text/html")
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response

    def stylesheet(self) -> Response:
        """The one stylesheet."""
        loader = self._templates.loader
        assert loader is not None  # noqa: S101  (given above; tells the type checker)
        source, _, _ = loader.get_source(self._templates, "page.css")
        response = Response(source, media_type="text/css")
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response
