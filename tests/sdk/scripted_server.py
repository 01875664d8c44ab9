"""A server on loopback that says what a test tells it to: REST answers, and plays of events.

Enough of the three wires to see what the SDK does about errors, drops, repeats and holes; the real
server is tested elsewhere.
"""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec
import uvicorn
from anyio.abc import TaskGroup
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from support.prompt_server import PromptServer

from scp_socketio import Client, ConnectRefused, Handshake, Reason, Server, Settings
from scp_socketio.server.lane import lane

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
    bearer: str | None = None
    query: dict[str, str] = field(default_factory=dict)
    body: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What one connection gets once it has subscribed (the first: once the stream is started).

    Over SSE and NDJSON a connection is a response.
    """

    events: Sequence[Json] = ()
    then: str = "stay"
    """stay, drop (the transport ends), or leave (Socket.IO: a DISCONNECT packet)."""
    refusal: Json | None = None
    """The error object that refuses the connection."""
    subscription: Json | None = None
    """The acknowledgement of the subscription, when it is not success."""


class ScriptedServer:
    """See the module."""

    def __init__(self, tasks: TaskGroup) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self.auths: list[Json] = []
        """Of each connection: `session_id`, and `last_event_id` where it was named."""
        self.subscriptions: list[Json] = []
        self.acks: list[str] = []
        self.goodbyes: list[Reason] = []
        self.plays: list[Play] = []
        self._tasks = tasks
        self._answers: dict[tuple[str, str], list[Answer]] = {}
        self._opened = 0
        self._waiting: list[Client] = []
        self.final: str | None = None
        """The last event of a stream: who names it is told over HTTP that there is no more."""
        self._changed = anyio.Event()
        self.socketio = Server(Settings(ping_interval=0.05, max_backlog=256 * 1024 * 1024))
        self.socketio.on_connect()(self._on_connect)
        self.socketio.on("subscribe_data")(self._on_subscribe)
        self.socketio.on("stream_ack")(self._on_ack)
        self.socketio.on_disconnect()(self._on_disconnect)
        self.answer("POST", "/api/stream/start", ok(started()))
        self.answer("POST", f"/api/stream/{STREAM}/stop", ok(stopped()))

    def answer(self, method: str, path: str, *answers: Answer) -> None:
        """What a path answers, in turn; the last for ever."""
        self._answers[method, path] = list(answers)

    def asked_for(self, method: str, path: str) -> list[Asked]:
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]

    async def all_gone(self) -> None:
        """Wait until every connection that was made has ended."""
        with anyio.fail_after(5):
            while len(self.goodbyes) < self._opened:
                await self._changed.wait()

    async def acknowledged(self, place: str) -> None:
        """Wait until an event was acknowledged."""
        with anyio.fail_after(5):
            while place not in self.acks:
                await self._changed.wait()

    async def __call__(self, scope: Json, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] == "websocket" or scope["path"].startswith("/socket.io"):
            await self.socketio(scope, receive, send)
            return
        request = Request(scope, receive)
        if request.url.path == f"/api/stream/{STREAM}/events":
            response = self._events(request)
        else:
            response = await self._rest(request)
        await response(scope, receive, send)

    # -- REST ----------------------------------------------------------------------------------

    async def _rest(self, request: Request) -> Response:
        asked = Asked(
            method=request.method,
            path=request.url.path,
            bearer=_bearer(request),
            query=dict(request.query_params),
            body=msgspec.json.decode(said) if (said := await request.body()) else None,
        )
        self.asked.append(asked)
        answers = self._answers.get((asked.method, asked.path), [refused(404, "NOT_FOUND")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if asked.path == "/api/stream/start" and answer.status == 200:
            waiting, self._waiting = self._waiting, []
            for client in waiting:
                self._perform(client)
        if answer.body is None:
            return PlainTextResponse("<html>", answer.status, answer.headers)
        return JSONResponse(answer.body, answer.status, answer.headers)

    # -- SSE and NDJSON ------------------------------------------------------------------------

    def _events(self, request: Request) -> Response:
        place = request.headers.get("last-event-id")
        if place is not None and place == self.final:
            self.acks.append(place)
            return Response(status_code=204)
        play = self._next_play({"session_id": _bearer(request), "last_event_id": place})
        if play.refusal is not None:
            error = {"success": False, "error": play.refusal}
            return JSONResponse(error, 503 if play.refusal["code"] == "SHUTTING_DOWN" else 404)
        self._opened += 1
        sse = request.query_params["format"] == "sse"
        kind = "text/event-stream" if sse else "application/x-ndjson"
        return StreamingResponse(self._body(play, sse=sse), media_type=kind)

    async def _body(self, play: Play, *, sse: bool) -> AsyncIterator[bytes]:
        try:
            yield b": beat\n\n" if sse else b"\n"
            for event in play.events:
                self._note_end(event)
                said = msgspec.json.encode(event)
                yield b"id: %b\ndata: %b\n\n" % (_id(event), said) if sse else said + b"\n"
            if play.then == "stay" and not _over(play.events):
                await anyio.sleep_forever()
        finally:
            self._left(Reason.TRANSPORT_CLOSE)

    # -- Socket.IO -----------------------------------------------------------------------------

    async def _on_connect(self, client: Client, auth: object, handshake: Handshake) -> None:
        play = self._next_play(auth if isinstance(auth, dict) else {})
        if play.refusal is not None:
            raise ConnectRefused("refused", play.refusal)
        self._opened += 1
        client.data = play

    async def _on_subscribe(self, client: Client, wanted: Json) -> Json:
        self.subscriptions.append(wanted)
        play = _play_of(client)
        if play.subscription is not None:
            return play.subscription
        if self.asked_for("POST", "/api/stream/start"):
            # After the acknowledgement, as the real server does.
            self._tasks.start_soon(self._perform_soon, client)
        else:
            self._waiting.append(client)
        return {"success": True, "data": {"data_types": wanted["data_types"]}}

    async def _on_ack(self, client: Client, said: Json) -> None:
        self.acks.append(said["event_id"])
        self._stir()

    def _on_disconnect(self, client: Client, reason: Reason) -> None:
        self._left(reason)

    async def _perform_soon(self, client: Client) -> None:
        self._perform(client)

    def _perform(self, client: Client) -> None:
        play = _play_of(client)
        for event in play.events:
            client.emit("stream_event", event)
        if play.then == "leave":
            client.disconnect()
        if play.then == "drop":
            client.close()

    # -- what happened -------------------------------------------------------------------------

    def _next_play(self, auth: Json) -> Play:
        self.auths.append({name: said for name, said in auth.items() if said is not None})
        return self.plays.pop(0) if self.plays else Play()

    def _note_end(self, event: Json) -> None:
        if event["event_type"] == "stream_completed":
            self.final = event["event_id"]

    def _left(self, reason: Reason) -> None:
        self.goodbyes.append(reason)
        self._stir()

    def _stir(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _play_of(client: Client) -> Play:
    assert isinstance(client.data, Play)
    return client.data


def _bearer(request: Request) -> str | None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme == "Bearer" else None


def _id(event: Json) -> bytes:
    return str(event.get("event_id", "")).encode()


def _over(events: Sequence[Json]) -> bool:
    """Whether nothing can follow: then the real server ends the response."""
    return bool(events) and events[-1]["event_type"] in {"stream_completed", "stream_stopped"}


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer takes 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        async with anyio.create_task_group() as tasks:
            server = ScriptedServer(tasks)
            server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            http = PromptServer(
                uvicorn.Config(
                    server,
                    ws=lane(server.socketio),
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    timeout_graceful_shutdown=1,
                )
            )
            tasks.start_soon(http.serve, [listener])
            try:
                async with server.socketio.running():
                    yield server
            finally:
                http.stop()


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
        "agent_id": None,
        "agent_verified": False,
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
