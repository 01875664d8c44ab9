"""Calendar entries that cannot be read: tried three times, told, and no obstacle to the others."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from providers.pretend_calendars import PretendCalendars, connector, event, many
from providers.telling import Json, told, told_of

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.google.calendar_pages import NAMELESS_CALENDAR
from scp_server.providers.page_walk import NAMELESS
from scp_server.providers.setting_aside import TRIES

T = TypeVar("T")

NAMELESS_EVENT: Json = {"summary": "of nobody", "status": "confirmed"}
NOT_UNDERSTOOD = "It has a shape this server does not understand."


class Poison(dict[str, Any]):
    """A part of an event over which its shape stumbles."""

    def get(self, key: str, default: object = None) -> object:
        raise ZeroDivisionError(key, default)


def poisoned(identity: str) -> Json:
    return event(identity, start=Poison(dateTime="x"))


def tried(step: Callable[[], T]) -> tuple[T, int]:
    """What the step gave in the end, and how often it was taken."""
    for tries in range(1, 30):
        try:
            return step(), tries
        except ProviderProtocolError:
            continue
    raise AssertionError("it was never given up")


def put_nameless(calendars: PretendCalendars, calendar: str) -> None:
    calendars.events[calendar]["nameless"] = NAMELESS_EVENT
    calendars.log[calendar].append(NAMELESS_EVENT)


def followed_from(calendars: PretendCalendars, found: CalendarEvents) -> Position:
    return told(found.bookmark(), calendars)[0]


def test_an_entry_without_an_id_is_told_once_and_the_backfill_goes_on() -> None:
    calendars = PretendCalendars(work=many("w", 60), zulu=many("z", 1))
    put_nameless(calendars, "work")
    found = connector()
    first, tries = tried(lambda: told(found.backfill(None), calendars)[0])
    assert tries == TRIES
    assert first.skipped == (Skipped(id=None, reason=NAMELESS),)
    second, _ = told(found.backfill(first.resume), calendars)
    third, _ = told(found.backfill(second.resume), calendars)
    assert (second.skipped, third.skipped, third.resume) == ((), (), None)
    given = [change.item.id for step in (first, second, third) for change in step.changes]
    assert given == [f"w{n:03}" for n in range(60)] + ["z000"]


def test_a_page_of_nothing_but_entries_without_an_id_is_told() -> None:
    calendars, found = PretendCalendars(work=[]), connector()
    put_nameless(calendars, "work")
    step, _ = tried(lambda: told(found.backfill(None), calendars)[0])
    assert (step.changes, step.resume) == ((), None)
    assert [skipped.id for skipped in step.skipped] == [None]


def test_an_event_that_cannot_be_shaped_is_left_out_of_the_backfill() -> None:
    calendars = PretendCalendars(work=[*many("w", 2), poisoned("bad"), event("last")])
    found = connector()
    step, tries = tried(lambda: told(found.backfill(None), calendars)[0])
    assert tries == TRIES
    assert [change.item.id for change in step.changes] == ["w000", "w001", "last"]
    assert step.skipped == (Skipped(id="bad", reason=NOT_UNDERSTOOD),)


@pytest.mark.parametrize("odd", ["nameless", "poisoned"])
def test_odd_changes_in_several_calendars_are_given_up_together_and_the_others_come(
    odd: str,
) -> None:
    calendars, found = PretendCalendars(a=[], b=[], c=[], d=[]), connector()
    since = followed_from(calendars, found)
    for name in calendars.events:
        if odd == "nameless":
            put_nameless(calendars, name)
        else:
            calendars.put(name, poisoned("bad"))
        calendars.put(name, event(f"good-{name}"))
    learned, tries = tried(lambda: told(found.follow(since), calendars)[0])
    assert tries == TRIES
    assert told_of(learned.changes) == [("updated", f"good-{name}") for name in "abcd"]
    identity, reason = (None, NAMELESS) if odd == "nameless" else ("bad", NOT_UNDERSTOOD)
    assert learned.skipped == (Skipped(id=identity, reason=reason),) * 4
    again, _ = told(found.follow(learned.since), calendars)
    assert (again.changes, again.skipped, again.more) == ((), (), False)


def test_what_was_garbled_on_its_way_is_asked_for_anew_and_comes_whole() -> None:
    calendars, found = PretendCalendars(work=[]), connector()
    since = followed_from(calendars, found)
    for one in [*many("n", 50), poisoned("w")]:
        calendars.put("work", one)
    first, _ = told(found.follow(since), calendars)
    with pytest.raises(ProviderProtocolError):
        told(found.follow(first.since), calendars)
    calendars.log["work"][50] = event("w")
    learned, _ = told(found.follow(first.since), calendars)
    assert told_of(learned.changes) == [("updated", "w")]
    assert learned.skipped == ()


def test_an_entry_without_an_id_is_told_with_the_first_of_its_pages_steps_only() -> None:
    calendars, found = PretendCalendars(work=[]), connector()
    since = followed_from(calendars, found)
    put_nameless(calendars, "work")
    for one in many("n", 70):
        calendars.put("work", one)
    first, _ = tried(lambda: told(found.follow(since), calendars)[0])
    second, _ = told(found.follow(first.since), calendars)
    assert [len(first.skipped), len(second.skipped)] == [1, 0]
    assert len({change.item.id for change in (*first.changes, *second.changes)}) == 70
    assert (first.more, second.more) == (True, False)


class DamagedList(PretendCalendars):
    """Calendars in a list with entries that name none."""

    damaged: tuple[object, ...] = ({"primary": True}, {"id": 7}, None, {"id": "x" * 5000})

    def __call__(self, ask: Ask) -> Json | None:
        body = super().__call__(ask)
        if body is not None and ask.method == "calendar.calendarList.list":
            body["items"] = [*self.damaged, *body["items"]]
        return body


def test_calendars_without_an_id_are_told_once_and_the_others_are_read() -> None:
    calendars, found = DamagedList(work=many("w", 2), zulu=many("z", 1)), connector()
    since, tries = tried(lambda: told(found.bookmark(), calendars)[0])
    assert tries == TRIES
    first, _ = told(found.backfill(None), calendars)
    assert [change.item.id for change in first.changes] == ["w000", "w001"]
    assert first.skipped == (Skipped(id=None, reason=NAMELESS_CALENDAR),) * 4
    second, _ = told(found.backfill(first.resume), calendars)
    assert [change.item.id for change in second.changes] == ["z000"]
    for n in range(3):
        calendars.put("work", event(f"new{n}"))
        learned, _ = told(found.follow(since), calendars)
        assert told_of(learned.changes) == [("updated", f"new{n}")]
        assert (*second.skipped, *learned.skipped) == ()
        since = learned.since


def test_a_calendar_that_comes_without_an_id_while_they_are_followed_is_told_of() -> None:
    calendars, found = DamagedList(work=[]), connector()
    calendars.damaged = ()
    since = followed_from(calendars, found)
    calendars.damaged = ({},)
    calendars.put("work", event("new"))
    learned, tries = tried(lambda: told(found.follow(since), calendars)[0])
    assert tries == TRIES
    assert told_of(learned.changes) == [("updated", "new")]
    assert learned.skipped == (Skipped(id=None, reason=NAMELESS_CALENDAR),)


def test_nothing_but_calendars_without_an_id_is_told_as_well() -> None:
    found = connector()
    step, _ = tried(lambda: told(found.backfill(None), DamagedList())[0])
    assert (step.changes, step.resume, len(step.skipped)) == ((), None, 4)
