"""Cancelled instances and their series, however the one comes without the other."""

from typing import Any

import pytest
from providers.pretend_calendars import PretendCalendars, at, connector, event, follow_all, many
from providers.telling import Json, told, told_of

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.google.shapes_calendar import is_over

INSTANCE = "s_20261123T120000Z"


def cancelled(identity: str = INSTANCE, **fields: object) -> Json:
    return {
        "id": identity,
        "etag": '"2"',
        "status": "cancelled",
        "recurringEventId": "s",
        "originalStartTime": at(12),
        **fields,
    }


def weekly() -> Json:
    return event("s", recurrence=["RRULE:FREQ=WEEKLY"])


OVER: Json = {"id": "s", "etag": '"3"', "status": "cancelled"}


@pytest.mark.parametrize("order", ["the series first", "the series last"])
@pytest.mark.parametrize("page", [1, 250])
def test_instances_end_with_their_series_on_whatever_pages_they_come(page: int, order: str) -> None:
    calendars, found = PretendCalendars(work=[weekly()], page=page), connector()
    since, _ = told(found.bookmark(), calendars)
    changed = [OVER, cancelled()]
    for change in changed if order == "the series first" else reversed(changed):
        calendars.put("work", change)
    changes, _ = follow_all(calendars, found, since)
    assert sorted(told_of(tuple(changes))) == [("deleted", "s"), ("deleted", INSTANCE)]


@pytest.mark.parametrize("lives", [True, False])
def test_a_series_that_does_not_come_with_its_instance_is_asked_for(*, lives: bool) -> None:
    calendars, found = PretendCalendars(work=[weekly()]), connector()
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", cancelled())
    calendars.put("work", cancelled("s_20261130T120000Z", status="confirmed"))
    if not lives:
        calendars.events["work"].clear()
    learned, rounds = told(found.follow(since), calendars)
    assert told_of(learned.changes)[0] == ("updated" if lives else "deleted", INSTANCE)
    asked = [ask for asks in rounds for ask in asks if ask.method == "calendar.events.get"]
    assert [ask.path for ask in asked] == ["/calendar/v3/calendars/work/events/s"]
    assert asked[0].live


def test_instances_end_with_a_series_that_came_without_its_id() -> None:
    calendars, found = PretendCalendars(work=[weekly()]), connector()
    since, _ = told(found.bookmark(), calendars)
    calendars.put("work", OVER)
    calendars.put("work", cancelled())

    def nameless(ask: Any) -> Json | None:  # noqa: ANN401  (an Ask)
        body = calendars(ask) or {}
        items = [e | {"id": None} if e["id"] == "s" else e for e in body.get("items", [])]
        return {**body, "items": items} if "items" in body else body

    for _ in range(2):
        with pytest.raises(ProviderProtocolError):
            told(found.follow(since), nameless)
    learned, _ = told(found.follow(since), nameless)
    assert told_of(learned.changes) == [("deleted", INSTANCE)]
    assert [skipped.id for skipped in learned.skipped] == [None]


@pytest.mark.parametrize("series", [None, "", 7, ["s"]])
def test_a_cancelled_instance_of_an_unnamed_series_is_set_aside(series: object) -> None:
    calendars, found = PretendCalendars(work=many("w", 2)), connector()
    calendars.events["work"][INSTANCE] = cancelled(recurringEventId=series)
    for _ in range(2):
        with pytest.raises(ProviderProtocolError):
            told(found.backfill(None), calendars)
    step, _ = told(found.backfill(None), calendars)
    assert [change.item.id for change in step.changes] == ["w000", "w001"]
    assert [skipped.id for skipped in step.skipped] == [INSTANCE]


def test_what_tells_an_instance_from_a_single_event_is_that_it_has_a_place_in_a_series() -> None:
    assert is_over({"id": "x", "status": "cancelled"})
    assert not is_over(cancelled())
    unnamed = cancelled()
    del unnamed["recurringEventId"]
    with pytest.raises(ProviderProtocolError, match="names no series"):
        is_over(unnamed)
