"""The fast lane under a real uvicorn on loopback: what it asks of uvicorn and answers clients."""

import asyncio
import datetime
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.prompt_server import PromptServer
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from scp_socketio import Client, Handshake, Message, Reason, Server, Settings
from scp_socketio.server.lane import lane

AN_HOUR = 3600.0
PATH = "/socket.io/?EIO=4&transport=websocket"
UPGRADE = {
    "Host": "server.example",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
# The answer that RFC 6455 §1.3 gives for this key.
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def patient(**changes: Any) -> Server:  # noqa: ANN401  (fields of Settings)
    """A server whose deadlines end nothing within a test."""
    hours = dict.fromkeys(("ping_interval", "ping_timeout", "connect_timeout"), AN_HOUR)
    return Server(Settings(**(hours | changes)))


@asynccontextmanager
async def laned(
    server: Server,
    others: type[asyncio.Protocol] | None = None,
    app: Any = None,  # noqa: ANN401  (an ASGI application)
    **config: Any,  # noqa: ANN401  (of uvicorn)
) -> AsyncIterator[tuple[PromptServer, int]]:
    """The server under uvicorn; yields uvicorn's and the port."""
    silent = {"lifespan": "off", "log_config": None} | config
    # Not named as TCP, as sockets of a service manager are not: then asyncio sets no TCP_NODELAY.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        http = PromptServer(uvicorn.Config(app or server, ws=lane(server, others=others), **silent))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [listener])
            with anyio.fail_after(30):
                async with server.running():
                    yield http, listener.getsockname()[1]
                http.stop()


@asynccontextmanager
async def joined(port: int, **options: Any) -> AsyncIterator[ClientConnection]:  # noqa: ANN401
    """A client that is in the namespace /."""
    target = options.pop("uri", f"ws://127.0.0.1:{port}{PATH}")
    async with connect(target, ping_interval=None, **options) as client:
        assert str(await client.recv()).startswith("0{")
        await client.send("40")
        assert str(await client.recv()).startswith("40{")
        yield client


async def ask(port: int, method: str = "GET", path: str = PATH, **headers: str | None) -> bytes:
    """The head and body of a handshake's answer; headers as named, None leaves one out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in (UPGRADE | named).items() if value is not None]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    body = b"" if b" 101 " in head else await reader.read()
    writer.close()
    await writer.wait_closed()
    return head + body


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_the_handshake_is_answered_with_no_extension_and_no_subprotocol(http: str) -> None:
    server = patient(headers=((b"x-frame", b"none"),))
    async with laned(server, headers=[("x-node", "7")], http=http) as (_, port):
        answer = await ask(
            port,
            Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits",
            Sec_WebSocket_Protocol="chat",
        )
    first, *lines = answer.decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    assert first == "http/1.1 101 switching protocols"
    assert headers.pop("date", None) is not None
    assert headers == {
        "upgrade": "websocket",
        "connection": "upgrade",
        "sec-websocket-accept": ACCEPT.lower(),
        "server": "uvicorn",
        "x-frame": "none",
        "x-node": "7",
    }


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"method": "POST"}, 405, b"allow: GET\r\n"),
        ({"Sec_WebSocket_Version": "8"}, 426, b"sec-websocket-version: 13\r\n"),
        ({"Sec_WebSocket_Key": None}, 400, b"16 bytes"),
        ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400, b"16 bytes"),
        ({"Sec_WebSocket_Key": "nobase64nobase64nobase64"}, 400, b"16 bytes"),
        ({"path": "/elsewhere"}, 404, b"Not Found"),
        ({"path": "/socket.io/?transport=websocket"}, 400, b'"code":5'),
        ({"path": "/socket.io/?EIO=4&transport=websocket&sid=nobody"}, 400, b'"code":1'),
        ({"Origin": "https://evil.example"}, 403, b'"code":4'),
    ],
)
async def test_what_is_no_handshake_is_refused(
    changes: dict[str, Any], status: int, says: bytes
) -> None:
    async with laned(patient(origins=frozenset())) as (http, port):
        answer = await ask(port, **changes)
        assert answer.startswith(
            b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())
        )
        assert says in answer
        assert not http.server_state.connections


async def test_other_paths_are_left_to_the_class_that_is_named_for_them() -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  (ASGI)
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event["text"] + " there"})

    server = patient()
    async with laned(server, WebSocketsSansIOProtocol, app=echo) as (_, port):
        async with connect(f"ws://127.0.0.1:{port}/elsewhere") as client:
            for _ in range(2):
                await client.send("hello")
                assert await client.recv() == "hello there"
        async with joined(port):
            assert len(list(server.clients())) == 1


@pytest.mark.parametrize(
    ("trusted", "address"), [("127.0.0.1", "203.0.113.9"), ("192.0.2.1", "127.0.0.1")]
)
async def test_a_connect_handler_learns_of_the_request_and_of_the_client_behind_a_proxy(
    trusted: str, address: str
) -> None:
    server, seen = patient(), list[Handshake]()

    @server.on_connect()
    async def greet(client: Client, auth: object, handshake: Handshake) -> None:
        seen.append(handshake)

    async with laned(server, forwarded_allow_ips=trusted) as (_, port):
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Tag": "blue"}
        uri = f"ws://127.0.0.1:{port}{PATH}&tag=a%20b&tag=c"
        async with joined(port, uri=uri, additional_headers=headers):
            (handshake,) = seen
    assert handshake.address == address
    assert handshake.query["tag"] == ("a b", "c")
    assert handshake.headers["x-tag"] == "blue"


async def test_the_access_log_tells_the_path_and_never_the_query(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="uvicorn.access")
    async with laned(patient()) as (_, port):
        await ask(port, path=PATH + "&session_id=secret")
        await ask(port, path="/else%0Awhere?session_id=secret")
    logged = [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"]
    assert [line.split(" - ", 1)[1] for line in logged] == [
        '"GET /socket.io/ HTTP/1.1" 101',
        '"GET /else%0Awhere HTTP/1.1" 404',
    ]
    assert "secret" not in caplog.text


async def test_idle_connections_cost_no_task() -> None:
    async with laned(patient()) as (_, port), aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{port}{PATH}"
        sockets = [await http.ws_connect(url)]
        before = len(asyncio.all_tasks())
        sockets += [await http.ws_connect(url) for _ in range(20)]
        assert len(asyncio.all_tasks()) == before
        for client in sockets:
            await client.close()


def self_signed(folder: Path) -> tuple[str, str]:
    """Files of a key and a certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "key.pem", folder / "certificate.pem"
    paths[0].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_messages_of_every_size_go_both_ways(tls: bool, tmp_path: Path) -> None:  # noqa: FBT001
    server, options, config = patient(max_message=400_000), dict[str, Any](), dict[str, Any]()

    @server.on("echo")
    async def echo(client: Client, value: object) -> None:
        client.emit("echoed", value)

    if tls:
        config["ssl_keyfile"], config["ssl_certfile"] = self_signed(tmp_path)
        options["ssl"] = ssl.create_default_context(cafile=config["ssl_certfile"])
    async with laned(server, **config) as (_, port):
        if tls:
            options["uri"] = f"wss://localhost:{port}{PATH}"
        async with joined(port, **options) as client:
            for size in (0, 1, 100, 126, 65_000, 70_000, 150_000):
                await client.send("42" + json.dumps(["echo", "ü" * size], ensure_ascii=False))
                assert json.loads(str(await client.recv())[2:]) == ["echoed", "ü" * size]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_client_that_reads_late_gets_everything_in_order_and_others_do_not_wait(
    tls: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    server, options, config = patient(max_backlog=64 << 20), dict[str, Any](), dict[str, Any]()
    if tls:
        config["ssl_keyfile"], config["ssl_certfile"] = self_signed(tmp_path)
        options["ssl"] = ssl.create_default_context(cafile=config["ssl_certfile"])
    async with laned(server, **config) as (_, port):
        if tls:
            options["uri"] = f"wss://localhost:{port}{PATH}"
        async with (
            joined(port, max_queue=1, max_size=None, **options) as late,
            joined(port, max_size=None, **options) as prompt,
        ):
            clients = sorted(server.clients(), key=lambda client: client.id)
            for number in range(600):
                body = json.dumps([number, "x" * 20_000]).encode()
                server.broadcast(Message.event("news", body), clients)
                assert json.loads(str(await prompt.recv())[2:])[1][0] == number
            stalled = max(clients, key=lambda client: client.backlog)
            assert stalled.backlog > 64 * 1024
            woken = anyio.Event()
            stalled.on_writable = woken.set
            for number in range(600):
                assert json.loads(str(await late.recv())[2:])[1][0] == number
            await woken.wait()
            await stalled.drain()
            assert stalled.backlog < server.settings.low_water


async def test_a_client_that_never_reads_is_dropped_and_its_neighbours_are_not() -> None:
    server, left = patient(max_backlog=256 * 1024), list[Reason]()

    @server.on_disconnect()
    def leave(client: Client, reason: Reason) -> None:
        left.append(reason)

    async with (
        laned(server) as (_, port),
        joined(port, max_queue=1, close_timeout=0),
        joined(port) as prompt,
    ):
        clients = list(server.clients())
        number = 0
        while not left:
            body = b'"%d%s"' % (number, b"x" * 10_000)
            server.broadcast(Message.event("news", body), clients)
            assert str(await prompt.recv()).startswith(f'42["news","{number}x')
            number += 1
        assert left == [Reason.SLOW]


async def test_uvicorns_shutdown_says_so_to_clients_and_does_not_wait_for_ever() -> None:
    server = patient()
    async with laned(server) as (http, port), joined(port) as client:
        http.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
