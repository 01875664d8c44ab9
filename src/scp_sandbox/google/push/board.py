"""Who watches what, until when."""

import hashlib
from dataclasses import dataclass

from scp_sandbox.clock import Clock
from scp_sandbox.world.people import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One watch. `id` is the client's own name for it; Gmail's watches have the topic there.

    `resource_id` is the same for the same resource and user over all channels; `expires_ms` are
    milliseconds since the epoch.
    """

    id: str
    email: str
    service: str
    resource: str
    resource_id: str
    address: str
    token: str | None
    expires_ms: int


class Board:
    """The watches that stand; those that ran out are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._channels: dict[tuple[str, str], Channel] = {}

    def open(self, channel: Channel) -> None:
        """Takes a watch in; one of the same id and service is replaced."""
        self._channels[channel.service, channel.id] = channel

    def find(self, service: str, identity: str) -> Channel | None:
        """The living channel of an id."""
        channel = self._channels.get((service, identity))
        if channel is None or channel.expires_ms <= self.clock.now_ms():
            return None
        return channel

    def close(self, channel: Channel) -> None:
        """Ends a watch."""
        self._channels.pop((channel.service, channel.id), None)

    def living(self) -> list[Channel]:
        """All watches that have not run out."""
        now = self.clock.now_ms()
        return [c for c in self._channels.values() if c.expires_ms > now]


def resource_id(user: User, resource: str) -> str:
    """The stable name of a resource of a user."""
    digest = hashlib.sha256(f"{user.sub}/{resource}".encode()).hexdigest()
    return digest[:27]
