"""One calendar: its events as they are now, and the counter of its changes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from scp_sandbox.clock import Clock
from scp_sandbox.world.diaryplan import event_id, plan_diary
from scp_sandbox.world.event import Event, When
from scp_sandbox.world.people import User


@dataclass(frozen=True, slots=True, kw_only=True)
class DiaryCard:
    """What a calendar list says about a calendar."""

    id: str
    summary: str
    zone: str
    primary: bool
    access: Literal["owner", "writer", "reader"] = "owner"


class Diary:
    """A calendar's events. Every change goes through a verb here and counts `change` up.

    `floor` is the oldest counter from which changes can still be asked for.
    """

    def __init__(
        self, user: User, card: DiaryCard, *, seed: int, visible: int, clock: Clock
    ) -> None:
        self.card = card
        self.user = user
        self.floor = 0
        self._clock = clock
        self._rng = random.Random(f"{seed}/{user.sub}/{card.id}/life")  # noqa: S311
        planned = plan_diary(user, card.id, seed, visible)
        self._events = {event.id: event for event in planned}
        self.change = len(planned)
        self.updated_us = max((e.updated_us for e in planned), default=0)

    def __iter__(self) -> Iterator[Event]:
        """All events, cancelled ones too, in order of creation."""
        return iter(self._events.values())

    def get(self, identity: str) -> Event | None:
        """The event as it is now; cancelled ones stay known."""
        return self._events.get(identity)

    def shown(self, event: Event) -> bool:
        """Whether it is there for who does not ask for deleted events.

        Called-off instances of a live series are, so that a client can spell the series out; with
        the series they are gone as well.
        """
        if event.status != "cancelled":
            return True
        series = self._events.get(event.series_id or "")
        return series is not None and series.status != "cancelled"

    def exceptions(self, series_id: str) -> list[Event]:
        """What was changed or called off within a series."""
        return [e for e in self._events.values() if e.series_id == series_id]

    def create(self, *, summary: str, start: When, end: When, **more: object) -> Event:
        """Puts a new event in. `more` are further fields of `Event`."""
        now = self._clock.now_us()
        event = Event(
            id=event_id(self._rng),
            place=len(self._events) + 1,
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
        """Changes fields of an event.

        Raises:
            KeyError: when there is no such event.
        """
        event = self._events[identity]
        return self._keep(replace(event, sequence=event.sequence + 1, **fields))  # type: ignore[arg-type]

    def cancel(self, identity: str) -> Event:
        """Calls an event off; a series takes its exceptions with it.

        Raises:
            KeyError: when there is no such event.
        """
        for exception in self.exceptions(identity):
            self._keep(replace(exception, status="cancelled"))
        return self.update(identity, status="cancelled")

    def cancel_instance(self, series_id: str, original: When) -> Event:
        """Calls one instance of a series off: a cancelled exception appears.

        Raises:
            KeyError: when there is no such series.
        """
        series = self._events[series_id]
        length = series.end.moment - series.start.moment
        instance = replace(
            series,
            id=f"{series_id}_{original.stamp}",
            place=len(self._events) + 1,
            recurrence=(),
            series_id=series_id,
            original=original,
            start=original,
            end=original.shifted(length),
            status="cancelled",
        )
        return self._keep(instance)

    def forget_changes(self) -> None:
        """Lets every sync token given out so far die."""
        self.change += 1
        self.floor = self.change

    def _keep(self, event: Event) -> Event:
        self.change += 1
        # Never the same twice, so that an etag tells two states apart within one microsecond.
        self.updated_us = max(self._clock.now_us(), self.updated_us + 1)
        kept = replace(event, change=self.change, updated_us=self.updated_us)
        self._events[kept.id] = kept
        return kept
