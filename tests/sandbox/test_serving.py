"""Serving: starts, ends when cancelled, and tells when it cannot."""

import logging
import socket
import time

import aiohttp
import anyio
import pytest

from scp_sandbox import SandboxSettings, google_endpoints, serve

SETTINGS = SandboxSettings(messages=2, events=2)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _serve(port: int) -> None:
    await _serve_at("127.0.0.1", port)


async def _serve_at(host: str, port: int) -> None:
    await serve(SETTINGS, host=host, port=port)


async def _answers(http: aiohttp.ClientSession, url: str) -> None:
    """Asks until there is somebody to answer."""
    while True:
        try:
            async with http.get(url) as answer:
                assert answer.status == 200
                return
        except aiohttp.ClientConnectionError:
            await anyio.sleep(0.01)


async def test_it_serves_on_host_and_port_until_cancelled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    async with anyio.create_task_group() as group, aiohttp.ClientSession() as http:
        group.start_soon(_serve, port)
        with anyio.fail_after(10):
            await _answers(http, f"http://127.0.0.1:{port}/sandbox/state")
        started = time.perf_counter()
        group.cancel_scope.cancel()
    assert time.perf_counter() - started < 3
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    with pytest.raises(OSError, match="failed"):
        await anyio.connect_tcp("127.0.0.1", port)


async def test_localhost_means_whatever_loopbacks_there_are() -> None:
    port = free_port()
    async with anyio.create_task_group() as group, aiohttp.ClientSession() as http:
        group.start_soon(_serve_at, "localhost", port)
        with anyio.fail_after(10):
            await _answers(http, f"http://127.0.0.1:{port}/sandbox/state")
        group.cancel_scope.cancel()


async def test_a_port_in_use_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await _serve(taken.getsockname()[1])


def test_the_endpoints_are_all_that_a_client_needs() -> None:
    named = google_endpoints("http://localhost:5001/")
    assert set(named) == {
        "authorization_url",
        "token_url",
        "revocation_url",
        "userinfo_url",
        "jwks_url",
        "issuer",
        "gmail_url",
        "calendar_url",
        "people_url",
        "drive_url",
        "client_id",
        "client_secret",
    }
    assert named["gmail_url"] == named["issuer"] == "http://localhost:5001"
