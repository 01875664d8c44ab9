"""Meter: counts for the operator. Never an id, never content."""

from typing import Literal, Protocol

from scp_wire.codes import ErrorCode
from scp_wire.stream_types import Provider, StreamType

SetAsideFor = Literal["unreadable", "fault"]
"""It was not what the provider documents; or an error in this server's own code: a bug."""


class Meter(Protocol):
    """Every call is cheap, does not wait and does not fail."""

    def streams_active(self, count: int) -> None:
        """How many streams run now."""
        ...

    def connections(self, count: int) -> None:
        """How many consumers are connected now."""
        ...

    def window_bytes(self, count: int) -> None:
        """How many bytes of encoded events all windows hold now."""
        ...

    def delivered(self, *, events: int, items: int) -> None:
        """Events, and the items in them, were written to a consumer."""
        ...

    def provider_call(self, provider: Provider, method: str, outcome: str) -> None:
        """A call was answered. `method` is the provider's name of it; `outcome` "ok" or a code."""
        ...

    def set_aside(self, provider: Provider, stream_type: StreamType, cause: SetAsideFor) -> None:
        """An item was left out of a stream."""
        ...

    def quota_waited(self, provider: Provider, service: str, seconds: float) -> None:
        """Calls of a service waited so long for its quota."""
        ...

    def quota_believed(self, provider: Provider, service: str, units: int) -> None:
        """Units an account may use in a window, as is believed now of the most limited one."""
        ...

    def refreshed(self, provider: Provider, outcome: str) -> None:
        """A token was refreshed ("ok") or not (a code)."""
        ...

    def failed(self, code: ErrorCode) -> None:
        """An error was answered, on whatever wire."""
        ...

    def suspected(self, what: str) -> None:
        """Refusals came in a burst. `what` was refused: one of a short, fixed list."""
        ...
