"""How fast a client may send: read no further, but not sent away."""

import anyio
from hypothesis import given
from hypothesis import strategies as st
from support.socketio_transport import entered, running

from scp_socketio import Client, Server, Settings
from scp_socketio.protocol.pace import Pace
from scp_socketio.server.connection import Connection


@given(
    rate=st.integers(1, 100),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=100),
)
def test_who_waits_as_told_never_gets_more_than_the_burst_and_the_rate(
    rate: int, burst: int, gaps: list[float]
) -> None:
    pace, now = Pace(rate, burst), 0.0
    for came, gap in enumerate(gaps, 1):
        now += gap
        again = pace.taken(now)
        assert came <= burst + rate * now + 1e-6
        if again is not None:
            assert again > now
            now = again


@given(st.integers(1, 50))
def test_a_burst_goes_through_and_one_more_waits(burst: int) -> None:
    pace = Pace(10, burst)
    told = [pace.taken(5.0) for _ in range(burst)]
    assert told[:-1] == [None] * (burst - 1)
    assert told[-1] is not None


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(0, 1)
    assert [pace.taken(0.0) for _ in range(1000)] == [None] * 1000


async def test_a_client_that_sends_too_fast_is_read_from_later_and_loses_nothing() -> None:
    server, seen = Server(Settings(message_rate=1, message_burst=3)), list[object]()

    @server.on("e")
    async def handle(client: Client, number: object) -> None:
        seen.append(number)

    async with running(server):
        line, client = await entered(server)  # CONNECT is the first of the burst
        await line.says('42["e",1]')
        assert line.tape.told[-1:] != ["pause"]
        await line.says('42["e",2]')
        assert line.tape.told[-1] == "pause"
        assert isinstance(line.connection, Connection)
        assert line.connection.alarm is not None
        assert line.connection.alarm <= anyio.current_time() + 1, "it is woken in time"
        line.connection.ring(anyio.current_time() + 1.1)
        assert line.tape.told[-1] == "resume"
        await line.says('42["e",3]')
        assert line.tape.told[-1] == "pause"
        assert seen == [1, 2, 3]
        assert client.open


async def test_pongs_are_no_messages() -> None:
    server = Server(Settings(message_rate=1, message_burst=2))
    async with running(server):
        line, _ = await entered(server)
        told = len(line.tape.told)
        await line.says(*["3"] * 100)
        assert len(line.tape.told) == told
