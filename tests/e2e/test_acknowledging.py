"""Consumers that acknowledge, that join in mid-stream, and that want different things."""

import json
from collections.abc import Sequence
from typing import Any

import anyio
from support.raw_engineio import RawWebSocket, raw_websocket
from support.running import Server, assert_quiet, message_ids

MESSAGES = 60
WINDOW = 8


async def subscribed(raw: RawWebSocket, *types: str, **options: object) -> None:
    """Subscribe with options."""
    argument = {"data_types": types, **options}
    await raw.send("427" + json.dumps(["subscribe_data", argument]))
    while not (packet := await raw.answer()).startswith("437"):
        pass
    assert json.loads(packet[3:])[0]["success"] is True


async def acknowledge(raw: RawWebSocket, event_id: str) -> None:
    """Everything up to there has been processed."""
    await raw.send("42" + json.dumps(["stream_ack", {"event_id": event_id}]))


async def events(raw: RawWebSocket, count: int) -> list[Any]:
    """Read until so many `stream_event`s have come over this connection."""
    while len(raw.events) < count:
        packet = await raw.receive()
        if packet.startswith('42["stream_event",'):
            raw.events.append(json.loads(packet[2:])[1])
    return raw.events


async def refused(raw: RawWebSocket, event_id: str) -> Any:  # noqa: ANN401  (JSON)
    """Acknowledge what is to be refused: the `error` event. All sent before it has been read."""
    await acknowledge(raw, event_id)
    return await raw.event("error")


def ids(told: Sequence[Any]) -> list[str]:
    """Items, each where it came first."""
    found: list[str] = []
    for event in told:
        if event["event_type"] == "data_update":
            found.append(event["data"]["payload"]["id"])
        elif event["event_type"] == "data_batch":
            found += [item["payload"]["id"] for item in event["data"]["items"]]
    return list(dict.fromkeys(found))


async def all_acknowledged(raw: RawWebSocket) -> list[Any]:
    """Acknowledge what comes until the stream is complete; all events."""
    count = len(raw.events)
    while not (raw.events and raw.events[-1]["event_type"] == "stream_completed"):
        if raw.events:
            await acknowledge(raw, raw.events[-1]["event_id"])
        count = max(count, len(raw.events)) + 1
        await events(raw, count)
    await acknowledge(raw, raw.events[-1]["event_id"])
    return raw.events


async def status_of(server: Server, stream: str, wanted: str) -> None:
    """Wait until a stream's status is that."""
    with anyio.fail_after(30):
        while (await server.call(f"/api/stream/{stream}/status")).data["status"] != wanted:
            pass


async def test_no_more_than_its_window_is_sent_to_who_does_not_acknowledge(
    server: Server, session: str
) -> None:
    async with raw_websocket(server.url, session) as raw:
        await subscribed(raw, "gmail_messages", ack=True, window=WINDOW)
        stream = await server.start_stream(session, max_results=MESSAGES)
        first = [event["event_id"] for event in await events(raw, WINDOW)]
        epoch = first[0].rpartition("-")[0]

        for never_sent in (f"{epoch}-{WINDOW + 1}", f"{'0' * len(epoch)}-1"):
            told = await refused(raw, never_sent)
            assert (told["code"], told["details"]) == ("INVALID_REQUEST", {"field": "event_id"})
            assert len(raw.events) == WINDOW, "it opened nothing"
        await acknowledge(raw, first[2])
        await events(raw, WINDOW + 3)
        await refused(raw, f"{epoch}-999")
        assert len(raw.events) == WINDOW + 3

        told = await all_acknowledged(raw)
        assert [event["offset"] for event in told] == list(range(1, MESSAGES + 3))
        assert ids(told) == message_ids(server.sandbox)[:MESSAGES]
        await status_of(server, stream, "completed")
    assert_quiet(server)


async def test_what_was_sent_and_not_acknowledged_comes_again_after_a_reconnection(
    server: Server, session: str
) -> None:
    async with raw_websocket(server.url, session, agent_id="forgetful") as raw:
        await subscribed(raw, "gmail_messages", ack=True, window=WINDOW)
        await server.start_stream(session, max_results=MESSAGES)
        await events(raw, WINDOW)
        await acknowledge(raw, raw.events[2]["event_id"])
        before = [event["event_id"] for event in await events(raw, WINDOW + 3)]

    # The seat remembers the subscription, the window, and what was acknowledged.
    async with raw_websocket(server.url, session, agent_id="forgetful") as raw:
        again = [event["event_id"] for event in await events(raw, WINDOW)]
        assert again == before[3:]
        await refused(raw, "nothing-of-the-kind")
        assert len(raw.events) == WINDOW
        told = await all_acknowledged(raw)
    assert [event["offset"] for event in told] == list(range(4, MESSAGES + 3))
    assert_quiet(server)


async def test_who_joins_in_mid_stream_gets_all_that_is_not_acknowledged_yet_and_on(
    server: Server, session: str
) -> None:
    async with raw_websocket(server.url, session, agent_id="first") as first:
        await subscribed(first, "gmail_messages", ack=True, window=WINDOW)
        await server.start_stream(session, max_results=MESSAGES)
        await events(first, WINDOW)
        await acknowledge(first, first.events[4]["event_id"])
        await events(first, WINDOW + 5)
        async with (
            raw_websocket(server.url, session, agent_id="second") as second,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(all_acknowledged, first)
            tasks.start_soon(second.completed)
    assert [event["offset"] for event in first.events] == list(range(1, MESSAGES + 3))
    places = [event["offset"] for event in second.events]
    assert places == list(range(places[0], MESSAGES + 3))
    assert places[0] <= 6
    assert second.events == first.events[places[0] - 1 :]
    assert_quiet(server)


async def test_consumers_with_different_subscriptions_each_get_theirs(
    server: Server, session: str
) -> None:
    mail, diary = "gmail_messages", "calendar_events"
    async with (
        raw_websocket(server.url, session, agent_id="all") as everything,
        raw_websocket(server.url, session, agent_id="mail") as mails,
        raw_websocket(server.url, session, agent_id="diary") as diaries,
        raw_websocket(server.url, session, agent_id="batched") as batched,
    ):
        await subscribed(mails, mail)
        await subscribed(diaries, diary, ack=True, window=3)
        await subscribed(batched, mail, diary, batch=True)
        await server.start_stream(session, stream_type=diary, max_results=20)
        await server.start_stream(session, max_results=MESSAGES)

        async def both(raw: RawWebSocket) -> None:
            completed = 0
            while completed < 2:
                await events(raw, len(raw.events) + 1)
                completed += raw.events[-1]["event_type"] == "stream_completed"
                if raw is diaries:
                    await acknowledge(raw, raw.events[-1]["event_id"])

        async with anyio.create_task_group() as tasks:
            for raw in (everything, mails, diaries, batched):
                tasks.start_soon(both, raw)
    messages = message_ids(server.sandbox)[:MESSAGES]
    assert ids(mails.events) == messages
    assert [i for i in ids(everything.events) if i in messages] == messages
    assert len(ids(diaries.events)) == 20
    assert not set(ids(diaries.events)) & set(messages)
    assert set(ids(everything.events)) == {*messages, *ids(diaries.events)}
    assert set(ids(batched.events)) == set(ids(everything.events))
    assert len(batched.events) < len(everything.events)
    assert_quiet(server)
