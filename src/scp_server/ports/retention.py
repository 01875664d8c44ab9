"""Retention: what is over is forgotten in time."""

from typing import Protocol

from scp_server.domain.sessions import Session


class Retention(Protocol):
    """Called now and then, by whoever keeps the house.

    Every method raises StorageUnavailable when the database does not answer.
    """

    async def expired_sessions(self, *, now: float) -> list[Session]:
        """Sessions past their expiry that have not ended: consent is to end them properly."""
        ...

    async def tidy(self, *, now: float) -> None:
        """Forget consent requests past their ten minutes and sessions that ended a week ago."""
        ...
