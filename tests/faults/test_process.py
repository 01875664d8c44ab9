"""A process that is stopped, asked to end twice or too early, out of files, or out of time."""

import os
import resource
import signal
import socket
from contextlib import ExitStack

import anyio
import pytest
from anyio import to_thread
from support.fault_room import Room
from support.lives import Point
from support.worlds import GMAIL_MESSAGES, OUTLOOK_MESSAGES
from yarl import URL

HOURS = 3600.0


async def test_a_process_that_slept_for_hours_refreshes_once_and_misses_nothing(
    room: Room,
) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        before = room.refreshes()
        os.kill(room.lives.pid, signal.SIGSTOP)
        room.order("tokens/expire")
        room.turn_clock(2 * HOURS)
        consumer.bustle()
        os.kill(room.lives.pid, signal.SIGCONT)
        await consumer.exact()
        assert room.refreshes() == before + 1


@pytest.mark.parametrize("jumps", [(600.0, -600.0, 0.0), (-2 * HOURS, 2 * HOURS, 0.0)])
async def test_a_clock_that_jumps_costs_at_most_a_refresh_and_no_stream(
    room: Room, jumps: tuple[float, ...]
) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        before = room.refreshes()
        for seed, seconds in enumerate(jumps):
            room.turn_clock(seconds)
            consumer.bustle(5, seed)
            await consumer.exact()
        # A token that seems to have expired is replaced; the new one is good by any of the clocks.
        assert room.refreshes() - before <= 1
        assert (await consumer.state())["state_reason"] == "following"
        assert not [told for told in consumer.mirror.told if told.startswith("stream_error")]


async def test_a_server_killed_between_the_providers_rotation_and_its_own_commit_goes_on(
    room: Room,
) -> None:
    point = Point(label="MicrosoftAuthority.refresh", k=1, side="after")
    await to_thread.run_sync(room.lives.end)
    await to_thread.run_sync(room.lives.begin, point)
    count = len(room.lives.ends)
    async with room.consumer(OUTLOOK_MESSAGES) as consumer:
        await consumer.exact()
        room.order("outlook/tokens/expire", user=consumer.account)
        consumer.bustle()
        await consumer.exact()
        assert room.lives.ends[count:] == [-signal.SIGKILL]
        assert not [told for told in consumer.mirror.told if "TOKEN_EXPIRED" in told]


async def test_a_server_asked_to_end_while_it_starts_ends_and_its_streams_go_on_later(
    room: Room,
) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        assert await to_thread.run_sync(room.lives.end) == 0
        count = len(room.lives.ends)
        point = Point(label="Supervisor._resume", k=1, side="term")
        await to_thread.run_sync(room.lives.conceive, point)
        assert await to_thread.run_sync(room.lives.ended, count) in {0, -signal.SIGTERM}
        await to_thread.run_sync(room.lives.begin, None)
        consumer.bustle()
        await consumer.exact()


def half_a_request(url: str) -> socket.socket:
    """A connection whose request does not come to its end."""
    host, port = URL(url).host or "", URL(url).port or 0
    connection = socket.create_connection((host, port))
    connection.sendall(
        b"POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    return connection


async def test_the_first_sigterm_drains_and_the_second_does_not_wait(room: Room) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        with half_a_request(room.url):
            # The loop has seen the request once it has answered one that came after it.
            await room.call("/api/session", key=consumer.session_id)
            count = len(room.lives.ends)
            os.kill(room.lives.pid, signal.SIGTERM)
            await consumer.told("server_draining")
            assert len(room.lives.ends) == count, "the open request was waited for"
            os.kill(room.lives.pid, signal.SIGTERM)
            assert await to_thread.run_sync(room.lives.ended, count) == 0
        await to_thread.run_sync(room.lives.begin, None)
        consumer.bustle()
        await consumer.exact()


async def test_a_server_out_of_open_files_keeps_its_consumers_and_takes_new_ones_later(
    room: Room,
) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        pid, (soft, hard) = room.lives.pid, resource.prlimit(room.lives.pid, resource.RLIMIT_NOFILE)
        with ExitStack() as crowd:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, hard))
            for _ in range(12):
                crowd.enter_context(half_a_request(room.url))
            # The connections to the provider and to the consumer are open already.
            consumer.bustle()
            await consumer.exact()
        assert room.log.count("out_of_open_files") == 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        with anyio.fail_after(20):
            assert (await room.call("/api/session", key=consumer.session_id)).status == 200
