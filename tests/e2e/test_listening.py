"""How the real server listens: every answer is dressed, whoever gives it; faults of the machine."""

import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from threading import Event

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.processes import Child, start_server
from support.running import Server, assert_quiet
from support.wire import Heard, get, opened, said

SETTINGS = {"limits__data_requests_per_minute": "0", "limits__sockets_per_address": "40"}
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SOCKET_IO = "/socket.io/?EIO=4&transport="

ANSWERS: dict[str, tuple[int, bytes]] = {
    "a page": (200, get("/docs")),
    "a page that failed": (400, get("/oauth/google/callback")),
    "a redirect": (303, get("/oauth/google/login")),
    "a document": (200, get("/openapi.json")),
    "an asset": (200, get("/assets/page.css")),
    "an answer": (200, get("/api/providers")),
    "a refusal": (401, get("/api/streams")),
    "metrics": (200, get("/metrics")),
    "health": (200, get("/healthz")),
    "nothing": (404, get("/nothing")),
    "a wrong method": (405, get("/api/streams").replace(b"GET", b"PUT", 1)),
    "a preflight": (204, get("/api/streams").replace(b"GET", b"OPTIONS", 1)),
    "polling": (200, get(SOCKET_IO + "polling")),
    "polling refused": (400, get(SOCKET_IO + "polling&sid=x")),
    "polling by JSONP": (400, get(SOCKET_IO + "polling&j=0")),
    "polling from elsewhere": (403, get(SOCKET_IO + "polling", lines=b"Origin: null\r\n")),
    "polling at a wrong path": (404, get("/socket.io/x?EIO=4&transport=polling")),
    "polling asked what it takes": (204, get(SOCKET_IO).replace(b"GET", b"OPTIONS", 1)),
    "a WebSocket refused": (400, get(SOCKET_IO + "websocket&sid=x", close=False, lines=UPGRADE)),
    "a WebSocket elsewhere": (404, get("/elsewhere", close=False, lines=UPGRADE)),
    "a WebSocket from elsewhere": (
        403,
        get(SOCKET_IO + "websocket", close=False, lines=UPGRADE + b"Origin: https://evil\r\n"),
    ),
    "no HTTP": (400, b"nonsense\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "too much": (431, get(lines=b"X: " + b"x" * 40_000 + b"\r\n")),
    "too many": (431, get(lines=b"X: y\r\n" * 101)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[Server]:
    """With no limit on requests, and one on sockets."""
    folder = tmp_path_factory.mktemp("server")
    child = start_server(folder, sandbox, **SETTINGS)
    yield Server(child, folder, sandbox, SETTINGS)
    child.close()


def is_dressed(heard: Heard) -> None:
    headers = heard.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in {"no-store", "public, max-age=3600"}
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in headers
    kind, _, parameters = headers.get("content-type", "").partition(";")
    if kind.startswith("text/"):
        assert parameters.strip().lower() == "charset=utf-8" or "charset=utf-8" in parameters
    else:
        assert kind in {"", "application/json"}


@pytest.mark.parametrize("what", ANSWERS)
async def test_every_answer_carries_the_security_headers(server: Server, what: str) -> None:
    status, request = ANSWERS[what]
    heard = await said(server.url, request)
    assert heard.status == status, heard.raw[:500]
    is_dressed(heard)
    assert_quiet(server)


async def measured(server: Server, name: str) -> float:
    """A metric, summed over its labels."""
    heard = await said(server.url, get("/metrics"))
    text = heard.raw.partition(b"\r\n\r\n")[2].decode()
    families = text_string_to_metric_families(text)
    return sum(one.value for family in families for one in family.samples if one.name == name)


async def test_too_many_sockets_of_one_address_are_refused_and_counted(server: Server) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(40):
            await stack.enter_async_context(await opened(server.url))
        heard = await said(server.url, get())
        assert (heard.status, heard.error["code"]) == (503, "OVERLOADED")
        is_dressed(heard)
    with anyio.fail_after(10):
        while (await said(server.url, get())).status != 200:
            pass
    assert await measured(server, "scp_turned_away_total") >= 1
    assert await measured(server, "scp_sockets") >= 1
    assert_quiet(server)


async def test_a_server_that_was_stopped_says_for_how_long_it_did_not_move(
    server: Server,
) -> None:
    process = server.child.process
    assert await measured(server, "scp_event_loop_lag_max_seconds") < 1.2
    process.send_signal(signal.SIGSTOP)
    Event().wait(2.0)
    process.send_signal(signal.SIGCONT)
    with anyio.fail_after(10):
        while await measured(server, "scp_event_loop_lag_max_seconds") < 1.2:
            pass
    assert "event_loop_stalled" in server.log
    assert_quiet(server)
