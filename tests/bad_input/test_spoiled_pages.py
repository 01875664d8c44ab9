"""Whole answers that are no answers: retried, then failed as documented, within bounds."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from bad_input.reading import KINDS, Found, Kind, bookmarked, follow, read
from bad_input.stall import Instead, Stall, stalls
from bad_input.types import CANARY

from scp_sandbox import SandboxSettings
from scp_server.domain.errors import ProviderProtocolError

SMALL = SandboxSettings(messages=30, events=12, contacts=8, files=12)
LARGE = 10 * 2**20
MOST_CALLS = 600
"""Of a stream that comes to its end because of what the provider sends."""
Spoil = Callable[[bytes], web.Response]


@pytest.fixture(scope="module")
def running() -> Iterator[Stall]:
    with stalls(SMALL) as there:
        yield there


@pytest.fixture
def stall(running: Stall) -> Iterator[Stall]:
    running.seen.clear()
    yield running
    running.meddle = running.instead = running.first = None


def of_json(text: str) -> Spoil:
    return lambda _: web.Response(body=text.encode(), content_type="application/json")


LISTS = ("value", "messages", "threads", "items", "connections", "files")
SPOILS: dict[str, Spoil] = {
    "html": lambda _: web.Response(text=f"<html>{CANARY}", content_type="text/html"),
    "truncated": lambda body: of_json(body[: len(body) // 2].decode())(b""),
    "empty": of_json(""),
    "an array": of_json(f'["{CANARY}"]'),
    "a text": of_json(f'"{CANARY}"'),
    "null": of_json("null"),
    "another object": of_json(json.dumps({CANARY: CANARY})),
    "lists of another type": of_json(json.dumps({key: {CANARY: 1} for key in LISTS})),
    "nested without end": of_json('{"value":' + "[" * 100_000),
    "no charset of JSON": lambda body: web.Response(
        body=body.decode().encode("utf-16"), content_type="application/json"
    ),
}
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def spoiling(kind: Kind, spoil: Spoil, times: int) -> Instead:
    """Spoils so many answers of what lists the items."""
    left = [times]

    def instead(request: web.Request, true: web.Response) -> web.Response | None:
        if not request.path.endswith(kind.listing) or not left[0]:
            return None
        left[0] -= 1
        assert isinstance(true.body, bytes)
        return spoil(true.body)

    return instead


def backfilled(stall: Stall, kind: Kind) -> Found:
    return stall.portal.call(read, stall.link(kind.provider), kind.connector())


@pytest.mark.parametrize("spoiled", SPOILS)
@kinds
def test_a_page_that_is_none_is_asked_for_again(stall: Stall, kind: Kind, spoiled: str) -> None:
    clean = backfilled(stall, kind)
    stall.instead = spoiling(kind, SPOILS[spoiled], 2)
    found = backfilled(stall, kind)
    assert found.told(kind) == clean.told(kind)
    assert not found.skipped
    assert not found.quotes()


@pytest.mark.parametrize("spoiled", SPOILS)
@kinds
def test_a_page_that_stays_none_ends_the_stream_with_a_word_for_it(
    stall: Stall, kind: Kind, spoiled: str
) -> None:
    stall.instead = spoiling(kind, SPOILS[spoiled], -1)
    with pytest.raises(ProviderProtocolError) as raised:
        backfilled(stall, kind)
    assert CANARY not in str(raised.value)
    assert len(stall.seen) < MOST_CALLS


@kinds
def test_pages_that_lead_in_a_circle_are_noticed(stall: Stall, kind: Kind) -> None:
    stall.instead = circling(stall, kind)
    with pytest.raises(ProviderProtocolError):
        backfilled(stall, kind)
    assert len(stall.seen) < MOST_CALLS


def circling(stall: Stall, kind: Kind) -> Instead:
    """Always the first page, and a way on from a to b and from b to a."""
    first: list[dict[str, Any]] = []

    def instead(request: web.Request, true: web.Response) -> web.Response | None:
        if not request.path.endswith(kind.listing):
            return None
        assert isinstance(true.body, bytes)
        here = request.query.get("pageToken") or request.query.get("$skiptoken")
        if not first:
            first.append(json.loads(true.body))
        body = {k: v for k, v in first[0].items() if k not in {"@odata.deltaLink"}}
        there = "b" if here == "a" else "a"
        body["nextPageToken"] = there
        body["@odata.nextLink"] = f"{stall.url}{request.path}?$skiptoken={there}"
        return web.json_response(body)

    return instead


OUTLOOK = [kind for kind in KINDS if kind.provider == "microsoft"]
ELSEWHERE = (
    "http://localhost:{port}/stolen",
    "{url}.evil.example/stolen",
    "{url}@evil.example/stolen",
    "//evil.example/stolen",
    "/stolen",
    "file:///stolen",
    "{url}/\r\nHost: evil.example/stolen",
)


@pytest.mark.parametrize("link", ELSEWHERE)
@pytest.mark.parametrize("name", ["@odata.nextLink", "@odata.deltaLink"])
@pytest.mark.parametrize("kind", OUTLOOK, ids=lambda kind: kind.name)
def test_no_token_goes_where_a_foreign_link_leads(
    stall: Stall, kind: Kind, name: str, link: str
) -> None:
    address = link.format(url=stall.url, port=stall.url.rpartition(":")[2])
    others = {"@odata.nextLink", "@odata.deltaLink"}

    def astray(body: Any) -> Any:  # noqa: ANN401  (JSON)
        if isinstance(body, dict) and others & body.keys():
            return {**{k: v for k, v in body.items() if k not in others}, name: address}
        return body

    stall.meddle = astray

    async def followed() -> None:
        since = (await bookmarked(stall.link(kind.provider), kind.connector())).since
        await follow(stall.link(kind.provider), kind.connector(), since)

    with pytest.raises(ProviderProtocolError, match="another address") as raised:
        stall.portal.call(followed)
    assert "evil" not in str(raised.value)
    assert "/stolen" not in stall.seen


@kinds
def test_items_of_ten_megabytes_hold_up_no_others(stall: Stall, kind: Kind) -> None:
    clean = backfilled(stall, kind)
    item = sorted(clean.told(kind))[0]

    def swollen(value: Any) -> Any:  # noqa: ANN401  (JSON)
        if isinstance(value, dict):
            if item in (value.get("id"), value.get("resourceName")):
                return value | {"description": CANARY * (LARGE // len(CANARY))}
            return {key: swollen(inner) for key, inner in value.items()}
        return [swollen(inner) for inner in value] if isinstance(value, list) else value

    stall.meddle = swollen
    found = backfilled(stall, kind)
    assert found.told(kind).keys() == clean.told(kind).keys()
    assert all(len(body) < 2**20 for bodies in found.told(kind).values() for body in bodies)


@pytest.mark.parametrize("declared", [True, False])
@kinds
def test_of_an_endless_answer_no_more_is_read_than_may_be(
    stall: Stall, kind: Kind, *, declared: bool
) -> None:
    limit, sent = 2**20, [0, 0]

    async def pour(request: web.Request) -> web.StreamResponse | None:
        if not request.path.endswith(kind.listing):
            return None
        length = {"Content-Length": str(100 * 2**20)} if declared else {}
        response = web.StreamResponse(headers={"Content-Type": "application/json", **length})
        await response.prepare(request)
        sent[0] += 1
        for _ in range(1600):
            await response.write(b" " * 2**16)
            sent[1] += 2**16
        return response

    stall.first = pour
    with pytest.raises(ProviderProtocolError, match="larger"):
        stall.portal.call(read, stall.link(kind.provider, body_limit=limit), kind.connector())
    # Besides what is read, as much is under way as the sockets' buffers hold.
    assert sent[1] / sent[0] < 12 * limit
