"""Rests: sessions whose refresh failed are left alone for a while."""

from dataclasses import dataclass
from typing import Final

from scp_server.domain.backoff import MAX_RETRY_AFTER
from scp_server.domain.errors import ProviderError, ProviderUnavailable, Remedy
from scp_server.ports.chance import Chance
from scp_server.ports.clock import Clock

COOL_DOWN: Final = 30.0
"""Seconds without a new attempt after a failed one, while the old token is still good.

Nango waits as long; up to a third more is added by chance, so that sessions that failed together
do not return together.
"""


@dataclass(frozen=True, slots=True)
class Rest:
    """Why nobody asks, and until when by the monotonic clock."""

    error: ProviderError
    until: float

    @property
    def obeyed(self) -> bool:
        """Whether it holds even when there is no token left to go on with.

        So it is when the provider said how long, or only the operator can mend it; any other
        failure may be over by now.
        """
        return self.error.remedy is Remedy.ASK_OPERATOR or _told(self.error) is not None


class Rests:
    """One rest a session at most, forgotten when it is over."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self._clock = clock
        self._chance = chance
        self._rests: dict[int, Rest] = {}

    def why(self, pk: int) -> Rest | None:
        """The session's rest; None when it may be refreshed."""
        rest = self._rests.get(pk)
        return rest if rest is not None and rest.until > self._clock.monotonic() else None

    def begin(self, pk: int, error: ProviderError) -> None:
        """A refresh has failed. One that failed because of a rest does not make it longer."""
        now = self._clock.monotonic()
        self._rests = {other: rest for other, rest in self._rests.items() if rest.until > now}
        if pk not in self._rests:
            least = min(_told(error) or 0.0, MAX_RETRY_AFTER)
            seconds = max(least, COOL_DOWN) + COOL_DOWN * self._chance.uniform() / 3
            self._rests[pk] = Rest(error, now + seconds)

    def end(self, pk: int) -> None:
        """A refresh has succeeded."""
        self._rests.pop(pk, None)


def _told(error: ProviderError) -> float | None:
    return error.retry_after if isinstance(error, ProviderUnavailable) else None
