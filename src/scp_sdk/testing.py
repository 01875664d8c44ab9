"""A client for your own tests: it plays what you write down, without a server or a network.

    from scp_sdk.testing import FakeSCPClient, deleted, item, lost

    client = FakeSCPClient([item("m1", subject="Hello"), lost(), deleted("m1")])
    my_agent(client)
    assert client.server.processed == ["m1", "m1"]

It is the real client with another wire below: what it does about lost connections, repeats, gaps
and errors is what it does in earnest, only that it hardly waits. `FakeAsyncSCPClient` is the same
for `async for`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Any, Final

import anyio
import msgspec

from scp_sdk.blocking import SCPClient
from scp_sdk.client import AsyncSCPClient
from scp_sdk.errors import ConnectionFailed, NotFound, SCPError
from scp_sdk.rest import Rest
from scp_sdk.retries import Patience
from scp_sdk.wires.link import Link, Wanted, WireName
from scp_wire.events import ChangeKind, Event, EventType, Origin
from scp_wire.stream_types import DATA_TYPES, StreamType

__all__ = [
    "FakeAsyncSCPClient",
    "FakeSCPClient",
    "FakeServer",
    "Step",
    "away",
    "deleted",
    "event",
    "failed",
    "gap",
    "item",
    "lost",
    "resumed",
    "stopped",
]

FAKE_URL: Final = "http://scp.invalid"
SESSION: Final = "session-fake"
HASTY: Final = Patience(
    first_delay=0.001, longest_delay=0.001, longest_outage=0.5, longest_wait=0.0, consent=0.0
)
"""Half a second of trying to come back stands for five minutes."""
LONG_AGO: Final = 1640995200.0

ANSWERS: Final[Mapping[tuple[str, str], dict[str, Any]]] = MappingProxyType(
    {
        ("GET", "/api/streams"): {
            "streams": {},
            "total_count": 0,
            "websocket_statistics": {"active_connections": 0},
        },
        ("GET", "/api/session"): {
            "session_id": "session-…fake",
            "provider": "google",
            "state": "active",
            "account": "ada@people.example",
            "scopes": [],
            "stream_types": [stream_type.value for stream_type in StreamType],
            "agent_id": None,
            "agent_verified": False,
            "created_at": LONG_AGO,
            "expires_at": LONG_AGO,
            "authorization_url": None,
        },
        ("DELETE", "/api/session"): {"state": "ended", "provider_revocation": "not_needed"},
        ("POST", "/api/sessions"): {
            "session_id": SESSION,
            "authorization_url": f"{FAKE_URL}/consent",
            "expires_at": LONG_AGO,
        },
        ("GET", "/api/providers"): {"providers": {}},
    }
)
"""What does not depend on a script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What comes next. Made by the functions below."""

    event_type: str | None = None
    """None: nothing comes, but the connection breaks."""
    data: dict[str, Any] = field(default_factory=dict)
    refusals: float = 0
    """Of a broken connection: how many attempts to come back are refused."""


def item(
    identity: str,
    payload: dict[str, Any] | None = None,
    *,
    change: str = "created",
    origin: str = "backfill",
    **fields: object,
) -> Step:
    """An item, with fields as keywords or (`from` is none) in `payload`.

    The same item with the same fields and change is a repeat, and given out once.
    """
    said = {"id": identity, **(payload or {}), **fields}
    version = msgspec.json.encode([change, said], order="sorted").hex()
    data = {
        "payload": said,
        "change": ChangeKind(change).value,
        "origin": Origin(origin).value,
        "change_id": version,
    }
    return Step(event_type=EventType.DATA_UPDATE.value, data=data)


def deleted(identity: str, *, reason: str | None = None) -> Step:
    """An item that is gone; `reason` is `left_filter` where it only stopped matching."""
    step = item(identity, change="deleted", origin="live")
    return (
        step
        if reason is None
        else Step(event_type=step.event_type, data=step.data | {"reason": reason})
    )


def lost() -> Step:
    """The connection breaks; the client comes back at once."""
    return Step()


def away(refusals: float = inf) -> Step:
    """The connection breaks, and so many attempts to come back fail; by default all of them."""
    return Step(refusals=refusals)


def gap(*, reason: str = "position_lost", complete_listing: bool = True) -> Step:
    """A place was lost. What the items up to `resumed` do not name is given out as deleted.

    With `complete_listing`, and by a stream with `real_time`, which knows what its reader holds.
    """
    data = {"reason": reason, "after_event_id": None, "reread": True}
    return Step(
        event_type=EventType.STREAM_GAP.value, data=data | {"complete_listing": complete_listing}
    )


def resumed() -> Step:
    """The re-reading after a gap is done."""
    return Step(event_type=EventType.STREAM_RESUMED.value, data={"status": "active"})


def failed(error: SCPError) -> Step:
    """The stream ends with an error, which the iteration raises as its own class.

    Of `error`, its code, message and details are told.
    """
    data = {"code": error.code, "message": error.message, "details": error.details, "fatal": True}
    return Step(event_type=EventType.STREAM_ERROR.value, data=data)


def stopped(reason: str = "requested") -> Step:
    """The stream was stopped; for another reason than `requested` that is `StreamInterrupted`."""
    data = {"status": "stopped", "reason": reason}
    return Step(event_type=EventType.STREAM_STOPPED.value, data=data)


def event(event_type: str, **data: object) -> Step:
    """Any other event, for `on_event`: `event("token_refresh", new_expires_at=..., ...)`."""
    return Step(event_type=EventType(event_type).value, data=data)


class FakeServer:
    """Plays a script once to the end, for one stream after the other."""

    def __init__(self, script: Iterable[Step], refusals: Sequence[SCPError]) -> None:
        self.script = (*script, Step(event_type=EventType.STREAM_COMPLETED.value))
        self.refusals = list(refusals)
        """What the next starts are refused with."""
        self.started: list[dict[str, Any]] = []
        """What streams were started with, as the server would read it."""
        self.stopped: list[str] = []
        """Ids of streams that were stopped."""
        self.places: list[str] = []
        """What was acknowledged."""
        self.connections = 0
        self.broken = 0
        """How many of the script's breaks have happened."""
        self.refused = 0.0

    @property
    def processed(self) -> list[str]:
        """Ids of the items that were processed: after which the next was asked for."""
        reached = max((_number(place) for place in self.places), default=0)
        return [
            step.data["payload"]["id"]
            for step in self.script[:reached]
            if step.event_type == EventType.DATA_UPDATE
        ]

    def status(self, stream_id: str) -> str:
        """`status` of a stream."""
        if stream_id in self.stopped:
            return "stopped"
        ended = f"fake-{len(self.script)}" in self.places
        return "completed" if ended else "active"


class FakeLink:
    """The wire below the fake clients."""

    def __init__(self, server: FakeServer, wanted: Wanted) -> None:
        self._server = server
        self._wanted = wanted
        self._at = _number(wanted.last_event_id)
        self._over = False
        self.heard_at = anyio.current_time()
        self.silence = 3600.0

    async def receive(self) -> Event | None:
        """See `Link`."""
        await anyio.lowlevel.checkpoint()
        server = self._server
        while not self._over:
            if self._at == len(server.script):
                await anyio.sleep_forever()
            step, number = server.script[self._at], self._at + 1
            if step.event_type is not None:
                self._at = number
                return _event(step, number, self._wanted)
            breaks = [at for at, each in enumerate(server.script) if each.event_type is None]
            if breaks.index(self._at) < server.broken:
                self._at = number
                continue
            server.broken += 1
            server.refused = step.refusals
            self._over = True
        return None

    async def acknowledge(self, place: str) -> None:
        """See `Link`."""
        self._server.places.append(place)

    async def finish(self, place: str) -> bool:
        """See `Link`."""
        self._server.places.append(place)
        return True

    async def aclose(self) -> None:
        """See `Link`."""
        self._over = True


class FakeRest(Rest):
    """Answers as a server that has everything."""

    def __init__(self, server: FakeServer) -> None:
        super().__init__(FAKE_URL, _no_network, timeout=1.0, patience=HASTY, chance=_half)
        self._server = server

    async def _once(self, method: str, path: str, sent: dict[str, Any]) -> object:
        await anyio.lowlevel.checkpoint()
        server, parts = self._server, path.removeprefix("/api/").split("/")
        match method, parts:
            case "POST", ["stream", "start"]:
                return self._start(msgspec.json.decode(sent["data"]))
            case "GET", ["stream", stream_id, "status"]:
                return _status(server, stream_id)
            case "POST", ["stream", stream_id, "stop"]:
                server.stopped.append(stream_id)
                return {"stream_id": stream_id, "status": "stopped"}
            case _:
                pass
        if (method, path) not in ANSWERS:
            raise NotFound("The fake server has no such path.")
        return ANSWERS[method, path]

    def _start(self, asked: dict[str, Any]) -> object:
        server = self._server
        if server.refusals:
            raise server.refusals.pop(0)
        server.started.append(asked)
        server.places.clear()
        server.broken, server.refused = 0, 0
        return {
            "stream_id": f"stream-fake-{len(server.started)}",
            "session_id": SESSION,
            "stream_type": asked["stream_type"],
            "provider": "google",
            "configuration": _configuration(asked),
        }


class FakeAsyncSCPClient(AsyncSCPClient):
    """An AsyncSCPClient that plays a script, and then completes the stream.

    `refusals` are raised by the next starts, one each. `server` tells what was asked of it.
    """

    def __init__(self, script: Iterable[Step] = (), *, refusals: Sequence[SCPError] = ()) -> None:
        super().__init__(FAKE_URL, SESSION, "operator-fake", patience=HASTY)
        self.server = FakeServer(script, refusals)
        self._rest = FakeRest(self.server)

    async def _connect(self, wire: WireName, wanted: Wanted) -> Link:
        await anyio.lowlevel.checkpoint()
        if self.server.refused:
            self.server.refused -= 1
            raise ConnectionFailed("The fake server is away.")
        self.server.connections += 1
        return FakeLink(self.server, wanted)


class FakeSCPClient(SCPClient):
    """An SCPClient that plays a script, and then completes the stream.

    `refusals` are raised by the next starts, one each. `server` tells what was asked of it.
    """

    def __init__(self, script: Iterable[Step] = (), *, refusals: Sequence[SCPError] = ()) -> None:
        inner = FakeAsyncSCPClient(script, refusals=refusals)
        self.server = inner.server
        self._begin(inner)


def _event(step: Step, number: int, wanted: Wanted) -> Event:
    stream_id, data = wanted.stream_id or "stream-fake-1", dict(step.data)
    kind = step.event_type or ""
    if kind == EventType.DATA_UPDATE:
        data["data_type"] = DATA_TYPES.get(StreamType(wanted.stream_type), "")
    if kind == EventType.STREAM_GAP:
        data["stream_id"] = stream_id
    return Event(
        event_type=kind,
        session_id=wanted.session_id,
        provider="google",
        timestamp=LONG_AGO,
        data=data,
        event_id=f"fake-{number}",
        stream_id=stream_id,
        cursor=f"cursor-{number}",
    )


def _number(place: str | None) -> int:
    return int(place.rpartition("-")[2]) if place else 0


def _configuration(asked: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "batch_size": 100,
        "max_results": None,
        "real_time": False,
        "rate_limit_per_minute": 60,
        "include_raw": False,
        "filters": {},
    }
    return {name: asked.get(name, default) for name, default in defaults.items()}


def _status(server: FakeServer, stream_id: str) -> dict[str, Any]:
    asked = server.started[-1] if server.started else {"stream_type": "gmail_messages"}
    shown = {"stream_type": asked["stream_type"], "session_id": SESSION, "provider": "google"}
    return {
        "stream_id": stream_id,
        "status": server.status(stream_id),
        "state_reason": None,
        "items_streamed": len(server.processed),
        "items_read": len(server.processed),
        "started_at": LONG_AGO,
        "last_activity": LONG_AGO,
        "last_checked_at": None,
        "next_check_at": None,
        "lag_seconds": None,
        "error": None,
        "agent_id": None,
        "agent_verified": False,
        "configuration": _configuration(asked) | shown,
    }


def _no_network() -> Any:  # noqa: ANN401
    raise ConnectionFailed("A fake client uses no network.")


def _half() -> float:
    return 0.5
