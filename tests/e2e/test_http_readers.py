"""Streams read over plain HTTP from a real server: aborts, slow readers, restarts, curl and jq."""

import random
import subprocess
from contextlib import AsyncExitStack

import anyio
import pytest
from support.processes import fetch
from support.raw_http import RawResponse, raw_get
from support.running import Server, StartSandbox, StartServer, assert_quiet, message_ids, people

ABORTS = 15
WITHIN = 60.0


def events_of(server: Server, stream_id: str, query: str = "") -> str:
    return f"{server.url}/api/stream/{stream_id}/events{query}"


def bearer(session: str, **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Authorization": f"Bearer {session}", **named}


def items_of(events: list[dict[str, object]]) -> list[str]:
    found: list[str] = []
    for event in events:
        data: dict = event["data"]  # type: ignore[type-arg,assignment]
        if event["event_type"] == "data_update":
            found.append(data["payload"]["id"])
        elif event["event_type"] == "data_batch":
            found += [item["payload"]["id"] for item in data["items"]]
    return found


async def read(
    server: Server, stream_id: str, session: str, last: str = "", query: str = ""
) -> RawResponse:
    more = {"Last_Event_ID": last} if last else {}
    with anyio.fail_after(WITHIN):
        async with raw_get(events_of(server, stream_id, query), bearer(session, **more)) as raw:
            await raw.whole()
            return raw


def last_id(events: list[dict[str, object]], before: str) -> str:
    return next((str(e["event_id"]) for e in reversed(events) if "event_id" in e), before)


def epoch(event_id: str) -> str:
    return event_id.partition("-")[0]


@pytest.mark.parametrize("query", ["?format=sse", "?format=ndjson&batch=true"])
async def test_aborts_at_random_points_lose_nothing_and_repeat_nothing_that_is_still_held(
    start: StartServer, query: str
) -> None:
    server, dice = start(limits__data_requests_per_minute="0"), random.Random(4)
    session = await server.open_session()
    stream_id = await server.start_stream(session, batch_size=10)
    had: list[str] = []
    place, aborts = "", 0
    with anyio.fail_after(2 * WITHIN):
        while True:
            more = {"Last_Event_ID": place} if place else {}
            url = events_of(server, stream_id, query)
            async with raw_get(url, bearer(session, **more)) as raw:
                if aborts < ABORTS:
                    await raw.some(dice, 160_000)
                else:
                    await raw.whole()
            aborts += 1
            if raw.status == 204:
                break
            events = raw.events
            got = items_of(events)
            # Whatever comes is what follows the event that was named: nothing before, no hole. Only
            # where that has left the window it is read again, from a place before it.
            at, known = len(had), message_ids(server.sandbox)
            if got and epoch(last_id(events, place)) != epoch(place):
                at = min(at, known.index(got[0]))
            assert got == known[at : at + len(got)]
            had += got[len(had) - at :]
            place = last_id(events, place)
    assert aborts > ABORTS
    assert had == message_ids(server.sandbox)
    status = (await server.call(f"/api/stream/{stream_id}/status", session=session)).data
    assert status["status"] == "completed"
    assert_quiet(server)


async def test_an_end_and_a_late_place_are_known_after_a_restart(start: StartServer) -> None:
    server = start(limits__data_requests_per_minute="0")
    session = await server.open_session()
    stream_id = await server.start_stream(session, batch_size=20)
    first = await read(server, stream_id, session, query="?max_events=300")
    place = last_id(first.events, "")
    server.child.kill()
    server.start_again()
    rest = await read(server, stream_id, session, place)
    ids = message_ids(server.sandbox)
    had = len(items_of(first.events))
    again = ids.index(items_of(rest.events)[0])
    # The last places may not have been noted when the process was killed.
    assert 0 < again <= had, "what was named is not read again from the beginning"
    assert items_of(rest.events) == ids[again:]
    assert (await read(server, stream_id, session, last_id(rest.events, ""))).status == 204
    server.child.stop()
    server.start_again()
    assert (await read(server, stream_id, session, last_id(rest.events, ""))).status == 204


async def test_sigterm_ends_open_readers_with_a_farewell_and_the_process_soon(
    start: StartServer,
) -> None:
    server = start(limits__data_requests_per_minute="0")
    session = await server.open_session()
    stream_id = await server.start_stream(session, real_time=True)
    forms = ["?format=sse", "?format=ndjson", "?batch=true"]
    async with AsyncExitStack() as stack:
        open_ones: list[RawResponse] = []
        for form in forms:
            url = events_of(server, stream_id, form)
            raw = await stack.enter_async_context(raw_get(url, bearer(session)))
            while not raw.events:
                await raw.receive()
            open_ones.append(raw)
        url = events_of(server, stream_id)
        stalled = await stack.enter_async_context(raw_get(url, bearer(session), small=True))
        await stalled.receive(100)
        with anyio.fail_after(15):
            code = await anyio.to_thread.run_sync(server.child.stop)
        assert code == 0
        for raw in open_ones:
            await raw.whole()
            assert raw.ended
            assert raw.events[-1]["event_type"] == "server_draining"
            resume = raw.events[-1]["data"]["resume_event_id"]
            assert resume in {event["event_id"] for event in raw.events[-150:-1]}
    assert_quiet(server)


async def test_a_reader_that_does_not_read_holds_back_only_its_own_stream(
    own_sandbox: StartSandbox, start: StartServer
) -> None:
    # More than the kernel takes for a reader that takes nothing.
    sandbox = own_sandbox("--messages=2000")
    server = start(sandbox, limits__data_requests_per_minute="0", window__stall_seconds="1.5")
    session = await server.open_session()
    mail = await server.start_stream(session, include_raw=True)
    diary = await server.start_stream(session, stream_type="calendar_events")
    url = events_of(server, mail)
    async with raw_get(url, bearer(session), small=True) as slow:
        await slow.receive(100)
        other = await read(server, diary, session)
        assert other.events[-1]["event_type"] == "stream_completed"
        status = (await server.call(f"/api/stream/{mail}/status", session=session)).data
        assert status["items_read"] < len(message_ids(server.sandbox))
        # The server drops it, though it was never asked to.
        with anyio.fail_after(WITHIN):
            while "reading_stalled" not in server.log:
                await anyio.to_thread.run_sync(fetch, f"{server.url}/healthz")
        await slow.whole()
        assert not slow.ended
    place = last_id(slow.events, "")
    rest = await read(server, mail, session, place)
    ids, had = message_ids(sandbox), len(items_of(slow.events))
    again = ids.index(items_of(rest.events)[0])
    # What it never got has left the window: it is read again, from the batch it was in.
    assert had - 100 <= again <= had
    assert items_of(rest.events) == ids[again:]
    assert_quiet(server)


async def test_curl_and_jq_read_in_bulk(server: Server, session: str) -> None:
    stream_id = await server.start_stream(session)
    url = events_of(server, stream_id)
    command = (
        f"curl -sN -H 'Authorization: Bearer {session}' '{url}'"
        " | jq -r 'select(.event_type == \"data_update\") | .data.payload.id'"
    )
    done = await anyio.run_process(["sh", "-c", command], stderr=subprocess.PIPE)
    assert done.stdout.decode().split() == message_ids(server.sandbox)


async def test_what_changes_is_read_live_by_a_browser_with_a_ticket(
    own_sandbox: StartSandbox, start: StartServer
) -> None:
    server = start(own_sandbox("--messages=30"))
    session = await server.open_session()
    stream_id = await server.start_stream(session, real_time=True, max_results=3)
    opened = (await server.call("/api/tickets", {}, session=session)).data
    query = f"?ticket={opened['ticket']}"
    accept = {"Accept": "text/event-stream"}
    async with raw_get(events_of(server, stream_id, query), accept) as raw:
        with anyio.fail_after(WITHIN):
            while len(raw.events) < 4:
                await raw.receive()
            user = people(server.sandbox)[0]
            arrived = fetch(
                f"{server.sandbox.url}/sandbox/users/{user}/bustle", {"mail": 1, "seed": 1}
            )
            assert arrived is not None
            while len(raw.events) < 5:
                await raw.receive()
        assert raw.events[-1]["data"]["origin"] == "live"
        assert raw.events[-1]["session_id"] == f"session-…{session[-4:]}"
    assert opened["ticket"] not in server.log
    again = await read(server, stream_id, session, query=query)
    assert again.status == 404
