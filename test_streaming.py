"""Checks a running server against the streaming guide, and says what it checks.

    python test_streaming.py --url http://localhost:5000

The session comes from --session-id, SCP_CLIENT__SESSION_ID, or the sandbox's consent page where
the server runs a sandbox. Exit status: 0 when everything is as promised, 1 when something is
not, 2 when there is no session to check with.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import socketio

from scp_sdk import AsyncSCPClient, SCPError, StreamNotFound
from scp_sdk.sandbox_consent import NoSandbox, obtain_session

STREAM_TYPES = (
    "gmail_messages",
    "gmail_threads",
    "calendar_events",
    "outlook_messages",
    "outlook_events",
    "contacts",
    "files",
)
ITEMS = 20
WITHIN = 60.0


class Unexpected(Exception):
    """Something is not as promised."""


class Skipped(Exception):
    """A check that this server gives no occasion for."""


def require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Unexpected(otherwise)


def expect(wanted: object, got: object, what: str) -> None:
    require(wanted == got, f"{what}: expected {wanted!r}, got {got!r}")


def expect_fields(value: object, *names: str) -> None:
    missing = [name for name in names if not isinstance(value, dict) or name not in value]
    require(not missing, f"missing: {', '.join(missing)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:  # noqa: ANN401  (foreign JSON)
        require(self.status in {200, 201}, f"status {self.status}: {self.body}")
        expect_fields(self.body, "success", "data")
        require(self.body["success"] is True, "success is not true")
        return self.body["data"]

    def refused(self, status: int, code: str) -> dict[str, Any]:
        """The error object, when it is the expected one."""
        expect_fields(self.body, "success", "error")
        require(self.body["success"] is False, "success is not false")
        error: dict[str, Any] = self.body["error"]
        expect_fields(error, "code", "message", "details")
        expect((status, code), (self.status, error["code"]), "status and code")
        return error


@dataclass(slots=True, kw_only=True)
class Bench:
    """What the checks share."""

    url: str
    http: aiohttp.ClientSession
    session_id: str
    stream_id: str = ""

    async def ask(self, method: str, path: str, *, session: str | None = "", **more: Any) -> Answer:  # noqa: ANN401  (handed to aiohttp)
        """A request as the session, as another one, or (None) as nobody."""
        bearer = self.session_id if session == "" else session
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        headers |= more.pop("headers", {})
        async with self.http.request(method, self.url + path, headers=headers, **more) as answer:
            body = await answer.json() if "json" in answer.content_type else None
            return Answer(status=answer.status, headers=answer.headers, body=body)

    async def start(self, **fields: Any) -> Answer:  # noqa: ANN401  (JSON)
        body = {"session_id": self.session_id, "stream_type": "gmail_messages"} | fields
        return await self.ask("POST", "/api/stream/start", session=None, json=body)


class Listener:
    """A Socket.IO client as the guide writes it, which keeps what it gets."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncClient(reconnection=False)
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.refusal: Any = None
        for name in ("stream_event", "subscription_confirmed", "error"):
            self.sio.on(name, self._keeper(name))
        self.sio.on("connect_error", self._refused)

    def _keeper(self, name: str) -> Callable[[Any], None]:
        return lambda data: self.heard.put_nowait((name, data))

    def _refused(self, reason: Any) -> None:  # noqa: ANN401  (a text, or an object)
        self.refusal = reason

    async def next(self, name: str) -> Any:  # noqa: ANN401  (foreign JSON)
        """The next message of that name; others are passed over."""
        while True:
            kind, data = await self.heard.get()
            if kind == name:
                return data

    async def refused(self, url: str, auth: dict[str, str] | None) -> dict[str, Any]:
        """The error object that a connection is refused with."""
        try:
            await self.sio.connect(url, auth=auth, wait_timeout=10)
        except socketio.exceptions.ConnectionError:
            error = self.refusal.get("data") if isinstance(self.refusal, dict) else None
            expect_fields(error, "code", "message")
            return dict(error or {})
        await self.sio.disconnect()
        raise Unexpected("the connection was accepted")


async def health(bench: Bench) -> None:
    """The server is alive and ready"""
    for path in ("/healthz", "/readyz"):
        expect(200, (await bench.ask("GET", path, session=None)).status, path)


async def providers(bench: Bench) -> None:
    """GET /api/providers says what is set up"""
    data = (await bench.ask("GET", "/api/providers", session=None)).data
    expect_fields(data, "providers")
    for name in ("google", "microsoft"):
        expect_fields(data["providers"][name], "configured", "missing", "stream_types")


async def session(bench: Bench) -> None:
    """GET /api/session shows the session, its id masked"""
    data = (await bench.ask("GET", "/api/session")).data
    expect("active", data["state"], "state")
    require(data["session_id"] != bench.session_id, "the session id is shown in full")


async def no_session(bench: Bench) -> None:
    """Without a session: 401 SESSION_REQUIRED; with an unknown one: 404 SESSION_NOT_FOUND"""
    (await bench.ask("GET", "/api/streams", session=None)).refused(401, "SESSION_REQUIRED")
    unknown = await bench.ask("GET", "/api/streams", session="session-unknown")
    unknown.refused(404, "SESSION_NOT_FOUND")


async def headers(bench: Bench) -> None:
    """Answers carry X-RateLimit-Limit, -Remaining and -Reset"""
    answer = await bench.ask("GET", "/api/session")
    for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        require(answer.headers.get(name, "").isdigit(), f"{name} is {answer.headers.get(name)!r}")


async def wrong_configuration(bench: Bench) -> None:
    """Wrong configurations: 400 STREAM_CONFIG_ERROR that names the field"""
    error = (await bench.start(stream_type="invalid_type")).refused(400, "STREAM_CONFIG_ERROR")
    expect("stream_type", error["details"].get("field"), "field")
    allowed = error["details"].get("allowed_values", [])
    expect(sorted(STREAM_TYPES), sorted(allowed), "allowed_values")
    for name, value in (("batch_size", 0), ("max_results", -1), ("colour", "red")):
        error = (await bench.start(**{name: value})).refused(400, "STREAM_CONFIG_ERROR")
        expect(name, error["details"].get("field"), "field")


async def malformed(bench: Bench) -> None:
    """Malformed JSON: 400 INVALID_REQUEST; an unknown path: 404 NOT_FOUND"""
    json = {"Content-Type": "application/json"}
    answer = await bench.ask("POST", "/api/stream/start", data=b"{", headers=json)
    answer.refused(400, "INVALID_REQUEST")
    (await bench.ask("GET", "/api/nothing")).refused(404, "NOT_FOUND")


async def start(bench: Bench) -> None:
    """POST /api/stream/start answers as in the guide"""
    answer = await bench.start(batch_size=10, max_results=100, rate_limit_per_minute=60)
    data = answer.data
    bench.stream_id = data["stream_id"]
    expect_fields(data, "stream_id", "session_id", "stream_type", "provider", "configuration")
    expect("google", data["provider"], "provider")
    expect(10, data["configuration"]["batch_size"], "batch_size")
    expect(100, data["configuration"]["max_results"], "max_results")


async def already_active(bench: Bench) -> None:
    """A second start of the same type: 409 STREAM_ALREADY_ACTIVE"""
    error = (await bench.start()).refused(409, "STREAM_ALREADY_ACTIVE")
    expect(bench.stream_id, error["details"].get("stream_id"), "stream_id")


async def status(bench: Bench) -> None:
    """GET /api/stream/{stream_id}/status answers as in the guide"""
    data = (await bench.ask("GET", f"/api/stream/{bench.stream_id}/status")).data
    expect("active", data["status"], "status")
    expect_fields(data, "stream_id", "items_streamed", "started_at", "last_activity")
    expect_fields(data["configuration"], "stream_type", "session_id", "provider", "batch_size")


async def listing(bench: Bench) -> None:
    """GET /api/streams lists the stream"""
    data = (await bench.ask("GET", "/api/streams")).data
    expect_fields(data, "streams", "total_count", "websocket_statistics")
    expect(len(data["streams"]), data["total_count"], "total_count")
    expect_fields(data["streams"], bench.stream_id)
    expect_fields(data["websocket_statistics"], "active_connections")


async def stop(bench: Bench) -> None:
    """POST /api/stream/{stream_id}/stop stops it, twice as well as once"""
    for _ in range(2):
        data = (await bench.ask("POST", f"/api/stream/{bench.stream_id}/stop")).data
        expect({"stream_id": bench.stream_id, "status": "stopped"}, data, "data")


async def unknown_stream(bench: Bench) -> None:
    """An unknown stream: 404 STREAM_NOT_FOUND"""
    answer = await bench.ask("GET", "/api/stream/stream-unknown/status")
    answer.refused(404, "STREAM_NOT_FOUND")


async def refusals(bench: Bench) -> None:
    """Socket.IO refuses a client without a session, and one with an unknown one"""
    error = await Listener().refused(bench.url, None)
    expect("SESSION_REQUIRED", error["code"], "code")
    error = await Listener().refused(bench.url, {"session_id": "session-unknown"})
    expect("SESSION_NOT_FOUND", error["code"], "code")


async def by_query(bench: Bench) -> None:
    """Socket.IO takes the session from the URL's query, as the guide's JavaScript sends it"""
    listener = Listener()
    await listener.sio.connect(f"{bench.url}?session_id={bench.session_id}", wait_timeout=10)
    await listener.sio.disconnect()


async def subscriptions(bench: Bench) -> None:
    """Subscriptions are confirmed; an unknown type is refused and changes nothing"""
    async with _Connected(bench) as listener:
        wanted = {"session_id": bench.session_id, "data_types": ["gmail_messages"]}
        answer = await listener.sio.call("subscribe_data", wanted)
        require(answer["success"], "the acknowledgement is a refusal")
        confirmed = await listener.next("subscription_confirmed")
        expect(["gmail_messages"], confirmed["data_types"], "data_types")
        answer = await listener.sio.call("subscribe_data", wanted | {"data_types": ["nothing"]})
        require(not answer["success"], "the acknowledgement is no refusal")
        expect("STREAM_CONFIG_ERROR", (await listener.next("error"))["code"], "error")


async def events(bench: Bench) -> None:
    """A subscriber gets every event of a stream, in order and in the guide's envelope"""
    async with _Connected(bench) as listener:
        wanted = {"session_id": bench.session_id, "data_types": ["gmail_messages"]}
        await listener.sio.call("subscribe_data", wanted)
        stream_id = (await bench.start(max_results=ITEMS)).data["stream_id"]
        ids: list[str] = []
        last = 0
        while True:
            event = await listener.next("stream_event")
            expect_fields(event, "event_type", "session_id", "provider", "timestamp", "data")
            if event.get("stream_id") != stream_id:
                continue
            expect(last + 1 if last else event["offset"], event["offset"], "offset")
            last = event["offset"]
            if event["event_type"] == "stream_completed":
                break
            if event["event_type"] == "data_update":
                expect("gmail_messages_message", event["data"]["data_type"], "data_type")
                expect_fields(event["data"]["payload"], "id", "subject", "from")
                ids.append(event["data"]["payload"]["id"])
        expect(len(ids), len(set(ids)), "different ids")
        require(0 < len(ids) <= ITEMS, f"{len(ids)} messages, of at most {ITEMS}")
        # The server learns from the client's pong, within a second, that all of it arrived.
        await asyncio.sleep(2)
    data = (await bench.ask("GET", f"/api/stream/{stream_id}/status")).data
    expect(("completed", len(ids)), (data["status"], data["items_streamed"]), "status, items")


async def sdk(bench: Bench) -> None:
    """The SDK streams calendar events and raises typed errors"""
    async with AsyncSCPClient(bench.url, bench.session_id) as client:
        kinds = {
            item.data_type
            async for item in client.stream(stream_type="calendar_events", max_results=5)
        }
        expect({"calendar_events_event"}, kinds or {"calendar_events_event"}, "data_type")
        try:
            await client.get_stream_status("stream-unknown")
        except StreamNotFound:
            return
    raise Unexpected("StreamNotFound was not raised")


async def rate_limit(bench: Bench) -> None:
    """Too many requests: 429 RATE_LIMIT_EXCEEDED, body and headers as in the guide"""
    for _ in range(100):
        answer = await bench.ask("GET", "/api/session")
        if answer.status == 429:
            error = answer.refused(429, "RATE_LIMIT_EXCEEDED")
            expect_fields(error["details"], "retry_after", "limit", "reset_time")
            expect("0", answer.headers.get("X-RateLimit-Remaining"), "X-RateLimit-Remaining")
            require(answer.headers.get("Retry-After", "").isdigit(), "no Retry-After")
            return
    raise Skipped("not refused in 100 requests: this server's limit is higher")


class _Connected:
    """A Listener, connected for as long as the block lasts."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._listener = Listener()

    async def __aenter__(self) -> Listener:
        auth = {"session_id": self._bench.session_id}
        await self._listener.sio.connect(self._bench.url, auth=auth, wait_timeout=10)
        return self._listener

    async def __aexit__(self, *_: object) -> None:
        await self._listener.sio.disconnect()


# The last one uses the limit up; so it comes last.
CHECKS: tuple[Callable[[Bench], Awaitable[None]], ...] = (
    *(health, providers, session, no_session, headers),
    *(wrong_configuration, malformed),
    *(start, already_active, status, listing, stop, unknown_stream),
    *(refusals, by_query, subscriptions, events, sdk),
    rate_limit,
)


async def verdict(check: Callable[[Bench], Awaitable[None]], bench: Bench) -> str:
    """Empty when the check passed, else why not."""
    try:
        async with asyncio.timeout(WITHIN):
            await check(bench)
    except Skipped as why:
        return f"skipped: {why}"
    except TimeoutError:
        return f"FAILED: not done within {WITHIN:g} s"
    except (Unexpected, SCPError, aiohttp.ClientError, socketio.exceptions.SocketIOError) as why:
        return f"FAILED: {type(why).__name__}: {why}"
    except (KeyError, TypeError, AttributeError, ValueError) as why:
        return f"FAILED: an answer of another shape: {type(why).__name__}: {why}"
    return ""


async def run(url: str, session_id: str) -> int:
    failed = 0
    async with aiohttp.ClientSession() as http:
        bench = Bench(url=url.rstrip("/"), http=http, session_id=session_id)
        for check in CHECKS:
            why = await verdict(check, bench)
            failed += why.startswith("FAILED")
            print(f"{'FAIL' if why.startswith('FAILED') else 'ok  '}  {check.__doc__}", flush=True)
            if why:
                print(f"      {why}", flush=True)
    print(f"\n{len(CHECKS)} checks, {failed} failed")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:5000")
    parser.add_argument("--session-id", help="else SCP_CLIENT__SESSION_ID, else the sandbox's")
    asked = parser.parse_args()
    try:
        session_id = obtain_session(asked.url, asked.session_id)
    except NoSandbox as why:
        print(f"No session to check with: {why.message}", file=sys.stderr)
        print("Give one with --session-id or SCP_CLIENT__SESSION_ID.", file=sys.stderr)
        return 2
    return asyncio.run(run(asked.url, session_id))


if __name__ == "__main__":
    sys.exit(main())
