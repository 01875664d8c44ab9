"""The last resort: whatever an application raises is answered and logged in our way, not uvicorn's.

uvicorn would answer in plain text, without the headers every answer has.
"""

import logging
import traceback
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scp_server.api.answers import dress, failure
from scp_server.domain.errors import ScpError
from scp_server.ports.chance import Chance

_log: Final = logging.getLogger("scp.listening")


class LastResort:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, chance: Chance, *, https: bool) -> None:
        self._app = app
        self._chance = chance
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on. Raises what came after an answer had begun: it is then cut off."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            trace_id = self._chance.token(64)
            # Neither message nor locals: either may hold content or a credential.
            frames = traceback.extract_tb(error.__traceback__)
            where = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
            _log.error("unexpected %s, trace_id %s: %s", type(error).__qualname__, trace_id, where)
            if started or scope["type"] != "http":
                raise
            answer = failure(ScpError("Something went wrong in the server.", trace_id=trace_id))
            dress(answer, https=self._https)
            await answer(scope, receive, send)
