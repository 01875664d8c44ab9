"""The link over a network that refuses, stalls, crawls, breaks off or lies about who is there."""

import gzip
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from providers.scripted_google import Google, answer, asking, get, google, link_to, scripted
from support.bad_network import FAIR, BadNetwork, Weather, bad_network
from support.certificate_authority import authority

from scp_server.domain.errors import ProviderProtocolError, ProviderUnavailable
from scp_server.ports.connector import Reply
from scp_server.providers.exchange import TimeLimits

OK = (200, {"id": "a"})
HASTY = TimeLimits(connect=0.5, idle=0.1, total=0.4)
BODY = 60_000_000


@asynccontextmanager
async def over_a_network(limits: TimeLimits = HASTY) -> AsyncIterator[tuple[Google, BadNetwork]]:
    """A provider that answers well, behind a network; one connection at a time."""
    async with google(scripted(answer(OK))) as provider:
        host, port = provider.link._endpoints["gmail_url"].removeprefix("http://").split(":")
        async with (
            bad_network(f"http://{host}:{port}") as network,
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, force_close=True)
            ) as http,
        ):
            yield link_to(network.url, http, limits, tries=2), network


async def test_a_provider_that_refuses_connections_is_asked_again_when_it_is_back() -> None:
    with anyio.fail_after(20):
        async with over_a_network() as (provider, network):
            await network.refuse()
            with pytest.raises(ProviderUnavailable, match="connection to the provider failed"):
                await provider.link.perform(asking(get()))
            await network.open()
            assert await provider.link.perform(asking(get())) == (Reply(body={"id": "a"}),)


@pytest.mark.parametrize(
    ("weather", "said"),
    [
        (Weather(black_hole=True), "in time"),
        (Weather(bytes_per_second=20.0), "in time"),
        (Weather(latency=0.3), "in time"),
        (Weather(cut_after=10), "broke off"),
        (Weather(cut_after=150), "broke off"),
    ],
)
async def test_bad_weather_ends_a_call_in_its_time_and_holds_no_connection(
    weather: Weather, said: str
) -> None:
    with anyio.fail_after(20):
        async with over_a_network() as (provider, network):
            network.weather = weather
            with pytest.raises(ProviderUnavailable, match=said):
                await provider.link.perform(asking(get()))
            network.weather = FAIR
            # There is one connection only: had it been kept, this would wait for ever.
            assert await provider.link.perform(asking(get())) == (Reply(body={"id": "a"}),)
            while network.connections:
                await anyio.lowlevel.checkpoint()


class Nowhere(AbstractResolver):
    """A name server that knows nobody, as the system's says it."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, f"Unknown: {host} {port} {family}")

    async def close(self) -> None:
        pass


async def test_a_name_that_is_not_found_is_a_provider_that_is_unavailable() -> None:
    connector = aiohttp.TCPConnector(resolver=Nowhere())
    async with aiohttp.ClientSession(connector=connector) as http:
        provider = link_to("https://nowhere.example", http, HASTY)
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(get()))


@asynccontextmanager
async def secured(context: ssl.SSLContext) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A provider over TLS, and the requests that reached it."""
    seen: list[web.Request] = []

    async def respond(request: web.Request) -> web.Response:
        seen.append(request)
        return answer(OK)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", respond)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("wrong", ["", "expired", "another host", "another authority", "no TLS"])
async def test_a_token_is_only_sent_to_who_proves_to_be_the_provider(
    tmp_path: Path, wrong: str
) -> None:
    ours, other = authority(), authority()
    name = x509.DNSName("elsewhere.example")
    presented = {
        "": ours.server(tmp_path),
        "no TLS": ours.server(tmp_path),
        "expired": ours.server(tmp_path, days=-1.0),
        "another host": ours.server(tmp_path, name),
        "another authority": other.server(tmp_path),
    }[wrong]
    connector = aiohttp.TCPConnector(ssl=ours.trusted())
    async with (
        secured(presented) as (url, seen),
        aiohttp.ClientSession(connector=connector) as http,
    ):
        address = url.replace("https:", "http:") if wrong == "no TLS" else url
        provider = link_to(address, http, None, tries=2)
        if not wrong:
            assert await provider.link.perform(asking(get())) == (Reply(body={"id": "a"}),)
            return
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(get()))
        assert seen == []


async def test_an_answer_that_unpacks_to_more_than_it_may_is_not_unpacked() -> None:
    packed = gzip.compress(b" " * BODY)
    assert len(packed) < BODY // 900

    async def bomb(_request: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})

    async with google(bomb, tries=1) as provider:
        tracemalloc.start()
        with pytest.raises(ProviderProtocolError, match="larger than 100000 bytes"):
            await provider.link.perform(asking(get()))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10_000_000, peak


async def test_an_answer_longer_than_it_says_is_no_answer() -> None:
    async def lying(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"id": "a"}')
        request.transport.close()
        return web.Response()

    async with google(scripted(lying, lying, answer(OK))) as provider:
        assert await provider.link.perform(asking(get())) == (Reply(body={"id": "a"}),)
        assert provider.outcomes[-1] == "ok"
        assert "ok" not in provider.outcomes[:-1]
