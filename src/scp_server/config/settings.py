"""Every setting there is, with its default and what it is for.

The name of a field is the name of its variable: `port` is SCP_PORT, `google.client_id` is
SCP_GOOGLE__CLIENT_ID. A default that depends on others is told in words, in `extra["default"]`.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from scp_server.domain.secrets import Secret

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]
Quotas = Literal["generous", "published"]

_URL = {"form": "url"}


class GoogleSettings(Struct, frozen=True, kw_only=True):
    """The app registration at Google, and where Google is."""

    client_id: Annotated[
        str | None,
        Meta(description="Client id of the OAuth app. Without it Google is switched off."),
    ] = None
    client_secret: Annotated[Secret | None, Meta(description="Client secret of the OAuth app.")] = (
        None
    )
    authorization_url: Annotated[
        str, Meta(description="Where users are sent to consent.", extra=_URL)
    ] = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: Annotated[
        str, Meta(description="Where codes and refresh tokens are redeemed.", extra=_URL)
    ] = "https://oauth2.googleapis.com/token"  # noqa: S105  (an address)
    revocation_url: Annotated[str, Meta(description="Where grants are revoked.", extra=_URL)] = (
        "https://oauth2.googleapis.com/revoke"
    )
    userinfo_url: Annotated[
        str, Meta(description="Where an access token's user is asked for.", extra=_URL)
    ] = "https://openidconnect.googleapis.com/v1/userinfo"
    jwks_url: Annotated[
        str, Meta(description="The keys ID tokens are signed with.", extra=_URL)
    ] = "https://www.googleapis.com/oauth2/v3/certs"
    issuer: Annotated[str, Meta(description="The issuer ID tokens must name.", extra=_URL)] = (
        "https://accounts.google.com"
    )
    gmail_url: Annotated[str, Meta(description="What /gmail/v1/… is joined to.", extra=_URL)] = (
        "https://gmail.googleapis.com"
    )
    calendar_url: Annotated[
        str, Meta(description="What /calendar/v3/… is joined to.", extra=_URL)
    ] = "https://www.googleapis.com"
    people_url: Annotated[str, Meta(description="What /v1/people/… is joined to.", extra=_URL)] = (
        "https://people.googleapis.com"
    )
    drive_url: Annotated[str, Meta(description="What /drive/v3/… is joined to.", extra=_URL)] = (
        "https://www.googleapis.com"
    )
    batch_size: Annotated[
        int,
        Meta(ge=1, le=100, description="Calls in one batch request; 1 sends each on its own."),
    ] = 20
    quota_units_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Gmail quota units a user may spend per minute. Projects older than May"
            " 2026 may have more: see the quotas page of the Cloud console.",
        ),
    ] = 6_000
    calendar_requests_per_minute: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Calendar requests per user and minute.")
    ] = 600
    people_reads_per_minute: Annotated[
        int, Meta(ge=1, le=10_000_000, description="People API reads per user and minute.")
    ] = 90
    drive_units_per_minute: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Drive quota units per user and minute.")
    ] = 325_000
    calls_in_flight: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Calls at once for one user at one of Google's services; each part of a"
            " batch is one.",
        ),
    ] = 20


class MicrosoftSettings(Struct, frozen=True, kw_only=True):
    """The app registration at Microsoft, and where Microsoft is."""

    client_id: Annotated[
        str | None,
        Meta(description="Client id of the app. Without it Microsoft is switched off."),
    ] = None
    client_secret: Annotated[Secret | None, Meta(description="Client secret of the app.")] = None
    tenant: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9.-]{1,255}$",
            description="Who may consent: common, organizations, consumers, or a directory's id.",
        ),
    ] = "common"
    authorization_url: Annotated[
        str,
        Meta(
            description="Where users are sent to consent; {tenant} is filled in.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize"
    token_url: Annotated[
        str,
        Meta(
            description="Where codes and refresh tokens are redeemed; {tenant} is filled in.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"  # noqa: S105  (an address)
    jwks_url: Annotated[
        str,
        Meta(
            description="The keys ID tokens are signed with; {tenant} is filled in.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys"
    issuer: Annotated[
        str,
        Meta(
            description="The issuer ID tokens must name; {tenant} is the token's own tenant.",
            extra=_URL,
        ),
    ] = "https://login.microsoftonline.com/{tenant}/v2.0"
    graph_url: Annotated[str, Meta(description="What /v1.0/… is joined to.", extra=_URL)] = (
        "https://graph.microsoft.com"
    )
    batch_size: Annotated[
        int, Meta(ge=1, le=20, description="Calls in one batch request; 1 sends each on its own.")
    ] = 20
    outlook_requests_per_ten_minutes: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Outlook requests per mailbox and ten minutes.")
    ] = 10_000
    onedrive_units_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="OneDrive resource units per user and minute. Microsoft counts them per"
            " organisation, from 1,200 for the smallest.",
        ),
    ] = 1_200
    event_days_back: Annotated[
        int,
        Meta(
            ge=0,
            le=1_824,
            description="outlook_events without `time_min` begin so many days before today.",
        ),
    ] = 30
    event_days_ahead: Annotated[
        int,
        Meta(
            ge=1,
            le=1_825,
            description="outlook_events without `time_max` end so many days after today; with"
            " the days back no more than 1,825, the widest window Microsoft shows.",
        ),
    ] = 365


class LimitSettings(Struct, frozen=True, kw_only=True):
    """Our own limits. 0 switches one off."""

    connections_per_session: Annotated[
        int, Meta(ge=0, le=100_000, description="Socket.IO connections per session and window.")
    ] = 5
    connection_window_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="The window of the limit on connections.")
    ] = 300
    stream_events_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Single-item events per connection.")
    ] = 100
    data_requests_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="REST calls per session.")
    ] = 50
    subscriptions_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="subscribe_data per session.")
    ] = 10
    starts_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Stream starts per session.")
    ] = 10
    sockets: Annotated[
        int | None,
        Meta(
            ge=1,
            le=1_000_000,
            description="Sockets of clients open at once. Refuses to start where fewer files may be"
            " open.",
            extra={"default": "what the limit on open files lets, at most `10000`"},
        ),
    ] = None
    sockets_per_address: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Sockets open at once from one address, or one IPv6 network of 64 bits."
            " Trusted proxies are not counted.",
            extra={"default": "off when bound to loopback, else `500`"},
        ),
    ] = 0
    max_rate_limit_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="The most a stream may ask for as its rate_limit_per_minute.",
        ),
    ] = 600


class WindowSettings(Struct, frozen=True, kw_only=True):
    """How much of a stream is held for its consumers."""

    events: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Events of one stream held at most.")
    ] = 256
    bytes: Annotated[
        int, Meta(ge=1024, le=2**40, description="Bytes of one stream held at most.")
    ] = 1024 * 1024
    total_bytes: Annotated[
        int, Meta(ge=1024, le=2**50, description="Bytes of all streams together held at most.")
    ] = 256 * 1024 * 1024
    stall_seconds: Annotated[
        float,
        Meta(gt=0, le=86_400, description="A consumer that takes nothing for so long is closed."),
    ] = 30.0
    seat_seconds: Annotated[
        float, Meta(ge=0, le=86_400, description="How long a lost connection's place is kept.")
    ] = 120.0


class Settings(Struct, frozen=True, kw_only=True):
    """All settings, complete: what was not given has its default."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=253,
            description="Where to listen; localhost means both loopback addresses.",
        ),
    ] = "localhost"
    port: Annotated[
        int, Meta(ge=0, le=65_535, description="The port to listen on; 0 takes a free one.")
    ] = 5000
    public_url: Annotated[
        str,
        Meta(
            description="How browsers reach this server; callbacks are built from it.",
            extra={"form": "url", "default": "`http://localhost:{port}`"},
        ),
    ]
    data_dir: Annotated[
        Path,
        Meta(
            description="Where database and keys are kept.",
            extra={"default": "the platform's data folder"},
        ),
    ]
    database_url: Annotated[
        str,
        Meta(
            description="The database: sqlite:///<path>.",
            extra={"default": "`sqlite:///{data_dir}/scp.db`"},
        ),
    ]
    key_file: Annotated[
        Path | None,
        Meta(
            description="The keys tokens are sealed with, made at the first start. Back it up.",
            extra={"default": "`{data_dir}/keys`, unless the keys come from elsewhere"},
        ),
    ] = None
    keys: Annotated[
        Secret | None,
        Meta(description="The text of a key file, instead of the file; `;` ends a line as well."),
    ] = None
    key_command: Annotated[
        str | None,
        Meta(
            min_length=1,
            max_length=4096,
            description="A command that prints the text of a key file, run without a shell; its"
            " words are quoted as a shell's are.",
        ),
    ] = None
    key_command_seconds: Annotated[
        float, Meta(gt=0, le=600, description="How long the key command may take.")
    ] = 10.0
    allow_debuggers: Annotated[
        bool,
        Meta(
            description="Let debuggers and profilers of the same user look into the process, which"
            " holds keys and tokens (Linux)."
        ),
    ] = False
    operator_key: Annotated[
        Secret | None,
        Meta(
            description="The operator's bearer key: `operator-` and at least 22 characters.",
            extra={"default": "made at the first start, kept in `{data_dir}/operator-key`"},
        ),
    ] = None
    allowed_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Further origins whose pages may use this server, with commas between.",
            extra={"form": "origin", "default": "its own origin only"},
        ),
    ] = ()
    return_to: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses a finished consent may return to, exact, with commas between.",
            extra={"form": "return_to"},
        ),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks of proxies whose X-Forwarded-* counts.",
            extra={"form": "network"},
        ),
    ] = ()
    tls_cert: Annotated[Path | None, Meta(description="Certificate chain, PEM.")] = None
    tls_key: Annotated[Path | None, Meta(description="Private key of the certificate, PEM.")] = None
    require_session: Annotated[
        bool,
        Meta(
            description="Whether a stream's id alone is not enough for its status and stop.",
            extra={"default": "off when bound to loopback, else on"},
        ),
    ]
    allow_query_session: Annotated[
        bool, Meta(description="Whether a session's id may stand in a URL's query.")
    ] = True
    google: GoogleSettings = GoogleSettings()
    microsoft: MicrosoftSettings = MicrosoftSettings()
    sandbox: Annotated[
        bool, Meta(description="Run simulated providers beside the server and use them.")
    ] = False
    sandbox_port: Annotated[
        int, Meta(ge=0, le=65_535, description="The sandbox's port; 0 takes a free one.")
    ] = 0
    sandbox_seed: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="The same seed gives the same world.")
    ] = 1
    sandbox_messages: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Messages in each simulated mailbox.")
    ] = 1200
    sandbox_events: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Events of each simulated user.")
    ] = 300
    sandbox_contacts: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Contacts of each simulated user.")
    ] = 200
    sandbox_files: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Files and folders of each simulated user.")
    ] = 400
    sandbox_quotas: Annotated[
        Quotas, Meta(description="Whether the sandbox refuses as the real providers do.")
    ] = "generous"
    limits: LimitSettings = LimitSettings()
    window: WindowSettings = WindowSettings()
    session_days: Annotated[
        float, Meta(gt=0, le=3650, description="Days after its last use at which a session ends.")
    ] = 30.0
    log_level: Annotated[LogLevel, Meta(description="The least level that is logged.")] = "info"
    log_format: Annotated[
        LogFormat | None,
        Meta(
            description="Lines for people or one JSON object a line.",
            extra={"default": "`console` on a terminal, else `json`"},
        ),
    ] = None
