"""One Outlook calendar: its events now, and each as it was after any change.

Every change goes through a verb here and counts `change` up. What was is kept, so that a delta
round can say which occurrences of a series there used to be. An event's root is its series, or
itself; exceptions and called-off instances are kept as events that name their series.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.graph.errors import GraphError, sync_state_lost
from scp_sandbox.world.diaryplan import event_id, plan_diary
from scp_sandbox.world.event import Event, When
from scp_sandbox.world.people import User

Key = tuple[str | int | None, ...]
# An event, or the name of one that is gone.
Row = Event | str
_MOST_SPELLED = 8


@dataclass(frozen=True, slots=True)
class Root:
    """A single event or a series as it is at one moment; `event` is None when it is gone."""

    id: str
    event: Event | None
    exceptions: tuple[Event, ...] = ()


class Calendar:
    """A calendar's events."""

    def __init__(self, user: User, *, seed: int, visible: int, clock: Clock) -> None:
        self.user = user
        self.generation = 1
        self.loss = sync_state_lost()
        self._clock = clock
        self._rng = random.Random(f"{seed}/{user.sub}/outlook/diary")  # noqa: S311
        planned = [e for e in plan_diary(user, "outlook", seed, visible) if _stands(e)]
        self._now = {e.id: e for e in planned}
        self._was: dict[str, list[tuple[int, Event | None]]] = {}
        self._log: list[tuple[int, str]] = []
        self._inside: dict[str, set[str]] = {}
        self._spelled: dict[Key, tuple[Row, ...]] = {}
        for event in planned:
            self._index(event)
        self.change = len(planned) + 1
        self._updated_us = max((e.updated_us for e in planned), default=0)

    # -- reading ---------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """Single events and series, in order of creation."""
        return (e for e in self._now.values() if e.series_id is None)

    def get(self, identity: str) -> Event | None:
        """The event, series or exception of this id; None for a called-off instance."""
        found = self._now.get(identity)
        return found if found is not None and found.status != "cancelled" else None

    def root(self, identity: str, at: int | None = None) -> Root:
        """A single event or a series, now or as it was after the change `at`."""
        others = sorted(self._inside.get(identity, set()) - {identity})
        events = (self._at(i, at) for i in others)
        return Root(identity, self._at(identity, at), tuple(e for e in events if e is not None))

    def roots(self, at: int | None = None) -> list[Root]:
        """All of them, now or as they were."""
        found = (self.root(identity, at) for identity in self._inside)
        return [root for root in found if root.event is not None]

    def changed(self, since: int, until: int) -> list[tuple[str, frozenset[str]]]:
        """The roots touched after `since`, up to `until`, with what of each; last touched last."""
        begin = bisect_right(self._log, since, key=lambda entry: entry[0])
        touched: dict[str, set[str]] = {}
        for change, identity in self._log[begin:]:
            if change > until:
                break
            name = identity.partition("_")[0]
            touched[name] = touched.pop(name, set()) | {identity}
        return [(name, frozenset(what)) for name, what in touched.items()]

    def remembered(self, key: Key, make: Callable[[], Iterable[Row]]) -> tuple[Row, ...]:
        """What `make` gives for a key that says all it depends on; made once for many pages."""
        found = self._spelled.pop(key, None)
        if found is None:
            found = tuple(make())
            while len(self._spelled) >= _MOST_SPELLED:
                del self._spelled[next(iter(self._spelled))]
        self._spelled[key] = found
        return found

    # -- changing --------------------------------------------------------------------------------

    def create(self, *, summary: str, start: When, end: When, **more: object) -> Event:
        """Puts a new event in. `more` are further fields of `Event`."""
        now = self._clock.now_us()
        event = Event(
            id=event_id(self._rng),
            place=len(self._was) + len(self._now) + 1,
            change=0,
            created_us=now,
            updated_us=now,
            start=start,
            end=end,
            summary=summary,
            organizer=self.user.email,
        )
        return self._keep(replace(event, **more))  # type: ignore[arg-type]

    def update(self, identity: str, **fields: object) -> Event:
        """Changes fields of an event; a series that is moved loses its exceptions, as in Outlook.

        Raises:
            KeyError: when there is no such event.
        """
        event = self._now[identity]
        if {"start", "end", "recurrence"} & fields.keys():
            self._drop(self._inside.get(identity, set()) - {identity})
        return self._keep(replace(event, sequence=event.sequence + 1, **fields))  # type: ignore[arg-type]

    def change_instance(self, series: str, original: When, **fields: object) -> Event:
        """Makes an exception of an instance, or changes the one there is.

        Raises:
            KeyError: when there is no such series.
        """
        identity = f"{series}_{original.stamp}"
        if identity in self._now:
            return self.update(identity, **fields)
        master = self._now[series]
        length = master.end.moment - master.start.moment
        instance = replace(
            master,
            id=identity,
            place=len(self._was) + len(self._now) + 1,
            recurrence=(),
            series_id=series,
            original=original,
            start=original,
            end=original.shifted(length),
        )
        return self._keep(replace(instance, **fields))  # type: ignore[arg-type]

    def delete(self, identity: str) -> None:
        """Deletes an event, or a series with all its instances; an exception is called off.

        Raises:
            KeyError: when there is no such event.
        """
        event = self._now[identity]
        if event.series_id is not None:
            self._keep(replace(event, status="cancelled"))
            return
        self._drop(self._inside.get(identity, set()) - {identity})
        self._drop({identity})

    def shift(self, identity: str, by: timedelta) -> Event:
        """Moves an event in time.

        Raises:
            KeyError: when there is no such event.
        """
        event = self._now[identity]
        return self.update(identity, start=event.start.shifted(by), end=event.end.shifted(by))

    def forget_changes(self, loss: GraphError | None = None) -> None:
        """Lets every delta token given out so far die, to be refused with `loss`."""
        self.generation += 1
        self.loss = loss or sync_state_lost()

    # -- within ----------------------------------------------------------------------------------

    def _at(self, identity: str, at: int | None) -> Event | None:
        states = self._was.get(identity)
        if at is None or states is None:
            return self._now.get(identity)
        place = bisect_right(states, at, key=lambda state: state[0])
        return states[place - 1][1] if place else None

    def _keep(self, event: Event) -> Event:
        self.change += 1
        # Never the same twice, so that an etag tells two states apart within one microsecond.
        self._updated_us = max(self._clock.now_us(), self._updated_us + 1)
        kept = replace(event, change=self.change, updated_us=self._updated_us)
        self._record(kept.id, kept)
        self._now[kept.id] = kept
        self._index(kept)
        return kept

    def _drop(self, identities: Iterable[str]) -> None:
        for identity in sorted(identities):
            if identity in self._now:
                self.change += 1
                self._record(identity, None)
                del self._now[identity]

    def _record(self, identity: str, state: Event | None) -> None:
        states = self._was.setdefault(identity, [(0, self._now.get(identity))])
        states.append((self.change, state))
        self._log.append((self.change, identity))

    def _index(self, event: Event) -> None:
        root = event.series_id or event.id
        self._inside.setdefault(root, set()).add(event.id)


def _stands(event: Event) -> bool:
    """Called-off instances are kept; single events that were called off never were."""
    return event.status != "cancelled" or event.series_id is not None
