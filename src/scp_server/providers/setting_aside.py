"""Setting aside: an item that cannot be read is tried three times, then left out and told.

A provider may send something of no shape at all where an item belongs. The step that holds it fails
as a whole, so that all of it is asked for again; only what stays odd is skipped. Whatever a shape
stumbles over sets aside its item alone; that it was no refusal of ours but a fault is told with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from traceback import walk_tb
from typing import Any, Final, Generic, TypeVar

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Reply

T = TypeVar("T")

_OURS: Final = "scp_server"

TRIES: Final = 3
KNOWN_LIMIT: Final = 1000
"""Items whose failures are counted at a time; beyond it they are set aside at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped(Generic[T]):
    """What could be read, by id and in order, and what could not."""

    found: dict[str, T]
    skipped: tuple[Skipped, ...] = ()


class Unreadable:
    """What one stream could not read so far. Lives as long as its connector."""

    def __init__(self) -> None:
        self._tries: dict[str, int] = {}
        self._given_up: set[str] = set()
        """Keys given up since the last failure."""
        self._again: set[str] = set()
        """Keys given up in a step that failed for another: they come again with it."""

    def replies(
        self, replies: Mapping[str, Reply], shape: Callable[[str, dict[str, Any]], T]
    ) -> Shaped[T]:
        """Shape the answers to one GET for each item; what is absent is left out.

        Raises: ProviderProtocolError when the step is to be tried again.
        """
        failed = tuple(Skipped(id=i, reason=r.failed) for i, r in replies.items() if r.failed)
        there = {i: r.body for i, r in replies.items() if not r.failed and not r.absent}
        shaped = self.shaped(there, shape)
        return Shaped(found=shaped.found, skipped=(*failed, *shaped.skipped))

    def shaped(
        self, bodies: Mapping[str, dict[str, Any]], shape: Callable[[str, dict[str, Any]], T]
    ) -> Shaped[T]:
        """Shape what came for each id.

        Raises: ProviderProtocolError when the step is to be tried again.
        """
        found: dict[str, T] = {}
        odd: dict[str, str] = {}
        faults: dict[str, str] = {}
        for identity, body in bodies.items():
            try:
                found[identity] = shape(identity, body)
            except ProviderProtocolError as error:
                odd[identity] = error.message
            except Exception as fault:  # noqa: BLE001  (whatever it stumbles over, all else goes on)
                odd[identity] = "It has a shape this server does not understand."
                faults[identity] = _told(fault)
        self.give_up(odd)
        for identity in found:
            self._tries.pop(identity, None)
        self._again -= found.keys()
        skipped = (Skipped(id=i, reason=why, fault=faults.get(i)) for i, why in odd.items())
        return Shaped(found=found, skipped=tuple(skipped))

    def give_up(self, odd: Mapping[str, str]) -> None:
        """Note that these failed, by a key each with the reason, and that they are given up.

        Raises: ProviderProtocolError when one of them is worth another try.
        """
        fresh = [key for key in odd if key not in self._again]
        for key in fresh:
            if key in self._tries or len(self._tries) < KNOWN_LIMIT:
                self._tries[key] = self._tries.get(key, 0) + 1
        hopeful = [key for key in fresh if self._tries.get(key, TRIES) < TRIES]
        if hopeful:
            # The step begins anew, and what was given up in it is not tried thrice once more.
            again = (self._again | self._given_up) - odd.keys()
            self._again = again if len(again) < KNOWN_LIMIT else set()
            self._given_up.clear()
            raise ProviderProtocolError(odd[hopeful[0]])
        for key in odd:
            self._tries.pop(key, None)
        self._again -= odd.keys()
        if len(self._given_up) < KNOWN_LIMIT:
            self._given_up |= odd.keys()


class Nameless:
    """Entries without an id of a listing that is read again and again: each is told once."""

    def __init__(self, unreadable: Unreadable, reason: str) -> None:
        self._unreadable = unreadable
        self._reason = reason
        self._known = 0
        self._untold = 0

    def note(self, count: int, *, whole: bool) -> None:
        """So many were in the `whole` listing, or in what changed of it.

        Raises: ProviderProtocolError when the listing is worth another try for their sake.
        """
        fresh = count - self._known if whole else count
        if fresh > 0:
            self._unreadable.give_up({self._reason: self._reason})
            self._untold += fresh
        self._known = count if whole else self._known + count

    def untold(self) -> tuple[Skipped, ...]:
        """Those to be told now."""
        untold, self._untold = self._untold, 0
        return (Skipped(id=None, reason=self._reason),) * untold


def _told(fault: Exception) -> str:
    """Its type, and where in this server's code it came from; its message may be content."""
    frames = [(PurePath(f.f_code.co_filename).parts, at) for f, at in walk_tb(fault.__traceback__)]
    own = [(parts, at) for parts, at in frames if _OURS in parts]
    parts, at = (own or frames)[-1]
    return f"{type(fault).__name__} at {'/'.join(parts[-2:])}:{at}"
