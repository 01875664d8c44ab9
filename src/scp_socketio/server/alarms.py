"""All deadlines of a server on one timer."""

import asyncio
import heapq
from typing import Protocol


class Alarmed(Protocol):
    """Something with a deadline. `alarm` is kept by `Alarms`: when it rings next, or None."""

    alarm: float | None

    def ring(self, now: float) -> float | None:
        """The deadline has come, or an earlier one that has moved: when to ring next, if ever."""


class Alarms:
    """Deadlines in one heap, with one timer of the loop for the earliest.

    A deadline that moves later is not moved in the heap: it rings at the old time and says the new
    one. What is dropped, or moved earlier, leaves the heap when it makes up half of it.
    """

    __slots__ = ("_count", "_heap", "_live", "_timer")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Alarmed]] = []
        self._count = 0
        self._live = 0
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Seconds of the clock that deadlines are told by."""
        return asyncio.get_running_loop().time()

    def set(self, owner: Alarmed, when: float) -> None:
        """Ring at `when` at the latest."""
        if owner.alarm is None:
            self._live += 1
        elif owner.alarm <= when:
            return
        owner.alarm = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, owner))
        self._tidy()
        self._arm()

    def drop(self, owner: Alarmed) -> None:
        """Ring no more."""
        if owner.alarm is None:
            return
        owner.alarm = None
        self._live -= 1
        self._tidy()

    def stop(self) -> None:
        """Forget all."""
        for _, _, owner in self._heap:
            owner.alarm = None
        self._heap.clear()
        self._live = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tidy(self) -> None:
        if len(self._heap) > 2 * self._live + 16:
            self._heap = [entry for entry in self._heap if entry[2].alarm == entry[0]]
            heapq.heapify(self._heap)

    def _arm(self) -> None:
        when = self._heap[0][0]
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self.now()
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap))
        for when, _, owner in due:
            if owner.alarm != when:
                continue
            owner.alarm = None
            self._live -= 1
            then = owner.ring(now)
            if then is not None:
                self.set(owner, then)
        if self._heap:
            self._arm()
