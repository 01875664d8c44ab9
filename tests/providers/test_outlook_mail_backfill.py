"""outlook_messages' backfill against a model of a mailbox: whatever the times of arrival, whatever
goes meanwhile, and with a new connector at every step.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from providers.telling import told

from scp_server.domain.changes import Step
from scp_server.domain.errors import ProviderProtocolError, RequestRefused
from scp_server.domain.streams import Position
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.microsoft.mail import OutlookMessages
from scp_wire.filters import OutlookMailFilters
from scp_wire.items import Message

Json = dict[str, Any]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = OutlookMailFilters()


class Mailbox:
    """Messages by id, each with its finer time of arrival; listed as Graph lists them."""

    def __init__(self, arrivals: Mapping[str, float | None]) -> None:
        self.arrivals: dict[str, float | None] = dict(arrivals)
        self.asked: list[Ask] = []
        self.shown: dict[str, str] = {}
        """Times of arrival that are shown instead of the true ones."""

    def __call__(self, ask: Ask) -> Json | None:
        if ask.method == "graph.mailFolders.delta":
            return {"value": [{"id": "F", "displayName": "Inbox"}], "@odata.deltaLink": "d"}
        self.asked.append(ask)
        params = dict(ask.params)
        skip, before = 0, ""
        if ask.link is not None:
            _, size, place, before = ask.link.split("|")
            skip, params = int(place), {"$top": size}
        else:
            found = re.search(r"lt (\S+Z)", params.get("$filter", ""))
            before = found[1] if found else ""
        listed = self._listed(before)
        top = int(params["$top"])
        body: Json = {"value": [self._message(i) for i in listed[skip : skip + top]]}
        if skip + top < len(listed):
            body["@odata.nextLink"] = f"next|{top}|{skip + top}|{before}"
        return body

    def _listed(self, before: str) -> list[str]:
        bound = datetime.fromisoformat(before) if before else None
        times = {i: self._arrived(i) for i in self.arrivals}
        known = [i for i, at in times.items() if bound is None or (at is not None and at < bound)]
        return sorted(known, key=lambda i: times[i] or EPOCH - timedelta(days=1), reverse=True)

    def _arrived(self, identity: str) -> datetime | None:
        seconds = self.arrivals[identity]
        return None if seconds is None else EPOCH + timedelta(seconds=seconds)

    def _message(self, identity: str) -> Json:
        at = self._arrived(identity)
        true = None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
        shown = self.shown.get(identity, true)
        return {"id": identity, "changeKey": "v", "receivedDateTime": shown, "isRead": True}


def step(mailbox: Mailbox, resume: Position | None, most: int | None) -> Step:
    read, _ = told(OutlookMessages(NOTHING, max_results=most).backfill(resume), mailbox)
    return read


seconds = st.one_of(
    st.sampled_from([0.1, 0.2, 0.9, 1.0, 1.5]), st.floats(0, 9, allow_nan=False), st.just(3.3)
)


@settings(deadline=None, max_examples=60)
@given(
    arrivals=st.lists(seconds, max_size=70),
    most=st.sampled_from([None, 1, 2, 7]),
    chance=st.randoms(use_true_random=False),
)
def test_everything_that_stays_is_told_once_newest_first(
    arrivals: list[float],
    most: int | None,
    chance: Any,  # noqa: ANN401
) -> None:
    mailbox = Mailbox({f"m{n}": at for n, at in enumerate(arrivals)})
    found: list[str] = []
    resume: Position | None = None
    while True:
        read = step(mailbox, resume, most)
        assert len(read.changes) <= (most or 25)
        found += [change.item.id for change in read.changes]
        resume = read.resume
        if resume is None:
            break
        # What was told goes: pages that are counted would lose what moves up.
        gone = chance.choice([*found, None])
        if gone is not None:
            mailbox.arrivals.pop(gone, None)
    assert len(found) == len(set(found))
    assert set(found) >= set(mailbox.arrivals)
    order = [int(arrivals[int(identity[1:])]) for identity in found]
    assert order == sorted(order, reverse=True)


def absurd(arrivals: dict[str, float], identity: str, shown: str) -> Mailbox:
    mailbox = Mailbox(arrivals)
    mailbox.shown[identity] = shown
    return mailbox


def read_with_new_connectors(mailbox: Mailbox, most: int | None) -> list[str]:
    found: list[str] = []
    resume: Position | None = None
    while True:
        read = step(mailbox, resume, most)
        found += [change.item.id for change in read.changes]
        resume = read.resume
        if resume is None:
            return found


@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("which", [0, 10, 24, 25, 79])
def test_one_message_of_long_ago_among_new_ones_loses_none(which: int, most: int | None) -> None:
    mailbox = absurd({f"m{n}": 80.0 - n for n in range(80)}, f"m{which}", "2000-01-01T00:00:00Z")
    assert read_with_new_connectors(mailbox, most) == [f"m{n}" for n in range(80)]


@settings(deadline=None, max_examples=60)
@given(
    arrivals=st.lists(seconds, min_size=1, max_size=70),
    which=st.integers(0, 69),
    shown=st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)),  # noqa: DTZ001  (hypothesis)
    most=st.sampled_from([None, 1, 2, 7]),
)
def test_whatever_time_one_message_shows_all_are_told(
    arrivals: list[float], which: int, shown: datetime, most: int | None
) -> None:
    times = {f"m{n}": at for n, at in enumerate(arrivals)}
    mailbox = absurd(times, f"m{which % len(times)}", f"{shown:%Y-%m-%dT%H:%M:%SZ}")
    assert set(read_with_new_connectors(mailbox, most)) == set(times)


def test_a_second_that_holds_more_than_an_answer_is_read_to_its_end() -> None:
    mailbox = Mailbox({f"m{n}": 5.0 for n in range(700)} | {"new": 9.0, "old": 1.0})
    found: list[str] = []
    resume: Position | None = None
    while True:
        read = step(mailbox, resume, None)
        found += [change.item.id for change in read.changes]
        resume = read.resume
        if resume is None:
            break
    assert len(found) == 702
    assert set(found) == set(mailbox.arrivals)


def test_a_message_without_a_time_of_arrival_stops_nothing() -> None:
    mailbox = Mailbox({f"m{n}": None for n in range(60)} | {f"t{n}": float(n) for n in range(30)})
    connector = OutlookMessages(NOTHING)
    found: set[str] = set()
    resume: Position | None = None
    for _ in range(20):
        read, _ = told(connector.backfill(resume), mailbox)
        found |= {change.item.id for change in read.changes}
        resume = read.resume
        if resume is None:
            break
    assert found >= {f"t{n}" for n in range(30)}


def test_a_filter_that_graph_calls_too_complex_is_judged_here_alone() -> None:
    mailbox = Mailbox({"a": 1.0})
    reading = OutlookMessages(OutlookMailFilters(filter="isRead eq true")).backfill(None)
    asks = next(reading)
    asks = reading.send(tuple(Reply(body=mailbox(ask) or {}) for ask in asks))
    condition = dict(asks[0].params)["$filter"]
    assert condition == "receivedDateTime ge 1900-01-01T00:00:00Z and (isRead eq true)"
    asks = reading.throw(RequestRefused("Microsoft refused it (400 InefficientFilter)."))
    assert "$filter" not in dict(asks[0].params)
    read, _ = ended(reading, asks, mailbox)
    assert [change.item.id for change in read.changes] == ["a"]


def ended(
    reading: Reading[Step], asks: tuple[Ask, ...], mailbox: Mailbox
) -> tuple[Step, tuple[Ask, ...]]:
    try:
        while True:
            asks = reading.send(tuple(Reply(body=mailbox(ask) or {}) for ask in asks))
    except StopIteration as end:
        learned: Step = end.value
        return learned, asks


def test_what_may_be_too_large_is_asked_for_in_smaller_pieces() -> None:
    connector = OutlookMessages(NOTHING)
    mailbox = Mailbox({f"m{n}": float(n) for n in range(50)})
    tops = []
    for _ in range(4):
        reading = connector.backfill(None)
        asks = next(reading)
        if asks[0].method == "graph.mailFolders.delta":
            asks = reading.send((Reply(body=mailbox(asks[0]) or {}),))
        tops.append(int(dict(asks[0].params)["$top"]))
        with pytest.raises(ProviderProtocolError):
            reading.throw(ProviderProtocolError("too large"))
    assert tops == [25, 6, 1, 1]
    read, _ = told(connector.backfill(None), mailbox)
    assert 1 <= len(read.changes) <= 2


def test_the_folder_is_a_label() -> None:
    mailbox = Mailbox({"a": 1.0})

    def answering(ask: Ask) -> Json | None:
        body = mailbox(ask)
        if body and ask.method == "graph.messages.list":
            body["value"][0]["parentFolderId"] = "F"
        return body

    read, _ = told(OutlookMessages(NOTHING).backfill(None), answering)
    item = read.changes[0].item
    assert isinstance(item, Message)
    assert item.labels == ["Inbox"]


def test_a_listing_that_ignores_what_is_asked_is_noticed() -> None:
    mailbox = Mailbox({f"m{n}": float(n) for n in range(60)})
    first = step(mailbox, None, None)

    def deaf(ask: Ask) -> Json | None:
        return Mailbox.__call__(
            mailbox, Ask(method=ask.method, base="", path="", params=(("$top", "25"),))
        )

    with pytest.raises(ProviderProtocolError):
        told(OutlookMessages(NOTHING).backfill(first.resume), deaf)


@pytest.mark.parametrize(("there", "told_of", "capped"), [(990, 990, False), (1030, 1000, True)])
def test_a_search_says_when_it_came_to_the_end_of_what_microsoft_gives(
    there: int,
    told_of: int,
    capped: bool,  # noqa: FBT001 - a row of the table
) -> None:
    mailbox = Mailbox({f"m{n}": float(n) for n in range(there)})
    connector = OutlookMessages(OutlookMailFilters(search="budget"))
    found: list[str] = []
    resume: Position | None = None
    while True:
        read, _ = told(connector.backfill(resume), mailbox)
        found += [change.item.id for change in read.changes]
        resume = read.resume
        if resume is None:
            break
        assert not read.capped
    assert (len(set(found)), read.capped) == (told_of, capped)
