"""How many sockets may be open, in all and from one address, whatever is spoken on them."""

from contextlib import AsyncExitStack

import anyio
import pytest
from anyio.abc import SocketStream
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from support.listening_room import Heard, Room, listening
from support.wire import get, opened, rest_of, said

from scp_server.listening.door import Bounds, Door, Seat

UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def until(room: Room, sockets: int) -> None:
    with anyio.fail_after(10):
        while room.tally.open != sockets:
            await checkpoint()


async def websocket(stack: AsyncExitStack, room: Room) -> SocketStream:
    stream = await stack.enter_async_context(await opened(room.url))
    await stream.send(UPGRADE)
    assert b"101 Switching" in await stream.receive()
    return stream


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [(Bounds(sockets=3), "sockets"), (Bounds(sockets=100, per_address=3), "address")],
)
async def test_one_socket_too_many_is_told_so_and_one_that_ends_makes_room(
    bounds: Bounds, reason: str
) -> None:
    async with listening(sockets=bounds) as room, AsyncExitStack() as stack:
        silent = await stack.enter_async_context(await opened(room.url))
        first = await websocket(stack, room)
        await websocket(stack, room)
        await until(room, 3)
        for ask in (b"", get(), UPGRADE):
            heard = await said(room.url, ask)
            assert (heard.status, heard.error["code"]) == (503, "OVERLOADED")
            assert heard.headers["retry-after"] == "30"
        assert room.tally.refusals == [reason] * 3
        await silent.aclose()
        await until(room, 2)
        assert (await said(room.url, get())).status == 200
        await first.aclose()
        await until(room, 1)


async def test_an_upgrade_that_is_refused_gives_its_seat_back() -> None:
    async with listening() as room:
        heard = await said(room.url, UPGRADE.replace(b"/socket.io/", b"/elsewhere"))
        assert heard.status == 404
        await until(room, 0)


async def test_refused_clients_who_stay_are_not_waited_for() -> None:
    async with listening(sockets=Bounds(sockets=1)) as room, AsyncExitStack() as stack:
        await stack.enter_async_context(await opened(room.url))
        await until(room, 1)
        for _ in range(200):
            await stack.enter_async_context(await opened(room.url))
        with anyio.fail_after(10):
            while len(room.tally.refusals) < 200:
                await checkpoint()
        cut = await said(room.url, get())
        assert cut.cut or cut.raw == b"", "not even told: enough are being told already"


async def test_of_a_hundred_at_the_door_all_are_answered_one_way_or_the_other() -> None:
    async with listening(sockets=Bounds(sockets=20)) as room:
        answers: list[int] = []

        async def come() -> None:
            async with await opened(room.url) as stream:
                await stream.send(get())
                answers.append((await rest_of(stream)).status)

        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(come)
        assert set(answers) <= {200, 503}
        assert 200 in answers
        await until(room, 0)


def door(**bounds: object) -> tuple[Door, Heard]:
    heard = Heard()
    return Door(Bounds(**bounds), heard, lambda: 0.0), heard  # type: ignore[arg-type]


def test_an_ipv6_network_is_one_address_and_a_mapped_one_is_its_ipv4() -> None:
    one, _ = door(per_address=2)
    assert one.enter(("2001:db8::1", 1))
    assert one.enter(("2001:db8::ffff:2%eth0", 2))
    assert one.enter(("2001:db8::3", 3)) is None
    assert one.enter(("2001:db8:0:1::1", 4))
    assert one.enter(("192.0.2.1", 5))
    assert one.enter(("::ffff:192.0.2.1", 6))
    assert one.enter(("192.0.2.1", 7)) is None


def test_a_trusted_proxy_may_open_more_than_one_address_may() -> None:
    one, _ = door(per_address=1, sockets=4, proxies=("10.0.0.0/8",))
    assert all(one.enter(("10.1.2.3", port)) for port in range(4))
    assert one.enter(("10.1.2.3", 5)) is None


@given(st.lists(st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", ""]), st.booleans())))
def test_seats_are_never_more_than_there_are_and_none_is_lost(
    course: list[tuple[str, bool]],
) -> None:
    one, heard = door(sockets=5, per_address=3)
    seats: list[tuple[str, Seat]] = []
    for address, comes in course:
        if comes:
            seat = one.enter((address, 1) if address else None)
            of_it = sum(other == address for other, _ in seats)
            full = len(seats) == 5 or (address != "" and of_it == 3)
            assert (seat is None) == full
            if seat is not None:
                seats.append((address, seat))
        elif seats:
            _, seat = seats.pop()
            seat.leave()
            seat.leave()
        assert heard.open == len(seats) or not seats
