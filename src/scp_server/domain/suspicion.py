"""Suspicion: what is refused now and then is a mistake; in a burst it is somebody trying.

Pure: times are monotonic seconds, handed in. Memory is bounded: who was heard of longest ago is
forgotten first, so that a crowd of addresses can hide a slow one among them, and no more.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

REMEMBERED: Final = 4096
"""Culprits, of all kinds together, whose acts are counted."""


class Refused(StrEnum):
    """What was refused."""

    CREDENTIALS = "credentials"
    """None, unknown, ended, another's, or one that may not do that."""
    SCOPE = "scope"
    LIMITS = "limits"
    IDS = "ids"
    """A stream that is not there, or not the caller's."""
    ANSWERS = "answers"
    """A callback that no consent of that browser waits for."""
    TICKETS = "tickets"
    """A ticket that was redeemed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmValues:
    """How many refusals within `window` seconds are suspicious, of one culprit. 0: never."""

    window: float = 300.0
    most: Mapping[Refused, int] = field(
        default_factory=lambda: {
            Refused.CREDENTIALS: 20,
            Refused.IDS: 20,
            Refused.LIMITS: 200,
            Refused.ANSWERS: 5,
            Refused.TICKETS: 1,
        }
    )


@dataclass(slots=True)
class _Acts:
    times: deque[float]
    told: float | None = None


class Suspicion:
    """Counts refusals, in exact sliding windows."""

    def __init__(self, values: AlarmValues) -> None:
        self._values = values
        self._acts: OrderedDict[tuple[Refused, str], _Acts] = OrderedDict()

    def refused(self, what: Refused, culprit: str, now: float) -> int | None:
        """Count one; how many it takes, if that many were within the window.

        Told once a window for each culprit.
        """
        most = self._values.most.get(what, 0)
        if most == 0:
            return None
        acts = self._of((what, culprit), most)
        acts.times.append(now)
        since = now - self._values.window
        if len(acts.times) < most or acts.times[0] <= since:
            return None
        if acts.told is not None and acts.told > since:
            return None
        acts.told = now
        return most

    def _of(self, key: tuple[Refused, str], most: int) -> _Acts:
        acts = self._acts.get(key)
        if acts is None:
            acts = self._acts[key] = _Acts(deque(maxlen=most))
            if len(self._acts) > REMEMBERED:
                self._acts.popitem(last=False)
        self._acts.move_to_end(key)
        return acts
