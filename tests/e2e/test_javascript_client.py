"""The JavaScript client of the guide gets everything, in order, whatever happens to the network.

It runs at the default limits, but for the one on events; `test_javascript_client_refused.py` has
what it is refused.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from support.javascript import GuideClient, guide_client
from support.processes import fetch
from support.running import Server, StartSandbox, StartServer, message_ids, people

pytestmark = pytest.mark.usefixtures("javascript")

MESSAGES = 320
CUTS = 6
SEED = 20261123
WAYS = {"polling, then upgraded": None, "websocket": ["websocket"], "polling": ["polling"]}


def updates(events: Sequence[Any]) -> list[Any]:
    """The `data_update`s among events."""
    return [event for event in events if event["event_type"] == "data_update"]


def ids_in_order(events: Sequence[Any]) -> list[str]:
    """Ids of the items, each where it came first."""
    return list(dict.fromkeys(event["data"]["payload"]["id"] for event in updates(events)))


def place(event: Any) -> tuple[str, int]:  # noqa: ANN401  (JSON)
    """Epoch and number of an event."""
    epoch, _, n = event["event_id"].rpartition("-")
    return epoch, int(n)


def connections(client: GuideClient) -> Iterator[list[Any]]:
    """The events that have a place, by the connection they came over."""
    events: list[Any] = []
    for sight in client.seen:
        if sight["saw"] == "connect":
            yield events
            events = []
        elif sight["saw"] == "stream_event" and "event_id" in sight["event"]:
            events.append(sight["event"])
    yield events


def assert_nothing_is_missing_or_out_of_order(client: GuideClient) -> None:
    """Offsets rise by one; a new connection repeats some events, or goes on with the next."""
    last: dict[tuple[str, str], int] = defaultdict(int)
    for events in connections(client):
        before: dict[tuple[str, str], int] = {}
        places = [place(event) for event in events]
        assert all(a[0] != b[0] or a[1] < b[1] for a, b in pairwise(places))
        for event in events:
            stream = place(event)[0], event["stream_id"]
            if stream in before:
                assert event["offset"] == before[stream] + 1
            else:
                assert 1 <= event["offset"] <= last[stream] + 1
            before[stream] = event["offset"]
            last[stream] = max(last[stream], event["offset"])


def assert_repeats_are_the_same(client: GuideClient) -> None:
    """An item that comes again has the `change_id` it had."""
    versions: dict[str, set[str]] = defaultdict(set)
    for event in updates(client.events):
        versions[event["data"]["payload"]["id"]].add(event["data"]["change_id"])
    assert {len(known) for known in versions.values()} == {1}


@pytest.mark.parametrize("transports", WAYS.values(), ids=WAYS)
async def test_a_client_that_is_cut_off_six_times_gets_every_message_in_order(
    server: Server, session: str, transports: list[str] | None
) -> None:
    cuts = sorted(random.Random(f"{SEED}{transports}").sample(range(5, MESSAGES - 10), CUTS))
    async with guide_client(
        server.url, session=session, agent="guide", transports=transports, cuts=cuts
    ) as client:
        await client.sees("connect")
        await client.subscribe(session_id=session, data_types=["gmail_messages"])
        unwanted = await server.start_stream(session, stream_type="calendar_events")
        stream = await server.start_stream(session, max_results=MESSAGES, batch_size=40)
        await client.event("stream_completed")
        while client.count("connect") <= CUTS:
            # The last poll may have brought the end along with what it was to be cut at.
            await client.sees("connect")

    assert client.count("disconnect") == CUTS, cuts
    assert client.count("connect") == CUTS + 1, "a seat that is taken again is no new connection"
    assert client.count("connect_error") == 0
    assert ids_in_order(client.events) == message_ids(server.sandbox)[:MESSAGES]
    assert_nothing_is_missing_or_out_of_order(client)
    assert_repeats_are_the_same(client)
    # The seat keeps the subscription: of the other stream only its life is told.
    assert {event["event_type"] for event in client.events if event["stream_id"] == unwanted} == {
        "stream_started"
    }
    status = (await server.call(f"/api/stream/{stream}/status")).data
    assert status["items_streamed"] == MESSAGES


async def test_events_have_the_shapes_of_the_guide(server: Server, session: str) -> None:
    async with guide_client(server.url, session=session, agent="guide") as client:
        await client.sees("connect")
        await client.subscribe(session_id=session, data_types=["gmail_messages"])
        confirmed = next(s["data"] for s in client.seen if s["saw"] == "subscription_confirmed")
        stream = await server.start_stream(session, max_results=3)
        started = await client.event("stream_started")
        update = await client.event("data_update")
        completed = await client.event("stream_completed")

    assert confirmed == {"session_id": session, "data_types": ["gmail_messages"]}
    for event in (started, update, completed):
        assert event["session_id"] == session
        assert event["provider"] == "google"
        assert event["stream_id"] == stream
        assert isinstance(event["timestamp"], float)
    assert started["data"] == {"stream_type": "gmail_messages", "status": "active", "items": 0}
    assert completed["data"]["status"] == "completed"
    assert completed["data"]["items"] == 3
    assert [event["offset"] for event in client.events] == [1, 2, 3, 4, 5]
    assert update["data"]["data_type"] == "gmail_messages_message"
    assert {"id", "subject", "from"} <= update["data"]["payload"].keys()


async def test_the_limit_on_events_warns_and_paces_but_drops_nothing(start: StartServer) -> None:
    server = start()
    session = await server.open_session()
    async with guide_client(server.url, session=session, agent="guide") as client:
        await client.sees("connect")
        await server.start_stream(session, max_results=130)
        warning = await client.event("rate_limit_warning")
        assert warning["data"].keys() == {
            "remaining_quota",
            "reset_time",
            "warning_message",
            "limit",
        }
        assert warning["data"]["limit"] == 100
        assert warning["data"]["remaining_quota"] == 10
        assert warning["data"]["reset_time"] > warning["timestamp"]
        assert warning["session_id"] == session
        assert warning["provider"] == "google"
        assert len(client.events) == 91
        await client.until(lambda _: len(client.events) == 101)
        # The limit is a connection's: after a cut, the rest need not wait for the minute to end.
        await client.tell("cut")
        await client.event("stream_completed")

    assert ids_in_order(client.events) == message_ids(server.sandbox)[:130]
    assert_nothing_is_missing_or_out_of_order(client)


async def test_a_followed_mailbox_tells_of_new_mail_and_of_refreshed_tokens(
    own_sandbox: StartSandbox, start: StartServer
) -> None:
    sandbox = own_sandbox("--messages=30", "--token-lifetime=2")
    server = start(sandbox)
    session = await server.open_session()
    async with guide_client(server.url, session=session, agent="guide") as client:
        await client.sees("connect")
        await server.start_stream(session, real_time=True)
        await client.until(lambda _: len(updates(client.events)) == 30)
        fetch(f"{sandbox.url}/sandbox/users/{people(sandbox)[0]}/mail", {"count": 1})
        arrived = (await client.event("data_update"))["data"]
        refreshes = [e for e in client.events if e["event_type"] == "token_refresh"]

    assert (arrived["change"], arrived["origin"]) == ("created", "live")
    assert arrived["payload"]["id"] in message_ids(sandbox)
    assert refreshes, "the first look comes after the token's end"
    for refresh in refreshes:
        assert refresh.keys() == {"event_type", "session_id", "provider", "timestamp", "data"}
        assert refresh["session_id"] == session
        assert refresh["provider"] == "google"
        assert refresh["data"].keys() == {"new_expires_at", "expires_in"}
        assert 0 <= refresh["data"]["expires_in"] <= 2
        assert refresh["data"]["new_expires_at"] > refresh["timestamp"]


@pytest.mark.parametrize("remember", [True, False], ids=["last_event_id", "nothing but the guide"])
async def test_a_server_that_is_restarted_in_mid_stream_loses_nothing(
    start: StartServer, *, remember: bool
) -> None:
    server = start(limits__stream_events_per_minute="0")
    session = await server.open_session()
    async with guide_client(
        server.url, session=session, agent="guide", remember=remember
    ) as client:
        await client.sees("connect")
        # Four batches a minute: 100 items, then the stream waits, until its pace begins anew.
        await server.start_stream(session, max_results=180, batch_size=25, rate_limit_per_minute=4)
        await client.until(lambda _: len(updates(client.events)) == 60)
        assert server.child.stop() == 0
        draining = await client.event("server_draining")
        server.start_again()
        await client.event("stream_completed")

    assert draining["data"]["resume_event_id"].rpartition("-")[0] == place(client.events[0])[0]
    assert len({place(event)[0] for event in updates(client.events)}) == 2, "an epoch each"
    assert ids_in_order(client.events) == message_ids(server.sandbox)[:180]
    assert_nothing_is_missing_or_out_of_order(client)
    assert_repeats_are_the_same(client)


async def test_a_session_that_ends_says_so_and_closes(server: Server, session: str) -> None:
    async with guide_client(server.url, session=session) as client:
        await client.sees("connect")
        await server.call("/api/session", session=session, method="DELETE")
        ended = await client.event("session_expired")
        # It comes back by itself, and is told that there is nothing to come back to.
        await client.sees("disconnect")
        refused = await client.sees("connect_error")

    assert ended["session_id"] == session
    assert refused["data"]["code"] == "SESSION_NOT_FOUND"
