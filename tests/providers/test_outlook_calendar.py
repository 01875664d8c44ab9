"""outlook_events as a conversation: the window that moves, removals that are none, occurrences."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from scp_server.domain.changes import Followed
from scp_server.domain.errors import ProviderProtocolError, RequestRefused, StreamConfigError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.microsoft.calendar import OutlookEvents
from scp_server.providers.microsoft.calendar_filters import Span, check_events
from scp_wire.filters import EventFilters

T = TypeVar("T")
Json = dict[str, Any]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Calendar:
    """Events by id with their days; answers as Graph does, on its own clock."""

    def __init__(self) -> None:
        self.now = NOON
        self.events: dict[str, Json] = {}
        self.rounds: list[tuple[str, str]] = []
        self.removed: list[str] = []
        self.touched: list[str] = []

    def add(self, identity: str, day: datetime, **more: object) -> None:
        moment = {"dateTime": f"{day:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}
        later = {**moment, "dateTime": f"{day + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"}
        usual = {
            "type": "singleInstance",
            "changeKey": "v1",
            "createdDateTime": "2026-01-01T00:00:00Z",
        }
        self.events[identity] = {"id": identity, "start": moment, "end": later, **usual, **more}

    def answer(self, ask: Ask) -> Reply:
        body = self._body(ask)
        if body is None:
            return Reply(body={}, absent=True, at=self.now.timestamp())
        return Reply(body=body, at=self.now.timestamp())

    def _body(self, ask: Ask) -> Json | None:
        if ask.method == "graph.calendar.get":
            return {"id": "C"}
        if ask.method == "graph.events.get":
            return self.events.get(ask.path.rpartition("/")[2])
        if ask.link is not None:
            entries: list[Json] = [
                {"id": i, "@removed": {"reason": "deleted"}} for i in self.removed
            ]
            entries += [self.events[i] for i in self.touched]
            self.removed, self.touched = [], []
            return {"value": entries, "@odata.deltaLink": ask.link}
        window = dict(ask.params)
        low, high = window["startDateTime"], window["endDateTime"]
        self.rounds.append((low, high))
        shown = [e for e in self.events.values() if low < e["end"]["dateTime"] + "Z"]
        shown = [e for e in shown if e["start"]["dateTime"] + "Z" < high]
        return {"value": shown, "@odata.deltaLink": f"delta {low} {high}"}

    def hear(self, reading: Reading[T]) -> T:
        try:
            asks = next(reading)
            while True:
                asks = reading.send(tuple(self.answer(ask) for ask in asks))
        except StopIteration as end:
            learned: T = end.value
            return learned

    def caught_up(self, connector: OutlookEvents, since: Position) -> tuple[Position, list[Any]]:
        told: list[Any] = []
        while True:
            learned: Followed = self.hear(connector.follow(since))
            told += [(c.kind.value, c.item.id, c.reason) for c in learned.changes]
            since = learned.since
            if not learned.more:
                return since, told


def test_a_window_reaches_from_thirty_days_ago_to_a_year_ahead_unless_filters_say_otherwise() -> (
    None
):
    calendar = Calendar()
    calendar.hear(OutlookEvents(EventFilters()).bookmark())
    calendar.hear(OutlookEvents(EventFilters(), days_back=1, days_ahead=2).backfill(None))
    calendar.hear(OutlookEvents(EventFilters(time_min=NOON, time_max=NOON + DAY)).bookmark())
    calendar.hear(OutlookEvents(EventFilters(time_min=NOON - 60 * DAY)).bookmark())
    assert calendar.rounds == [
        ("2026-10-24T00:00:00Z", "2027-11-23T00:00:00Z"),
        ("2026-11-22T00:00:00Z", "2026-11-25T00:00:00Z"),
        ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z"),
        ("2026-09-24T12:00:00Z", "2027-11-23T00:00:00Z"),
    ]


@pytest.mark.parametrize("kind", [["occurrence"], {}, None, 7])
def test_an_event_whose_type_is_no_word_is_told_and_the_others_are_too(kind: object) -> None:
    calendar = Calendar()
    calendar.add("odd", NOON, type=kind, subject="Odd")
    calendar.add("fine", NOON, subject="Fine")
    step = calendar.hear(OutlookEvents(EventFilters()).backfill(None))
    assert {change.item.id for change in step.changes} == {"odd", "fine"}


def test_the_next_day_tells_what_came_into_sight_and_deletes_nothing() -> None:
    calendar = Calendar()
    calendar.add("leaves", NOON - 30 * DAY)
    calendar.add("stays", NOON)
    calendar.add("comes", NOON + 365 * DAY)
    calendar.add("far", NOON + 400 * DAY)
    connector = OutlookEvents(EventFilters())
    since = calendar.hear(connector.bookmark())
    since, told = calendar.caught_up(connector, since)
    assert told == []
    calendar.now += DAY
    since, told = calendar.caught_up(connector, since)
    assert told == [("updated", "comes", None)]
    # The new window is followed, by another connector as well; the old one is let go.
    calendar.touched = ["comes"]
    since, told = calendar.caught_up(OutlookEvents(EventFilters()), since)
    assert told == [("updated", "comes", None)]
    assert since.count(b'"link"') == 1
    assert len(calendar.rounds) == 2


def test_a_series_comes_into_sight_once_with_its_first_occurrence() -> None:
    calendar = Calendar()
    calendar.add("M", NOON + 300 * DAY, type="seriesMaster")
    calendar.add("O1", NOON + 300 * DAY, type="occurrence", seriesMasterId="M")
    calendar.add("O2", NOON + 365 * DAY, type="occurrence", seriesMasterId="M")
    calendar.add("N", NOON + 365 * DAY, type="seriesMaster")
    calendar.add("P1", NOON + 365 * DAY, type="occurrence", seriesMasterId="N")
    calendar.add("X", NOON + 365 * DAY, type="exception", seriesMasterId="N")
    connector = OutlookEvents(EventFilters())
    since = calendar.hear(connector.bookmark())
    calendar.now += DAY
    _, told = calendar.caught_up(connector, since)
    assert sorted(told) == [("updated", "N", None), ("updated", "X", None)]


def test_what_is_removed_has_left_the_window_or_is_deleted_or_is_told_as_it_is_now() -> None:
    calendar = Calendar()
    calendar.add("moved", NOON)
    calendar.add("deleted", NOON)
    calendar.add("back", NOON)
    calendar.add("series", NOON, type="seriesMaster")
    connector = OutlookEvents(EventFilters())
    since = calendar.hear(connector.bookmark())
    calendar.add("moved", NOON + 900 * DAY, changeKey="v2")
    del calendar.events["deleted"]
    calendar.removed = ["moved", "deleted", "never known", "back", "series"]
    _, told = calendar.caught_up(connector, since)
    assert told == [
        ("deleted", "moved", "left_filter"),
        ("deleted", "deleted", None),
        ("deleted", "never known", None),
        ("updated", "back", None),
        ("deleted", "series", "left_filter"),
    ]


def test_within_filters_that_are_given_what_moves_out_leaves() -> None:
    calendar = Calendar()
    calendar.add("event", NOON + DAY)
    calendar.add("series", NOON + DAY, type="seriesMaster")
    filters = EventFilters(time_min=NOON, time_max=NOON + 7 * DAY)
    connector = OutlookEvents(filters)
    since = calendar.hear(connector.bookmark())
    calendar.add("event", NOON + 30 * DAY)
    calendar.add("series", NOON + 30 * DAY, type="seriesMaster")
    calendar.removed = ["event", "series"]
    _, told = calendar.caught_up(connector, since)
    assert told == [
        ("deleted", "event", "left_filter"),
        ("deleted", "series", "left_filter"),
    ]


def test_an_occurrence_speaks_for_its_series_and_is_no_item() -> None:
    calendar = Calendar()
    calendar.add("M", NOON, type="seriesMaster", subject="Standup")
    calendar.add("O", NOON + DAY, type="occurrence", seriesMasterId="M")
    connector = OutlookEvents(EventFilters())
    since = calendar.hear(connector.bookmark())
    step = calendar.hear(connector.backfill(None))
    assert [change.item.id for change in step.changes] == ["M"]
    calendar.touched = ["O"]
    since, told = calendar.caught_up(connector, since)
    assert told == [("updated", "M", None)]
    calendar.removed = ["O"]
    _, told = calendar.caught_up(connector, since)
    assert told == [("deleted", "O", None)]


def test_a_series_of_which_an_occurrence_is_called_off_is_another_version_under_the_same_key() -> (
    None
):
    calendar = Calendar()
    versions: list[str] = []
    for off in ([], ["OID.x.2026-11-24"], ["OID.x.2026-11-24", "OID.x.2026-11-25"]):
        calendar.add("M", NOON, type="seriesMaster", cancelledOccurrences=off)
        (change,) = calendar.hear(OutlookEvents(EventFilters()).backfill(None)).changes
        versions.append(change.version)
    assert versions[0] == "v1"
    assert len(set(versions)) == 3


def test_an_answer_without_a_date_is_odd_for_no_window_follows_from_it() -> None:
    reading = OutlookEvents(EventFilters()).bookmark()
    next(reading)
    with pytest.raises(ProviderProtocolError):
        reading.send((Reply(body={"id": "C"}),))


def test_windows_that_graph_refuses_are_refused() -> None:
    with pytest.raises(StreamConfigError, match="later"):
        check_events(EventFilters(time_min=NOON, time_max=NOON))
    with pytest.raises(StreamConfigError, match="1825"):
        check_events(EventFilters(time_min=NOON, time_max=NOON + 1826 * DAY))
    check_events(EventFilters(time_min=NOON, time_max=NOON + 1825 * DAY))
    with pytest.raises(RequestRefused, match="time_max"):
        Span(low=NOON - 2000 * DAY, high=None).on(NOON.timestamp())
    low, high = Span(low=NOON - 1700 * DAY, high=None).on(NOON.timestamp())
    assert datetime.fromisoformat(high) - datetime.fromisoformat(low) == 1825 * DAY
