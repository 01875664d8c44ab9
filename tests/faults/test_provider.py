"""A provider that fails in all ways: told by code, ridden out, and nothing lost."""

import anyio
import anyio.lowlevel
from anyio import to_thread
from support.bad_network import Weather, bad_network
from support.fault_room import Room
from support.running import people
from support.worlds import CALENDAR_EVENTS, GMAIL_MESSAGES, GOOGLE_CONTACTS

from scp_sdk.sandbox_consent import consent_in_sandbox

GMAIL = "^/gmail/"


async def test_a_burst_of_failures_is_told_and_ridden_out(room: Room) -> None:
    room.fault("status", GMAIL, status=503, count=16)
    room.fault("status", GMAIL, status=500, after=16, count=8)
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.told("stream_error PROVIDER_UNAVAILABLE")
        await consumer.exact()
        consumer.bustle()
        await consumer.exact()
        assert (await consumer.state())["state_reason"] == "following"


async def test_an_absurd_wait_is_bounded_told_and_concerns_nobody_else(room: Room) -> None:
    # The account is left alone for a quarter of an hour: it is nobody's in the other tests.
    *_, someone, another = people(room.sandbox)
    session = await room.session(GMAIL_MESSAGES, user=someone)
    other = await room.session(GMAIL_MESSAGES, user=another)
    room.fault("status", GMAIL, status=429, retry_after=10**9, count=None)
    async with room.consumer(GMAIL_MESSAGES, session) as refused:
        with anyio.fail_after(30):
            while (await refused.state())["state_reason"] != "PROVIDER_RATE_LIMITED":
                await anyio.lowlevel.checkpoint()
        assert (await refused.state())["status"] == "active"
        room.forgive()
        async with room.consumer(GMAIL_MESSAGES, other) as served:
            await served.exact()


async def test_a_provider_that_refuses_connections_is_told_of_and_read_when_it_is_back(
    room: Room,
) -> None:
    async with room.consumer(GOOGLE_CONTACTS) as consumer:
        await consumer.told("stream_error PROVIDER_UNAVAILABLE")
        assert consumer.mirror.held == {}
        async with bad_network(room.sandbox.url, at=room.contacts_at):
            await consumer.exact()
        consumer.mirror.told.clear()
        await consumer.told("stream_error PROVIDER_UNAVAILABLE")
        consumer.bustle()
        async with bad_network(room.sandbox.url, at=room.contacts_at):
            await consumer.exact()


async def test_whatever_the_network_does_every_contact_comes_when_it_is_fair_again(
    room: Room,
) -> None:
    async with bad_network(room.sandbox.url, at=room.contacts_at) as network:
        for weather in (
            Weather(black_hole=True),
            Weather(bytes_per_second=200.0),
            Weather(cut_after=700),
        ):
            network.weather = weather
            async with room.consumer(GOOGLE_CONTACTS) as consumer:
                await consumer.told("stream_error PROVIDER_UNAVAILABLE")
                network.weather = Weather(latency=0.02)
                await consumer.exact()


async def test_a_token_that_dies_early_costs_one_refresh_and_a_loop_of_refusals_no_more(
    room: Room,
) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        before = room.refreshes()
        room.order("tokens/expire")
        consumer.bustle()
        await consumer.exact()
        assert room.refreshes() == before + 1
        room.fault("status", GMAIL, status=401, count=None)
        await consumer.told("stream_error TOKEN_EXPIRED")
        assert (await consumer.state())["state_reason"] == "needs_consent"
        assert room.refreshes() <= before + 3


async def test_a_token_server_that_fails_for_a_while_ends_no_consent(room: Room) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        room.fault("status", "/token", status=503, count=4)
        room.fault("reset", "/token", count=2)
        room.order("tokens/expire")
        consumer.bustle()
        await consumer.exact()
        assert not [told for told in consumer.mirror.told if "TOKEN_EXPIRED" in told]


async def test_a_withdrawn_consent_parks_the_stream_and_a_new_one_lets_it_go_on(
    room: Room,
) -> None:
    async with room.consumer(GMAIL_MESSAGES) as consumer:
        await consumer.exact()
        room.order("grants/revoke", user=consumer.account)
        await consumer.told("stream_error TOKEN_EXPIRED")
        consumer.bustle()
        status = (await room.call("/api/session", key=consumer.session_id)).data
        assert status["state"] == "needs_consent"
        await consent_in_sandbox(room.url, begin_at=status["authorization_url"])
        await consumer.exact()
        assert (await consumer.state())["state_reason"] == "following"


async def test_two_streams_of_an_account_fail_apart(room: Room) -> None:
    session = await room.session(GMAIL_MESSAGES, CALENDAR_EVENTS)
    room.fault("status", GMAIL, status=403, reason="insufficientPermissions", count=None)
    async with (
        room.consumer(CALENDAR_EVENTS, session) as diary,
        room.consumer(GMAIL_MESSAGES, session) as mail,
    ):
        await diary.exact()
        await mail.told("stream_error INSUFFICIENT_SCOPE")
        await to_thread.run_sync(diary.bustle)
        await diary.exact()
