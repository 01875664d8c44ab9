"""A session store in which the test lets something happen between two steps."""

from collections.abc import Awaitable, Callable

from support.stores import MemorySessions

from scp_server.domain.sessions import Grant, Session, SessionState


class Interposed(MemorySessions):
    """A store in which something happens just before the next call of a named method."""

    before: tuple[str, Callable[[], Awaitable[None]]] | None = None

    async def grant(self, pk: int) -> Grant | None:
        await self._happen("grant")
        return await super().grant(pk)

    async def get(self, pk: int) -> Session | None:
        await self._happen("get")
        return await super().get(pk)

    async def replace_grant(self, pk: int, grant: Grant) -> bool:
        await self._happen("replace_grant")
        return await super().replace_grant(pk, grant)

    async def set_state(self, pk: int, state: SessionState) -> None:
        await self._happen("set_state")
        await super().set_state(pk, state)

    async def _happen(self, method: str) -> None:
        if self.before is not None and self.before[0] == method:
            happening, self.before = self.before[1], None
            await happening()
