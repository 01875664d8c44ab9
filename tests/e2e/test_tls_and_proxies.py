"""TLS as it is served, and what is believed of proxies: only those that are named."""

import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from support.certificates import certificate
from support.processes import Child, start_server
from support.raw_engineio import address
from support.running import Server, StartServer
from yarl import URL

PUBLIC = "https://scp.example"
LIMIT = 20
"""Requests a minute of one address."""
PROXY = "127.0.0.2"
"""The address a proxy of ours connects from; everything else comes from 127.0.0.1."""


async def test_with_a_certificate_everything_is_https_and_nothing_else_is_spoken(
    start: StartServer, tmp_path: Path
) -> None:
    made = certificate(tmp_path)
    server = start(tls_cert=str(made.cert), tls_key=str(made.key))
    assert server.url.startswith("https://localhost:")
    trusted = aiohttp.TCPConnector(ssl=made.trusted())
    async with aiohttp.ClientSession(connector=trusted) as http:
        async with http.get(f"{server.url}/api/session") as refused:
            assert refused.status == 401
            assert refused.headers["Strict-Transport-Security"].startswith("max-age=")
        async with http.get(f"{server.url}/oauth/google/login") as page:
            assert page.status == 200
            assert page.headers["Set-Cookie"].startswith("__Host-scp-consent=")
            assert "; Secure" in page.headers["Set-Cookie"]
        async with http.ws_connect(address(server.url, "websocket")) as socket:
            assert (await socket.receive_str()).startswith("0{")
            await socket.send_str("40")
            assert "SESSION_REQUIRED" in await socket.receive_str()
        with pytest.raises(aiohttp.ClientError):
            await http.get(server.url.replace("https:", "http:"))
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"{server.url}/healthz")
    await _refuses_old_tls(server, made.trusted())


async def _refuses_old_tls(server: Server, old: ssl.SSLContext) -> None:
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=old)) as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"{server.url}/healthz")


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[Server]:
    """A server whose public address is the proxy's."""
    with socket.socket() as free, socket.socket() as other:
        try:
            other.bind((PROXY, 0))
        except OSError:  # not on Linux
            pytest.skip(f"This machine has no {PROXY}.")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("proxied")
    settings = {
        "public_url": PUBLIC,
        "trusted_proxies": PROXY,
        "port": str(port),
        "limits__data_requests_per_minute": str(LIMIT),
    }
    child = start_server(folder, sandbox, **settings)
    child.url = f"http://localhost:{port}"
    yield Server(child, folder, sandbox, settings)
    child.close()


@asynccontextmanager
async def coming_from(peer: str, server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose connections come from that address."""
    connector = aiohttp.TCPConnector(local_addr=(peer, 0), force_close=True)
    base = URL(server.url).with_host("127.0.0.1")
    async with aiohttp.ClientSession(base, connector=connector) as http:
        yield http


def forwarded(scheme: str, client: str = "203.0.113.9") -> dict[str, str]:
    return {"X-Forwarded-Proto": scheme, "X-Forwarded-For": client}


async def test_what_came_in_the_clear_past_the_proxys_tls_is_refused_and_not_redirected(
    proxied: Server,
) -> None:
    server = proxied
    async with coming_from(PROXY, server) as proxy, coming_from("127.0.0.1", server) as stranger:
        for client, headers, status in (
            (proxy, forwarded("https"), 401),
            (proxy, forwarded("http"), 400),
            (stranger, forwarded("https"), 400),  # it is no proxy of ours, whatever it says
            (stranger, {}, 401),  # it is on this machine
        ):
            async with client.get("/api/session", headers=headers) as answer:
                assert answer.status == status, headers
                assert "Location" not in answer.headers
            for transport, more, opened in (("polling", {}, 200), ("websocket", _UPGRADE, 101)):
                path = address(server.url, transport).relative()
                async with client.get(path, headers=headers | more) as answer:
                    assert answer.status == (opened if status == 401 else 400), transport
        async with proxy.get("/healthz", headers=forwarded("http")) as answer:
            assert answer.status == 200


_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def test_only_a_named_proxy_can_say_where_a_client_is(proxied: Server) -> None:
    server = proxied
    async with coming_from(PROXY, server) as proxy, coming_from("127.0.0.1", server) as stranger:
        for k in range(LIMIT + 1):
            named = forwarded("https", f"203.0.113.{k}")
            async with proxy.get("/api/providers", headers=named) as answer:
                assert answer.status == 200
        statuses = []
        for k in range(LIMIT + 1):
            named = forwarded("https", f"198.51.100.{k}")
            async with stranger.get("/api/providers", headers=named) as answer:
                statuses.append(answer.status)
        assert set(statuses[:-1]) <= {400, 429}
        assert statuses[-1] == 429


async def test_no_host_name_that_a_request_brings_gets_into_what_the_provider_is_sent(
    proxied: Server,
) -> None:
    server = proxied
    evil = forwarded("https") | {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example;proto=https",
    }
    async with coming_from(PROXY, server) as proxy:
        async with proxy.get(
            "/oauth/google/login", headers=evil, allow_redirects=False
        ) as sent_home:
            assert sent_home.status == 303
            assert sent_home.headers["Location"].startswith(f"{PUBLIC}/oauth/google/login?")
        async with proxy.get("/oauth/google/login?moved=1", headers=evil) as page:
            text = await page.text()
            assert "evil.example" not in text
            assert "redirect_uri=https%3A%2F%2Fscp.example%2Foauth%2Fgoogle%2Fcallback" in text
        async with proxy.get(
            "/oauth/google/login",
            headers=forwarded("http") | {"Host": "scp.example"},
            allow_redirects=False,
        ) as in_the_clear:
            assert in_the_clear.status == 303
            assert in_the_clear.headers["Location"].startswith(f"{PUBLIC}/")
