"""Secrets: values that must never be seen where they are not needed."""

from typing import Final

SESSION_PREFIX: Final = "session-"
AGENT_PREFIX: Final = "agent-"
OPERATOR_PREFIX: Final = "operator-"
STREAM_PREFIX: Final = "stream-"


class Secret:
    """A string whose `repr`, `str` and log form are stars; `reveal` is for the wire only."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Never pass the result to a log, an error or a file."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def masked_session(last4: str) -> str:
    """How a session's id is shown to who did not present it."""
    return f"{SESSION_PREFIX}…{last4}"


def short_stream(stream_id: str) -> str:
    """How a stream's id is written to a log: enough to find it, too little to use it."""
    return stream_id[: len(STREAM_PREFIX) + 8] + "…"
