"""The door: how many sockets may be open at once, in all and from one address."""

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

_LOG: Final = structlog.get_logger("scp.listening")

QUIET_SECONDS: Final = 60.0
"""That sockets are refused is logged once in so long; every refusal is counted."""

MAX_PARTING: Final = 64
"""Refused clients that may read at once why; more are cut off untold."""

Peer = tuple[Any, ...] | None
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Tally(Protocol):
    """What is counted about listening. Every call is cheap and does not fail."""

    def sockets(self, count: int) -> None:
        """How many are open now."""
        ...

    def turned_away(self, reason: str) -> None:
        """A connection was refused before there was a request; reasons are a short list."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`sockets` open at once in this process; `per_address` from one address, 0 for any number.

    Sockets of `proxies` count as one process's, not as one client's: there the client's address is
    in a header that only requests have.
    """

    sockets: int = 10_000
    per_address: int = 0
    proxies: tuple[str, ...] = ()


class Seat:
    """One open socket. It is given back once, by whoever has the socket when it ends."""

    __slots__ = ("_address", "_door")

    def __init__(self, door: "Door", address: str) -> None:
        self._door: Door | None = door
        self._address = address

    def leave(self) -> None:
        """The socket has ended. A second time changes nothing."""
        door, self._door = self._door, None
        if door is not None:
            door.left(self._address)


class Door:
    """Counts sockets, from their acceptance to their end, whatever is spoken on them."""

    def __init__(self, bounds: Bounds, tally: Tally, now: Callable[[], float]) -> None:
        self.tally = tally
        self._bounds = bounds
        self._proxies = _networks(bounds.proxies)
        self._now = now
        self._open = 0
        self._of: Counter[str] = Counter()
        self._told = -QUIET_SECONDS
        self._parting = 0

    def enter(self, peer: Peer) -> Seat | None:
        """A socket was accepted: its seat, or None when there is none left."""
        address = self._counted(peer)
        if self._open >= self._bounds.sockets:
            self._refused("sockets")
            return None
        if address and 0 < self._bounds.per_address <= self._of[address]:
            self._refused("address")
            return None
        self._open += 1
        if address:
            self._of[address] += 1
        self.tally.sockets(self._open)
        return Seat(self, address)

    def left(self, address: str) -> None:
        """See `Seat.leave`."""
        self._open -= 1
        if address:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]
        self.tally.sockets(self._open)

    def may_part(self) -> bool:
        """Whether one more refused client may be told. It has then to be `parted`."""
        if self._parting >= MAX_PARTING:
            return False
        self._parting += 1
        return True

    def parted(self) -> None:
        """A refused client is gone."""
        self._parting -= 1

    def _refused(self, reason: str) -> None:
        self.tally.turned_away(reason)
        now = self._now()
        if now - self._told >= QUIET_SECONDS:
            self._told = now
            _LOG.warning("connections_turned_away", limit=reason, open=self._open)

    def _counted(self, peer: Peer) -> str:
        """The address a socket counts for: of IPv6 the network, which one client has whole."""
        try:
            address = ipaddress.ip_address(str(peer[0]).partition("%")[0]) if peer else None
        except ValueError:
            address = None
        if address is None or any(address in network for network in self._proxies):
            return ""
        if isinstance(address, ipaddress.IPv6Address):
            mapped = address.ipv4_mapped
            return str(mapped or ipaddress.ip_network((address, 64), strict=False))
        return str(address)


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
