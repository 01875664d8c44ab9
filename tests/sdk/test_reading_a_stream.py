"""What a reader sees of a stream: every change once, in order, over any connection."""

import anyio
import pytest
from sdk.scripted_server import (
    SESSION,
    STREAM,
    Asked,
    Play,
    ScriptedServer,
    batch,
    completed,
    envelope,
    ok,
    refused,
    status,
    update,
)

from scp_sdk import (
    AsyncItemStream,
    AsyncSCPClient,
    Event,
    Patience,
    ProtocolError,
    ProviderError,
    ServerUnavailable,
    SessionNotFound,
    StreamConfigError,
    StreamInterrupted,
    TokenExpired,
    WireName,
)
from scp_sdk.receipts import EVERY
from scp_sdk.wires.http import HttpLink
from scp_sdk.wires.socketio import WINDOW, SocketIOLink
from scp_socketio import Reason


async def names(client: AsyncSCPClient, wire: WireName = "socketio") -> list[str]:
    with anyio.fail_after(10):
        stream = client.stream(stream_type="gmail_messages", wire=wire)
        return [item.id async for item in stream]


async def test_items_come_in_order_and_the_iteration_ends_with_the_stream(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [Play(events=[batch(1, "abc", first_offset=1), update(4, "d"), completed(5)])]
    assert await names(client, wire) == ["a", "b", "c", "d"]


async def test_the_subscription_is_there_before_the_stream_is_started(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.plays = [Play(events=[completed(1)])]
    assert await names(client) == []
    assert server.subscriptions == [
        {
            "session_id": SESSION,
            "data_types": ["gmail_messages"],
            "batch": True,
            "ack": True,
            "window": WINDOW,
        }
    ]
    assert len(server.asked_for("POST", "/api/stream/start")) == 1


async def test_a_lost_connection_is_made_again_where_it_broke_and_repeats_are_dropped(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [
        Play(events=[update(1, "a"), update(2, "b")], then="drop"),
        Play(events=[update(2, "b"), update(3, "c")], then="drop"),
        Play(events=[update(4, "d"), completed(5)]),
    ]
    assert await names(client, wire) == ["a", "b", "c", "d"]
    assert [auth.get("last_event_id") for auth in server.auths] == [None, "e1-2", "e1-3"]


async def test_a_new_epoch_repeats_items_and_the_reader_sees_only_the_new_ones(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    again = [update(n, name, epoch="e2") for n, name in enumerate("abc", start=1)]
    server.plays = [
        Play(events=[update(1, "a"), update(2, "b")], then="drop"),
        Play(events=[*again, completed(4, epoch="e2")]),
    ]
    assert await names(client, wire) == ["a", "b", "c"]


async def test_a_hole_is_gone_back_to(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [
        Play(events=[update(1, "a"), update(3, "c"), completed(4)]),
        Play(events=[update(2, "b"), update(3, "c"), completed(4)]),
    ]
    assert await names(client, wire) == ["a", "b", "c"]
    assert server.auths[1]["last_event_id"] == "e1-1"


async def test_a_hole_that_stays_is_an_error_and_never_passed_over(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [Play(events=[update(1, "a"), update(3, "c")])] + [
        Play(events=[update(3, "c")]) for _ in range(9)
    ]
    with pytest.raises(ProtocolError, match="leaves out"):
        await names(client, wire)


async def test_a_fatal_stream_error_is_raised_as_its_type(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    lost = {
        "code": "TOKEN_EXPIRED",
        "message": "Renew the consent.",
        "fatal": True,
        "details": {"authorization_url": "http://scp.example/renew"},
    }
    server.plays = [Play(events=[update(1, "a"), envelope("stream_error", 2, lost, offset=2)])]
    with pytest.raises(TokenExpired) as caught:
        await names(client, wire)
    assert caught.value.authorization_url == "http://scp.example/renew"


async def test_an_error_that_passes_is_told_and_the_stream_goes_on(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    slow = {"code": "PROVIDER_RATE_LIMITED", "message": "Wait.", "fatal": False}
    server.plays = [
        Play(events=[envelope("stream_error", 1, slow, offset=1), update(2, "a"), completed(3)])
    ]
    told: list[Event] = []
    with anyio.fail_after(10):
        stream = client.stream(stream_type="gmail_messages", wire=wire, on_event=told.append)
        got = [item.id async for item in stream]
    assert got == ["a"]
    assert [event.event_type for event in told] == ["stream_error", "stream_completed"]


async def test_the_end_of_the_session_ends_the_iteration_with_an_error(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    over = envelope("session_expired", 1, {"message": "The session has ended."})
    del over["stream_id"], over["event_id"]
    server.plays = [Play(events=[over])]
    with pytest.raises(SessionNotFound):
        await names(client, wire)


async def test_a_stream_stopped_on_request_ends_the_iteration(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    end = {"stream_type": "gmail_messages", "status": "stopped", "reason": "requested"}
    server.plays = [Play(events=[update(1, "a"), envelope("stream_stopped", 2, end, offset=2)])]
    assert await names(client, wire) == ["a"]


async def test_a_stream_that_nobody_asked_to_stop_is_an_error_with_the_cursor_to_go_on(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    end = {"stream_type": "gmail_messages", "status": "stopped", "reason": "inactive"}
    stop = envelope("stream_stopped", 2, end, offset=2, cursor="cursor-2")
    server.plays = [Play(events=[update(1, "a"), stop])]
    with pytest.raises(StreamInterrupted) as caught:
        await names(client, wire)
    assert caught.value.cursor == "cursor-2"


async def test_a_refused_start_raises_and_leaves_no_connection_behind(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.answer(
        "POST", "/api/stream/start", refused(400, "STREAM_CONFIG_ERROR", field="batch_size")
    )
    with pytest.raises(StreamConfigError) as caught:
        await names(client, wire)
    assert caught.value.field == "batch_size"
    await server.all_gone()


async def test_a_refused_connection_raises_the_servers_reason(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.plays = [Play(refusal={"code": "SESSION_NOT_FOUND", "message": "Unknown session."})]
    with pytest.raises(SessionNotFound):
        await names(client)
    assert server.asked == []


async def test_a_refused_subscription_raises_and_no_stream_is_started(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    error = {"code": "STREAM_CONFIG_ERROR", "message": "No such type."}
    server.plays = [Play(subscription={"success": False, "error": error})]
    with pytest.raises(StreamConfigError):
        await names(client)
    assert server.asked == []


async def test_leaving_early_stops_the_stream_and_says_goodbye(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.plays = [Play(events=[update(1, "a")])]
    with anyio.fail_after(10):
        async with client.stream(stream_type="gmail_messages") as stream:
            assert (await anext(stream)).id == "a"
    await server.all_gone()
    assert server.goodbyes == [Reason.CLIENT_DISCONNECT]
    assert len(server.asked_for("POST", f"/api/stream/{STREAM}/stop")) == 1


async def test_cancelling_a_reader_closes_its_connection(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [Play(events=[update(1, "a")])]
    with anyio.CancelScope() as scope:
        async for item in client.stream(stream_type="gmail_messages", wire=wire):
            assert item.id == "a"
            scope.cancel()
    await server.all_gone()


async def test_the_cursor_moves_with_the_last_item_of_a_batch(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [
        Play(events=[batch(1, "ab", first_offset=1, cursor="cursor-1"), completed(3)]),
    ]
    with anyio.fail_after(10):
        stream = client.stream(stream_type="gmail_messages", wire=wire)
        seen = [(item.id, item.cursor, stream.cursor) async for item in stream]
    assert seen == [("a", None, None), ("b", "cursor-1", "cursor-1")]


async def test_a_busy_reader_holds_back_the_server_and_misses_nothing(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    total, padding = 200, "x" * 50_000
    sent = [update(n, f"item-{n}", agent_id=padding) for n in range(1, total + 1)]
    server.plays = [Play(events=[*sent, completed(total + 1)])]
    with anyio.fail_after(20):
        async with client.stream(stream_type="gmail_messages", wire=wire) as stream:
            first = await anext(stream)
            while is_read(stream):
                await anyio.lowlevel.checkpoint()
            rest = [item.id async for item in stream]
    assert [first.id, *rest] == [f"item-{n}" for n in range(1, total + 1)]


def is_read(stream: AsyncItemStream) -> bool:
    """Whether what comes in is taken off the socket."""
    link = stream._link
    assert isinstance(link, SocketIOLink | HttpLink)
    response = link._socket._response if isinstance(link, SocketIOLink) else link._response
    assert response is not None
    assert response.connection is not None
    assert response.connection.transport is not None
    reads: bool = response.connection.transport.is_reading()
    return reads


async def test_an_event_is_acknowledged_when_what_follows_it_is_asked_for(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.plays = [Play(events=[batch(1, "ab", first_offset=1), update(3, "c")])]
    with anyio.fail_after(10):
        async with client.stream(stream_type="gmail_messages") as stream:
            seen = [((await anext(stream)).id, stream.last_event_id) for _ in "abc"]
    assert seen == [("a", None), ("b", None), ("c", "e1-1")]
    await server.all_gone()
    assert server.acks == ["e1-1"], "what was in the reader's hands when it left comes again"


async def test_a_reader_that_waits_acknowledges_what_it_has_soon(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.plays = [Play(events=[update(1, "a")])]
    stream = client.stream(stream_type="gmail_messages")
    assert (await anext(stream)).id == "a"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anext, stream, None)
        await server.acknowledged("e1-1")
        await stream.aclose()


async def test_many_events_are_acknowledged_together_and_the_last_one_before_leaving(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    total = 3 * EVERY
    sent = [update(n, f"item-{n}") for n in range(1, total + 1)]
    server.plays = [Play(events=[*sent, completed(total + 1)])]
    assert len(await names(client)) == total
    numbers = [int(place.removeprefix("e1-")) for place in server.acks]
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= 3 + 1 + 3, "one for every sixteen, the end, and what came slowly"
    assert numbers[-1] == total + 1


async def test_the_last_event_is_proven_by_the_next_request(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [Play(events=[update(1, "a"), completed(2)])]
    assert await names(client, wire) == ["a"]
    assert server.acks[-1] == "e1-2"
    await server.all_gone()


async def test_who_joins_with_the_last_event_gets_what_follows_it(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status()))
    server.answer("POST", "/api/stream/start", ok({}))
    server.asked.append(Asked(method="POST", path="/api/stream/start"))
    server.plays = [Play(events=[update(8, "h"), completed(9)])]
    with anyio.fail_after(10):
        stream = client.stream(stream_id=STREAM, last_event_id="e1-7", wire=wire)
        assert [item.id async for item in stream] == ["h"]
    assert server.auths[0]["last_event_id"] == "e1-7"


async def test_who_joins_at_the_end_of_a_stream_gets_nothing_more(
    server: ScriptedServer, client: AsyncSCPClient
) -> None:
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status("completed")))
    server.final = "e1-9"
    with anyio.fail_after(10):
        stream = client.stream(stream_id=STREAM, last_event_id="e1-9", wire="sse")
        assert [item.id async for item in stream] == []


async def test_a_connection_that_gives_no_sign_of_life_is_made_again(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    server.plays = [
        Play(events=[update(1, "a")]),
        Play(events=[update(2, "b"), completed(3)]),
    ]
    with anyio.fail_after(10):
        async with client.stream(stream_type="gmail_messages", wire=wire) as stream:
            first = await anext(stream)
            assert isinstance(stream._link, SocketIOLink | HttpLink)
            stream._link.silence = -1.0
            rest = [item.id async for item in stream]
    assert [first.id, *rest] == ["a", "b"]
    assert server.auths[1]["last_event_id"] == "e1-1"


async def test_silence_is_looked_into_and_an_end_that_was_missed_is_an_error(
    server: ScriptedServer, wire: WireName
) -> None:
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status("completed")))
    server.plays = [Play(events=[update(1, "a")])]
    patience = Patience(first_delay=0.001, quiet=0.05)
    async with AsyncSCPClient(server.url, SESSION, patience=patience) as client:
        with pytest.raises(StreamInterrupted):
            await names(client, wire)


async def test_a_stream_that_failed_unseen_raises_its_own_error(
    server: ScriptedServer, wire: WireName
) -> None:
    error = {"code": "PROVIDER_ERROR", "message": "Refused.", "details": {}}
    server.answer("GET", f"/api/stream/{STREAM}/status", ok(status("failed", error=error)))
    server.plays = [Play()]
    patience = Patience(first_delay=0.001, quiet=0.05)
    async with AsyncSCPClient(server.url, SESSION, patience=patience) as client:
        with pytest.raises(ProviderError):
            await names(client, wire)


async def test_a_server_that_stays_away_ends_the_iteration(
    server: ScriptedServer, wire: WireName
) -> None:
    away = {"code": "SHUTTING_DOWN", "message": "Going down."}
    server.plays = [Play(events=[update(1, "a")], then="drop")] + [
        Play(refusal=away) for _ in range(100)
    ]
    patience = Patience(first_delay=0.01, longest_delay=0.01, longest_outage=0.1)
    async with AsyncSCPClient(server.url, SESSION, patience=patience) as client:
        with pytest.raises(ServerUnavailable):
            await names(client, wire)


async def test_a_session_that_ended_meanwhile_ends_the_attempts_to_come_back(
    server: ScriptedServer, client: AsyncSCPClient, wire: WireName
) -> None:
    gone = {"code": "SESSION_NOT_FOUND", "message": "Ended."}
    server.plays = [Play(events=[update(1, "a")], then="drop"), Play(refusal=gone)]
    with pytest.raises(SessionNotFound):
        await names(client, wire)
