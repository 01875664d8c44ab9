"""What must not be in a log is taken out of it, whoever wrote it there.

This is the last net, not the first: code does not log secrets to begin with. It works on the text
of a record, field by field, just before it is rendered. Taking out too much is no fault.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from scp_server.domain.errors import ScpError
from scp_server.domain.secrets import short_stream

STARS: Final = "***"

_SECRET_NAMES: Final = (
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "session_id",
    "ticket",
    "operator_key",
    "code_verifier",
)
_NAMED_FIELDS: Final = frozenset(
    {*_SECRET_NAMES, "authorization", "cookie", "set_cookie", "password", "secret"}
)
"""Fields of a record that are stars whatever they hold."""


def _starred(keep: str = "") -> Callable[[re.Match[str]], str]:
    return lambda match: match.expand(keep) + STARS


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    # Our own ids. A masked session ("session-…1234") has no more to hide.
    (re.compile(r"(session|operator)-[\w-]{6,}"), _starred(r"\1-")),
    (re.compile(r"agent-[\w-]{16,}"), _starred("agent-")),
    (re.compile(r"stream-[\w-]{9,}"), lambda match: short_stream(match[0])),
    # Credentials in headers.
    (re.compile(r"\b(Bearer|Basic)\s+[^\s,;\"']+", re.IGNORECASE), _starred(r"\1 ")),
    # Google's access tokens, refresh tokens, codes and client secrets; any JWT. The slashes of
    # refresh tokens and codes may be percent-encoded.
    (re.compile(r"ya29\.[\w.~+/-]+"), _starred("ya29.")),
    (re.compile(r"1(?:/|%2F){2}0[\w.%-]*", re.IGNORECASE), _starred()),
    (re.compile(r"\b4(?:/|%2F)0[\w.%-]{8,}", re.IGNORECASE), _starred()),
    (re.compile(r"GOCSPX-[\w-]+"), _starred()),
    (re.compile(r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*"), _starred()),
    # Values in a query, by name; and secrets named in any other way.
    (re.compile(r"([?&](?:code|state|token|ticket|session_id|sid)=)[^&\s\"'#]+"), _starred(r"\1")),
    (
        re.compile(rf"((?:{'|'.join(_SECRET_NAMES)})[\"']?\s*(?:[:=]|%3D)\s*[\"']?)[^\s\"'&,;}}]+"),
        _starred(r"\1"),
    ),
    # Addresses are content.
    (re.compile(r"[\w.+%-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), _starred()),
    # asyncio names the exception of a failed task, with its message.
    (re.compile(r"(exception=\w+)\(.*\)", re.DOTALL), lambda match: f"{match[1]}({STARS})"),
)

_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Line ends, escape sequences, characters that turn text round, and halves of characters."""


def redacted(text: str) -> str:
    """The text without secrets, addresses and control characters."""
    for pattern, shown in _RULES:
        text = pattern.sub(shown, text)
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def redact_fields(_logger: object, _method: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Redact every field of a record, names and all: a structlog processor."""
    return {
        redacted(str(name)): STARS if _names_a_secret(name) else _plain(value)
        for name, value in record.items()
    }


def _names_a_secret(name: object) -> bool:
    return str(name).lower().replace("-", "_") in _NAMED_FIELDS


def _plain(value: object) -> object:
    """The value as plain JSON, redacted."""
    shown: object
    match value:
        case None | bool() | int() | float():
            shown = value
        case Mapping():
            shown = redact_fields(None, "", {str(name): each for name, each in value.items()})
        case list() | tuple() | set() | frozenset():
            shown = [_plain(each) for each in value]
        case BaseException():
            shown = redacted(told(value))
        case bytes() | bytearray() | memoryview():
            shown = f"({len(value)} bytes)"
        case _:
            shown = redacted(str(value))
    return shown


def told(exc: BaseException) -> str:
    """An exception in a line: our own with its message, any other without, as it may be content."""
    name = type(exc).__name__
    return f"{name}: {exc.message}" if isinstance(exc, ScpError) else name
