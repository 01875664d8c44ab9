"""The access log: a record a request, with neither query nor id."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from support.time_and_chance import TurnedClock

from scp_server.telemetry.access_log import AccessLog, Message, Receive, Scope, Send, path_shown

STREAM = "stream-CANARYabcdefgh"


class App:
    """Sends what it was told to, taking 12.5 ms."""

    def __init__(self, clock: TurnedClock, *messages: Message) -> None:
        self.clock = clock
        self.messages = messages
        self.called = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.called += 1
        for message in self.messages:
            await send(message)
        self.clock.turn(0.0125)


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def log_of(
    caplog: pytest.LogCaptureFixture, scope: Scope, *messages: Message
) -> list[dict[str, Any]]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    clock = TurnedClock()
    app = App(clock, *messages)
    with caplog.at_level(logging.INFO):
        await AccessLog(app, clock)(scope, nothing, send)
    assert app.called == 1
    assert sent == list(messages)
    names = ("method", "path", "status", "ms")
    return [{name: getattr(record, name) for name in names} for record in caplog.records]


def request(path: str) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"session_id=CANARY",
        "headers": [(b"authorization", b"Bearer CANARY")],
    }


async def test_a_request_is_noted_with_its_status_and_time_and_without_its_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = await log_of(
        caplog,
        {
            **request(f"/api/stream/{STREAM}/status"),
            "route": SimpleNamespace(path="/api/stream/{stream_id}/status"),
        },
        {"type": "http.response.start", "status": 404},
        {"type": "http.response.body"},
    )
    assert seen == [
        {"method": "GET", "path": "/api/stream/{stream_id}/status", "status": 404, "ms": 12.5}
    ]
    assert "CANARY" not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({"type": "websocket.accept"}, 101),
        ({"type": "websocket.close"}, 403),
        ({"type": "websocket.http.response.start", "status": 429}, 429),
    ],
)
async def test_a_websocket_is_noted_with_how_it_was_answered(
    caplog: pytest.LogCaptureFixture, message: Message, status: int
) -> None:
    scope = {"type": "websocket", "path": "/socket.io/", "query_string": b"session_id=CANARY"}
    (seen,) = await log_of(caplog, scope, message)
    assert (seen["method"], seen["status"]) == ("WEBSOCKET", status)


async def test_an_accepted_websocket_stays_101_when_it_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scope = {"type": "websocket", "path": "/socket.io/"}
    (seen,) = await log_of(caplog, scope, {"type": "websocket.accept"}, {"type": "websocket.close"})
    assert seen["status"] == 101


async def test_a_request_whose_handler_fails_is_noted_without_a_status(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("CANARY")

    async def send(message: Message) -> None:
        raise AssertionError

    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError):
        await AccessLog(failing, TurnedClock())(request("/x"), nothing, send)
    (record,) = caplog.records
    assert getattr(record, "status", "missing") is None


async def test_the_lifespan_is_not_a_request(caplog: pytest.LogCaptureFixture) -> None:
    assert await log_of(caplog, {"type": "lifespan"}) == []


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        ({"path": "/x/session-CANARY/y", "route": None}, "(no route)"),
        ({"path": "/CANARY"}, "(no route)"),
        ({"path": "/CANARY", "route": SimpleNamespace(path="/{thing}")}, "/{thing}"),
        ({"path": "/socket.io/"}, "/socket.io"),
        ({"path": "/socket.io/CANARY"}, "(no route)"),
    ],
)
def test_a_path_is_shown_by_its_template_or_not_at_all(scope: Scope, shown: str) -> None:
    assert path_shown(scope) == shown
