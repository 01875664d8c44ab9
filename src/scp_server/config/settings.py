"""Every setting there is, with its default and what it is for.

The name of a field is the name of its variable: `port` is SCP_PORT, `google.client_id` is
SCP_GOOGLE__CLIENT_ID. A default that depends on others is told in words, in `extra["default"]`.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from scp_server.config.provider_settings import GoogleSettings, MicrosoftSettings
from scp_server.domain.secrets import Secret

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["console", "json"]
Quotas = Literal["generous", "published"]


class AlarmSettings(Struct, frozen=True, kw_only=True):
    """How often within `window_seconds` is suspicious, of one address or session. 0: never."""

    window_seconds: Annotated[
        int, Meta(ge=1, le=86_400, description="The time over which suspicious acts are counted.")
    ] = 300
    credentials: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Credentials that were refused.")
    ] = 20
    ids: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Streams asked for that are not the caller's.")
    ] = 20
    limits: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Requests beyond a limit of ours.")
    ] = 200
    answers: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Callbacks that no consent waits for.")
    ] = 5
    tickets: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Tickets that come a second time.")
    ] = 1


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
    ledger_rows: Annotated[
        int,
        Meta(
            ge=2,
            le=1000,
            description="Places of one stream that the database keeps. With fewer, more is read"
            " again for who comes back late, or is told as a gap.",
        ),
    ] = 1000


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
    alarms: AlarmSettings = AlarmSettings()
    audit_days: Annotated[
        float,
        Meta(ge=0, le=36_500, description="Days rows of the audit trail are kept; 0: for ever."),
    ] = 365.0
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
