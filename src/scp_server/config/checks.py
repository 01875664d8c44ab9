"""What must hold of settings beyond their types."""

import ipaddress
import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urlsplit

from scp_server.config.faults import ConfigError
from scp_server.config.fields import Setting
from scp_server.config.provider_settings import MicrosoftSettings
from scp_server.config.settings import Settings
from scp_server.domain.secrets import OPERATOR_PREFIX
from scp_server.providers.microsoft.calendar_filters import MOST_DAYS

MIN_OPERATOR_KEY: Final = 22
"""Characters after the prefix: 128 bits in base64url."""
_PRINTABLE: Final = re.compile(r"[!-~]+")
TENANTS: Final = ("common", "organizations", "consumers")
_DIRECTORY: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check(settings: Settings, known: tuple[Setting, ...]) -> None:
    """Refuse settings that contradict each other or would be unsafe.

    Raises: ConfigError, the first that is found.
    """
    for setting in known:
        _check_form(setting, _value(settings, setting))
    _check_public_url(settings)
    _check_database_url(settings.database_url)
    _check_keys(settings)
    _check_operator_key(settings)
    _check_clients(settings)
    _check_tenant(settings.microsoft.tenant)
    _check_days(settings.microsoft)
    _check_tls(settings)
    _check_bind(settings)
    _check_sandbox(settings)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _value(settings: Settings, setting: Setting) -> object:
    value: object = settings
    for name in setting.path:
        value = getattr(value, name)
    return value


def _check_form(setting: Setting, value: object) -> None:
    rule = _FORMS.get(setting.form or "")
    if rule is None:
        return
    for text in value if isinstance(value, tuple) else (str(value),):
        fault = rule(text)
        if fault is not None:
            # What stands before an "@" may be a password.
            shown = "" if "@" in text else f", not {text[:100]!a}"
            raise ConfigError(setting.variable, f"{setting.variable} {fault}{shown}.")


def _split(text: str) -> SplitResult | None:
    """The parts of an absolute http(s) address without userinfo or fragment; else None."""
    if not _PRINTABLE.fullmatch(text) or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    plain = host and port != 0 and "@" not in parts.netloc and "#" not in text
    return parts if plain and parts.scheme in ("https", "http") else None


def _secure(parts: SplitResult) -> bool:
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def _url_fault(text: str, *, query: bool) -> str | None:
    parts = _split(text)
    if parts is None or not _secure(parts) or (not query and "?" in text):
        return "must be an https address (http only at a loopback host)"
    return None


def _origin_fault(text: str) -> str | None:
    parts = _split(text)
    if parts is None or f"{parts.scheme}://{parts.netloc}" != text:
        return "must be origins as browsers send them, https://host or https://host:port"
    return None


def _network_fault(text: str) -> str | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "must be IP addresses or networks such as 10.0.0.0/8"
    return "must not trust every address" if network.prefixlen == 0 else None


_FORMS: Final[Mapping[str, Callable[[str], str | None]]] = MappingProxyType(
    {
        "url": partial(_url_fault, query=False),
        "return_to": partial(_url_fault, query=True),
        "origin": _origin_fault,
        "network": _network_fault,
    }
)


def _check_public_url(settings: Settings) -> None:
    if urlsplit(settings.public_url).path:
        raise ConfigError(
            "SCP_PUBLIC_URL",
            "SCP_PUBLIC_URL must be only scheme, host and port: the paths below it are fixed.",
        )


def _check_database_url(url: str) -> None:
    if not url.startswith("sqlite:///") or url == "sqlite:///" or ":memory:" in url:
        # Not the value: the URL of another database may hold its password.
        raise ConfigError(
            "SCP_DATABASE_URL",
            "SCP_DATABASE_URL must be sqlite:///<path>: this release keeps its data in SQLite.",
        )


def _check_keys(settings: Settings) -> None:
    given = [
        variable
        for variable, value in (
            ("SCP_KEY_FILE", settings.key_file),
            ("SCP_KEYS", settings.keys),
            ("SCP_KEY_COMMAND", settings.key_command),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise ConfigError(
            given[-1],
            f"{' and '.join(given)} are both set, and keys come from one place only. Unset all but"
            " the one that has the keys of this database.",
        )
    if settings.key_command is not None:
        try:
            words = shlex.split(settings.key_command)
        except ValueError:
            words = []
        if not words:
            raise ConfigError(
                "SCP_KEY_COMMAND",
                "SCP_KEY_COMMAND must be a command and its arguments, quoted as for a shell: a"
                " quote in it is not closed, or there is no word.",
            )


def _check_operator_key(settings: Settings) -> None:
    if settings.operator_key is None:
        return
    key = settings.operator_key.reveal()
    secret = key.removeprefix(OPERATOR_PREFIX)
    if secret == key or len(secret) < MIN_OPERATOR_KEY or not _PRINTABLE.fullmatch(key):
        raise ConfigError(
            "SCP_OPERATOR_KEY",
            f"SCP_OPERATOR_KEY must be {OPERATOR_PREFIX} and at least {MIN_OPERATOR_KEY} printable"
            " characters. Leave it unset to have one made.",
        )


def _check_clients(settings: Settings) -> None:
    for name, registration in (("GOOGLE", settings.google), ("MICROSOFT", settings.microsoft)):
        if registration.client_secret is not None and registration.client_id is None:
            variable = f"SCP_{name}__CLIENT_ID"
            raise ConfigError(
                variable, f"SCP_{name}__CLIENT_SECRET is set: set {variable} as well."
            )


def _check_tenant(tenant: str) -> None:
    if tenant not in TENANTS and not _DIRECTORY.fullmatch(tenant):
        # A directory's domain would do at Microsoft, but ID tokens name it by its id only.
        raise ConfigError(
            "SCP_MICROSOFT__TENANT",
            f"SCP_MICROSOFT__TENANT must be one of {', '.join(TENANTS)}, or a directory (tenant) id"
            f" in small letters as the app's overview page shows it, not {tenant!a}.",
        )


def _check_days(microsoft: MicrosoftSettings) -> None:
    if microsoft.event_days_back + microsoft.event_days_ahead > MOST_DAYS:
        raise ConfigError(
            "SCP_MICROSOFT__EVENT_DAYS_AHEAD",
            "SCP_MICROSOFT__EVENT_DAYS_BACK and SCP_MICROSOFT__EVENT_DAYS_AHEAD must not be more"
            f" than {MOST_DAYS} days together: Microsoft shows no more of a calendar at once.",
        )


def _check_tls(settings: Settings) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError("SCP_TLS_CERT", "Set both SCP_TLS_CERT and SCP_TLS_KEY, or neither.")
    for variable, path in (("SCP_TLS_CERT", settings.tls_cert), ("SCP_TLS_KEY", settings.tls_key)):
        if path is not None and not path.is_file():
            raise ConfigError(variable, f"{variable} names {path}, which is not a file.")


def _check_bind(settings: Settings) -> None:
    if is_loopback(settings.host):
        return
    if settings.tls_cert is None and not settings.trusted_proxies:
        raise ConfigError(
            "SCP_HOST",
            f"SCP_HOST {settings.host!a} can be reached from other machines, where session ids"
            " must not travel in the clear. Set SCP_TLS_CERT and SCP_TLS_KEY, or name the proxy"
            " that does TLS in SCP_TRUSTED_PROXIES, or bind to localhost.",
        )
    if is_loopback(urlsplit(settings.public_url).hostname or ""):
        raise ConfigError(
            "SCP_PUBLIC_URL",
            f"SCP_HOST is {settings.host!a}: set SCP_PUBLIC_URL to the https address under which"
            " browsers reach this server.",
        )


def _check_sandbox(settings: Settings) -> None:
    if not settings.sandbox:
        return
    if not is_loopback(settings.host):
        raise ConfigError(
            "SCP_SANDBOX",
            "SCP_SANDBOX lets anyone consent as a simulated user: it runs on loopback only. Unset"
            " SCP_HOST, or switch the sandbox off.",
        )
    for name, client_id in (
        ("GOOGLE", settings.google.client_id),
        ("MICROSOFT", settings.microsoft.client_id),
    ):
        if client_id is not None:
            raise ConfigError(
                "SCP_SANDBOX",
                f"SCP_SANDBOX takes the place of the real providers, but SCP_{name}__CLIENT_ID is"
                " set. Unset one of them.",
            )
