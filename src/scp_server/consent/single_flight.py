"""SingleFlight: many ask, one acts, all get the outcome."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from scp_server.domain.errors import ScpError

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    landed: anyio.Event = field(default_factory=anyio.Event)
    result: T | None = None
    failure: ScpError | None = None


class SingleFlight(Generic[K, T]):
    """One act at a time per key; who asks meanwhile waits and shares result or failure.

    Nothing is remembered once the act is over.
    """

    def __init__(self) -> None:
        self._flights: dict[K, _Flight[T]] = {}

    async def fly(self, key: K, act: Callable[[], Awaitable[T]]) -> T:
        """Act, or share the outcome of who acts already. `act` must not return None.

        Raises: what `act` raises.
        """
        while (under_way := self._flights.get(key)) is not None:
            await under_way.landed.wait()
            if under_way.failure is not None:
                raise under_way.failure
            if under_way.result is not None:
                return under_way.result
            # Who acted was cancelled before the end: one of those waiting takes its place.
        return await self._lead(key, act)

    async def _lead(self, key: K, act: Callable[[], Awaitable[T]]) -> T:
        flight = self._flights[key] = _Flight[T]()
        try:
            flight.result = result = await act()
        except ScpError as error:
            flight.failure = error
            raise
        finally:
            del self._flights[key]
            flight.landed.set()
        return result
