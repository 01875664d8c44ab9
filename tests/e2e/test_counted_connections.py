"""Which Socket.IO connections use up a session's five: those that were let in, and no others."""

import json

import anyio
from support.raw_engineio import RawWebSocket, raw_websocket
from support.running import Server, StartServer, assert_quiet

ALLOWED = 5
"""The guide's limit on connections of a session in five minutes."""


async def met(raw: RawWebSocket, session: str, **more: object) -> str | None:
    """Connect; the code of the refusal, None when let in."""
    await raw.send("40" + json.dumps({"session_id": session} | more))
    answer = await raw.answer()
    return None if answer.startswith("40") else str(json.loads(answer[2:])["data"]["code"])


async def knock(
    server: Server, session: str, *, goodbye: bool = True, **more: object
) -> str | None:
    """Connect and leave, without a goodbye only to leave a seat."""
    async with raw_websocket(server.url) as raw:
        code = await met(raw, session, **more)
        if goodbye:
            await raw.send("41")
        return code


async def test_who_is_refused_uses_up_none_of_the_connections(start: StartServer) -> None:
    server = start()
    session = await server.open_session()
    for _ in range(ALLOWED + 1):
        code = await knock(server, session, cursors={"stream-x": "forged"})
        assert code == "CURSOR_INVALID"
    accepted = [await knock(server, session) for _ in range(ALLOWED)]
    assert accepted == [None] * ALLOWED
    assert await knock(server, session) == "RATE_LIMIT_EXCEEDED"
    assert_quiet(server)


async def test_a_seat_is_taken_again_by_one_of_those_who_come_at_once(start: StartServer) -> None:
    server = start()
    session, codes = await server.open_session(), list[str | None]()
    assert await knock(server, session, goodbye=False) is None
    while await server.connections(session):
        pass

    release = anyio.Event()

    async def come() -> None:
        async with raw_websocket(server.url) as raw:
            codes.append(await met(raw, session))
            if len(codes) == 3 * ALLOWED:
                release.set()
            await release.wait()

    async with anyio.create_task_group() as tasks:
        for _ in range(3 * ALLOWED):
            tasks.start_soon(come)
    # The seat's, and those that the first connection left of the five.
    assert codes.count(None) == 1 + ALLOWED - 1
    assert codes.count("RATE_LIMIT_EXCEEDED") == 2 * ALLOWED
    assert_quiet(server)
