"""A server on loopback that says what a test tells it to: REST answers, and plays of events.

Enough of the wire to see what the SDK does about errors, drops, repeats and holes; the real
server is tested elsewhere.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import socketio
from aiohttp import web

SESSION = "session-for-tests-0123456789"
STREAM = "stream-0123456789abcdef"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer. `body` of None is no JSON at all."""

    status: int = 200
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


def ok(data: Json) -> Answer:
    return Answer(body={"success": True, "data": data})


def refused(
    status: int, code: str, message: str = "No.", *, headers: Json | None = None, **details: object
) -> Answer:
    error = {"code": code, "message": message, "details": details}
    return Answer(
        status=status, body={"success": False, "error": error}, headers=dict(headers or {})
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One HTTP request as it came."""

    method: str
    path: str
    bearer: str | None
    query: dict[str, str]
    body: Json | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What one connection gets once it has subscribed (the first: once the stream is started)."""

    events: Sequence[Json] = ()
    then: str = "stay"
    """stay, drop (the transport breaks), or leave (a DISCONNECT packet)."""
    refusal: Json | None = None
    """The error object that refuses the connection."""
    subscription: Json | None = None
    """The acknowledgement of the subscription, when it is not success."""


class ScriptedServer:
    """See the module."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.auths: list[Json] = []
        self.subscriptions: list[Json] = []
        self.goodbyes: list[str] = []
        self.plays: list[Play] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._plays: dict[str, Play] = {}
        self._waiting: list[str] = []
        self._ended = anyio.Event()
        self._sio: Any = socketio.AsyncServer(async_mode="aiohttp", ping_interval=0.05)
        self._sio.on("connect", self._on_connect)
        self._sio.on("subscribe_data", self._on_subscribe)
        self._sio.on("disconnect", self._on_disconnect)
        self.answer("POST", "/api/stream/start", ok(started()))
        self.answer("POST", f"/api/stream/{STREAM}/stop", ok(stopped()))

    def answer(self, method: str, path: str, *answers: Answer) -> None:
        """What a path answers, in turn; the last for ever."""
        self._answers[method, path] = list(answers)

    def asked_for(self, method: str, path: str) -> list[Asked]:
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]

    def app(self) -> web.Application:
        app = web.Application()
        self._sio.attach(app)
        app.router.add_route("*", "/{path:.*}", self._rest)
        return app

    async def _rest(self, request: web.Request) -> web.Response:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        body = await request.json() if request.can_read_body else None
        asked = Asked(
            method=request.method,
            path=request.path,
            bearer=bearer if scheme == "Bearer" else None,
            query=dict(request.query),
            body=body,
        )
        self.asked.append(asked)
        answers = self._answers.get((asked.method, asked.path), [refused(404, "NOT_FOUND")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if asked.path == "/api/stream/start" and answer.status == 200:
            waiting, self._waiting = self._waiting, []
            for sid in waiting:
                await self._perform(sid)
        if answer.body is None:
            return web.Response(status=answer.status, text="<html>", headers=answer.headers)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)

    async def _on_connect(self, sid: str, environ: Json, auth: Json | None) -> None:
        play = self.plays.pop(0) if self.plays else Play()
        self.auths.append(auth or {})
        if play.refusal is not None:
            raise socketio.exceptions.ConnectionRefusedError("refused", play.refusal)
        self._plays[sid] = play
        await self._sio.save_session(sid, {"transport": environ["aiohttp.request"].transport})

    async def _on_subscribe(self, sid: str, wanted: Json) -> Json:
        self.subscriptions.append(wanted)
        play = self._plays[sid]
        if play.subscription is not None:
            return play.subscription
        if self.asked_for("POST", "/api/stream/start"):
            # After the acknowledgement, as the real server does.
            self._sio.start_background_task(self._perform, sid)
        else:
            self._waiting.append(sid)
        return {"success": True, "data": {"data_types": wanted["data_types"]}}

    async def _perform(self, sid: str) -> None:
        play = self._plays[sid]
        for event in play.events:
            await self._sio.emit("stream_event", event, to=sid)
        if play.then == "leave":
            await self._sio.disconnect(sid)
        if play.then == "drop":
            socket = self._sio.eio._get_socket(self._sio.manager.eio_sid_from_sid(sid, "/"))
            await socket.queue.join()
            transport = (await self._sio.get_session(sid))["transport"]
            transport.close()

    async def _on_disconnect(self, sid: str, reason: str) -> None:
        self.goodbyes.append(reason)
        self._ended.set()
        self._ended = anyio.Event()

    async def all_gone(self) -> None:
        """Wait until every connection that was made has ended."""
        with anyio.fail_after(5):
            while len(self.goodbyes) < len(self._plays):
                await self._ended.wait()


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer()
    runner = web.AppRunner(server.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
        await server._sio.shutdown()


def started(stream_id: str = STREAM) -> Json:
    return {
        "stream_id": stream_id,
        "session_id": "session-…6789",
        "stream_type": "gmail_messages",
        "provider": "google",
        "configuration": configuration(),
    }


def configuration() -> Json:
    return {
        "batch_size": 100,
        "max_results": None,
        "real_time": False,
        "rate_limit_per_minute": 60,
        "include_raw": False,
        "filters": {},
    }


def stopped(stream_id: str = STREAM) -> Json:
    return {"stream_id": stream_id, "status": "stopped"}


def status(state: str = "active", reason: str | None = None, error: Json | None = None) -> Json:
    return {
        "stream_id": STREAM,
        "status": state,
        "state_reason": reason,
        "items_streamed": 0,
        "items_read": 0,
        "started_at": 1640995200.0,
        "last_activity": 1640995200.0,
        "last_checked_at": None,
        "next_check_at": None,
        "lag_seconds": None,
        "error": error,
        "configuration": configuration()
        | {"stream_type": "gmail_messages", "session_id": "session-…6789", "provider": "google"},
    }


def envelope(event_type: str, n: int, data: Json, *, epoch: str = "e1", **more: object) -> Json:
    return {
        "event_type": event_type,
        "session_id": SESSION,
        "provider": "google",
        "timestamp": 1640995200.0,
        "event_id": f"{epoch}-{n}",
        "stream_id": STREAM,
        "data": data,
    } | more


def body(name: str, *, version: str = "1", **more: object) -> Json:
    return {
        "data_type": "gmail_messages_message",
        "payload": {"id": name, "subject": f"About {name}"},
        "change": "created",
        "origin": "backfill",
        "change_id": f"{name}@{version}",
    } | more


def update(n: int, name: str, *, epoch: str = "e1", **more: object) -> Json:
    """A `data_update`; its offset is its number."""
    return envelope("data_update", n, body(name), epoch=epoch, offset=n) | more


def batch(n: int, names: Sequence[str], *, first_offset: int, cursor: str | None = None) -> Json:
    """A `data_batch` of items with consecutive offsets."""
    items = [body(name) | {"offset": first_offset + at} for at, name in enumerate(names)]
    said = {"cursor": cursor} if cursor is not None else {}
    return envelope("data_batch", n, {"items": items}, offset=items[-1]["offset"]) | said


def completed(n: int, *, epoch: str = "e1", **more: object) -> Json:
    data = {"stream_type": "gmail_messages", "status": "completed"}
    return envelope("stream_completed", n, data, epoch=epoch, offset=n) | more
