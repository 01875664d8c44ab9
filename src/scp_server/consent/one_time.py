"""OneTime: keys that open one consent request, once."""

import re
from dataclasses import dataclass, replace
from typing import Final

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import ConsentRequest
from scp_server.ports.clock import Clock
from scp_server.ports.sessions import SessionStore

LINK_SECONDS: Final = 600.0
"""A login link, and the state of a flow, are good for ten minutes."""
CODE_SECONDS: Final = 60.0
"""A return code passes through browser history: a minute is enough to redeem it."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,512}")
"""All tokens of ours; what is not of this form is not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Who opened a session: to nobody else is its return code worth anything."""

    agent_pk: int | None
    challenge: str | None
    """What the opener's secret makes (RFC 7636 4.2)."""

    @property
    def key(self) -> str:
        """As part of a key. A dot is in neither."""
        return f".{self.agent_pk or ''}.{self.challenge or ''}"


class OneTime:
    """Stores requests under keys of four kinds, so that a key of one kind is none of another."""

    def __init__(self, sessions: SessionStore, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def put_link(self, link: Secret, request: ConsentRequest) -> None:
        """A login link leads to this request."""
        await self._sessions.open_request(_key("link", link), request)

    async def take_link(self, link: Secret) -> ConsentRequest | None:
        """The request of a login link, once."""
        return await self._take("link", link)

    async def put_flow(self, state: Secret, cookie: Secret, request: ConsentRequest) -> None:
        """A provider's answer with this state, in the browser with this cookie, belongs to it.

        The two make one key: a stolen state finds nothing in another browser, nor uses it up.
        """
        await self._sessions.open_request(_key("flow", state, cookie), request)

    async def take_flow(self, state: Secret, cookie: Secret) -> ConsentRequest | None:
        """The request of a flow, once."""
        return await self._take("flow", state, cookie)

    async def put_code(self, code: Secret, request: ConsentRequest) -> None:
        """A return code is worth this request, and leaves a trace to know a second use by.

        Code and opener make one key: a stolen code finds nothing for another, nor is it used up.
        """
        opener = Opener(agent_pk=request.agent_pk, challenge=request.challenge)
        await self._sessions.open_request(_key(f"code{opener.key}", code), request)
        trace = replace(request, session_id=None)
        await self._sessions.open_request(_key(f"spent{opener.key}", code), trace)

    async def take_code(self, code: Secret, opener: Opener) -> ConsentRequest | None:
        """The request of a return code, once, for who opened it."""
        return await self._take(f"code{opener.key}", code)

    async def take_spent(self, code: Secret, opener: Opener) -> ConsentRequest | None:
        """The request of a return code that was taken before."""
        return await self._take(f"spent{opener.key}", code)

    async def _take(self, kind: str, *parts: Secret) -> ConsentRequest | None:
        if not all(_TOKEN.fullmatch(part.reveal()) for part in parts):
            return None
        return await self._sessions.take_request(_key(kind, *parts), now=self._clock.now())


def _key(kind: str, *parts: Secret) -> Secret:
    # A dot is in no token, so that no two lists of parts give the same key.
    return Secret(".".join((kind, *(part.reveal() for part in parts))))
