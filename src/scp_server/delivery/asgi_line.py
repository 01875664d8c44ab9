"""The connection below a response: ASGI shows none, so that a reader that takes nothing could not
be dropped. This server's uvicorn shows it, as an extension of the scope.
"""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

EXTENSION: Final = "scp.line"

Scope = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class TransportLine:
    """Implements `body.Line`."""

    backlog: Callable[[], int]
    abort: Callable[[], None]


def line_below(scope: Scope) -> TransportLine | None:
    """The connection of a request, None on a server that does not show it."""
    line = scope.get("extensions", {}).get(EXTENSION, {}).get("line")
    return line if isinstance(line, TransportLine) else None
