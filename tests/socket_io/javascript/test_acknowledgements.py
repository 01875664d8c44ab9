"""Acknowledgements both ways, and the official client's retries."""

import pytest
from support.socketio_javascript import TRANSPORTS, javascript
from support.socketio_server import Way, echoing, patient, serving

from scp_socketio import CallTimedOut, Client, Gone, Server


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_client_is_answered(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        assert await browser.ask("message-with-ack", {"a": [1]}) == {"a": [1]}
        await browser.enters("/custom")
        assert await browser.ask("message-with-ack", "b", namespace="/custom") == "b"


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_the_server_is_answered(way: Way, transports: str) -> None:
    async with serving(way) as running, javascript(running, transports) as browser:
        await browser.enters()
        client = await running.client()
        assert await client.call("ask", 1, "two", [3], timeout=30) == [1, "two", [3]]
        assert await client.call("ask", timeout=30) == []


async def test_an_answer_that_does_not_come_is_not_waited_for(way: Way) -> None:
    async with serving(way) as running, javascript(running) as browser:
        await browser.enters()
        client = await running.client()
        with pytest.raises(CallTimedOut):
            await client.call("silent", 1, timeout=0.05)
        assert await client.call("ask", 2, timeout=30) == [2]


async def test_a_client_that_goes_answers_nothing_more(way: Way) -> None:
    async with serving(way) as running, javascript(running, reconnection=False) as browser:
        await browser.enters()
        client = await running.client()
        await browser.tell("cut")
        with pytest.raises(Gone):
            await client.call("silent", timeout=30)
        with pytest.raises(Gone):
            await client.call("ask", timeout=30)


async def test_a_failing_handler_answers_nothing_and_harms_nobody(way: Way) -> None:
    def failing(server: Server) -> None:
        @server.on("fail")
        async def fail(client: Client, *arguments: object) -> None:
            raise ValueError(*arguments)

    async with serving(way, None, echoing, failing) as running, javascript(running) as browser:
        await browser.enters()
        await browser.tell("ask", name="fail", arguments=["CANARY"], timeout=50)
        assert (await browser.sees("no_answer"))["name"] == "fail"
        assert await browser.ask("message-with-ack", 2) == 2
        ((event, error),) = running.heard.errors
        assert (event, repr(error)) == ("fail", "ValueError('CANARY')")


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_retries_deliver_everything_in_order(way: Way, transports: str) -> None:
    """The server loses the connection before some of the acknowledgements."""
    heard: list[int] = []

    def losing(server: Server) -> None:
        @server.on("keep")
        async def keep(client: Client, number: int) -> None:
            heard.append(number)
            if number % 4 == 1 and heard.count(number) == 1:
                client.abort()

    async with (
        serving(way, patient(), echoing, losing) as running,
        javascript(running, transports, socket={"retries": 3, "ackTimeout": 20_000}) as browser,
    ):
        await browser.enters()
        for number in range(10):
            await browser.emit("keep", number)
        await running.until(lambda: heard and heard[-1] == 9 and heard.count(9) == 2)
        assert list(dict.fromkeys(heard)) == list(range(10))
        assert heard == sorted(heard)
        assert [number for number in range(10) if heard.count(number) == 2] == [1, 5, 9]


async def test_what_is_acknowledged_is_not_tried_again(way: Way) -> None:
    heard: list[int] = []

    def keeping(server: Server) -> None:
        @server.on("keep")
        async def keep(client: Client, number: int) -> None:
            heard.append(number)

    async with (
        serving(way, patient(), echoing, keeping) as running,
        javascript(running, socket={"retries": 3, "ackTimeout": 20_000}) as browser,
    ):
        await browser.enters()
        for number in range(50):
            await browser.emit("keep", number)
        await running.until(lambda: len(heard) >= 50)
        assert await browser.ask("message-with-ack", "over") == "over"
        assert heard == list(range(50))
