"""python-socketio on uvicorn, at its fastest: see serving.py."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import shape
import socketio
import uvicorn
from serving import LOOP, Subject, main


def _config(sio: Any, port: int) -> uvicorn.Config:  # noqa: ANN401  (the library is not typed)
    return uvicorn.Config(
        socketio.ASGIApp(sio),
        host="127.0.0.1",
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        loop=LOOP,
    )


@asynccontextmanager
async def serving(port: int, sessions: int) -> AsyncIterator[Subject]:
    """Serve on a port."""
    sio = socketio.AsyncServer(async_mode="asgi")
    sids, found, sent = list[str](), list[str](), dict[int | None, int]()

    async def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
        sids.append(sid)
        await sio.enter_room(sid, "all")

    async def disconnect(sid: str, reason: str = "") -> None:
        sids.remove(sid)

    sio.on("connect", connect)
    sio.on("disconnect", disconnect)

    async def put(to: int | None) -> None:
        n = sent[to] = sent.get(to, 0) + 1
        event = shape.event(n, shape.text(n))
        if to is None:
            await sio.emit("stream_event", event, room="all")
        else:
            await sio.emit("stream_event", event, to=found[to])

    def joined() -> int:
        found[:] = sids
        return len(found)

    server = uvicorn.Server(_config(sio, port))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield Subject(hello=["40"], joined=joined, put=put, bounded=False)
        server.should_exit = server.force_exit = True


if __name__ == "__main__":
    main(serving)
