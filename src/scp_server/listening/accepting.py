"""Accepting: when no more files may be opened, that is said once a minute.

asyncio tries to accept as often as the backlog is long, and tells of each failure: thousands of
lines a second for as long as it lasts. New connections wait in the backlog meanwhile.
"""

import asyncio
import math
from typing import Any, Final

import structlog

_LOG: Final = structlog.get_logger("scp.listening")

SAY_AGAIN_AFTER: Final = 60.0
"""Seconds."""
_NO_FILES: Final = "socket.accept() out of system resource"
"""asyncio's words (selector_events.py)."""


class AcceptingTold:
    """An exception handler for an event loop: all else is handled as it would be without it."""

    def __init__(self) -> None:
        self._again_at = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of what went wrong where nobody waited for it."""
        if not str(context.get("message", "")).startswith(_NO_FILES):
            loop.default_exception_handler(context)
        elif loop.time() >= self._again_at:
            self._again_at = loop.time() + SAY_AGAIN_AFTER
            _LOG.error(
                "out_of_open_files",
                advice="Connections wait. Raise the limit of open files (ulimit -n).",
            )
