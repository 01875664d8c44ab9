"""Link: performs a connector's readings for one session at its provider."""

from typing import Protocol, TypeVar

from scp_server.ports.connector import Reading

T = TypeVar("T")


class Link(Protocol):
    """The only way to a provider.

    It holds the token, the quota, the time-outs and the transient retries of single calls. What
    it cannot mend it raises as a `ProviderError`, thrown into the reading first.
    """

    async def perform(self, reading: Reading[T]) -> T:
        """Make the requests the reading asks for and return what it learned.

        Raises: ProviderError, with the remedy the engine is to apply.
        """
        ...

    def delayed(self) -> float:
        """Seconds that calls of this account still wait for quota; 0 when they hardly do."""
        ...
