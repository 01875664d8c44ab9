"""Graph's batches, refusals and links."""

import json
from typing import Any

import aiohttp
import pytest
from providers.hurried import HurriedClock
from providers.telling import told
from support.time_and_chance import RecordedChance

from scp_server.domain.errors import (
    ConsentLost,
    PositionLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
)
from scp_server.domain.secrets import Secret
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.answers import Answer
from scp_server.providers.dialect import BatchPart
from scp_server.providers.exchange import Exchange
from scp_server.providers.link import HttpLink, Line
from scp_server.providers.microsoft.batch import read_batch, write_batch
from scp_server.providers.microsoft.delta import ask_at, read_page, walk, walk_all
from scp_server.providers.microsoft.dialect import microsoft_dialect
from scp_server.providers.microsoft.failures import microsoft_refusal
from scp_server.providers.microsoft.quota import PRICES, microsoft_tariff
from scp_server.providers.quota import Governor

Json = dict[str, Any]
BASE = "https://graph.example"
ASK = Ask(method="graph.messages.get", base="graph_url", path="/v1.0/me/messages/A")
LINKED = ask_at(ASK, f"{BASE}/v1.0/me/x?$skiptoken=s")


def answer(status: int, body: Any, **headers: str) -> Answer:  # noqa: ANN401  (JSON)
    return Answer(status=status, headers=headers, body=json.dumps(body).encode())


def error(code: str, *inner: str, spelling: str = "innerError") -> Json:
    within: Json = {}
    for name in reversed(inner):
        within = {spelling: {"code": name, **within}}
    return {"error": {"code": code, "message": "Ann's secret subject", **within}}


@pytest.mark.parametrize(
    ("status", "body", "ask", "kind"),
    [
        (400, error("BadRequest"), ASK, RequestRefused),
        (400, error("InefficientFilter"), ASK, RequestRefused),
        (400, error("BadRequest"), LINKED, PositionLost),
        (400, error("SyncStateInvalid"), ASK, PositionLost),
        (400, error("invalidRequest", "resyncRequired"), ASK, PositionLost),
        (401, error("InvalidAuthenticationToken"), ASK, ConsentLost),
        (403, error("ErrorAccessDenied"), ASK, ScopeMissing),
        (403, error("accessDenied"), ASK, ScopeMissing),
        (403, error("ErrorAccountSuspend"), ASK, ConsentLost),
        (404, error("ErrorItemNotFound"), ASK, RequestRefused),
        (404, error("MailboxNotEnabledForRESTAPI"), ASK, RequestRefused),
        (404, "<html>", ASK, ProviderProtocolError),
        (302, {}, ASK, ProviderProtocolError),
        (410, error("SyncStateNotFound"), ASK, PositionLost),
        (410, error("resyncChangesApplyDifferences"), ASK, PositionLost),
        (410, error("Gone"), ASK, PositionLost),
        (410, error("itemNotFound"), ASK, RequestRefused),
        (423, error("locked"), ASK, ProviderUnavailable),
        (429, error("TooManyRequests"), ASK, ProviderRateLimited),
        (429, "<html>", ASK, ProviderRateLimited),
        (429, error("activityLimitReached"), ASK, ProviderRateLimited),
        (503, error("ApplicationThrottled"), ASK, ProviderRateLimited),
        (503, error("serviceNotAvailable"), ASK, ProviderUnavailable),
        (500, error("generalException"), ASK, ProviderUnavailable),
        (504, "<html>", ASK, ProviderUnavailable),
        (509, error("bandwidthLimitExceeded"), ASK, ProviderRateLimited),
    ],
)
def test_a_refusal_means(
    status: int, body: Json | str, ask: Ask, kind: type[ProviderError]
) -> None:
    meaning = microsoft_refusal(ask, answer(status, body), 0.0)
    assert type(meaning) is kind
    assert "secret" not in meaning.message


def test_the_wait_it_asks_for_is_taken_over() -> None:
    limited = microsoft_refusal(ASK, answer(429, error("x"), **{"retry-after": "17"}), 0.0)
    assert isinstance(limited, ProviderRateLimited)
    assert limited.retry_after == 17
    busy = microsoft_refusal(ASK, answer(503, error("x"), **{"retry-after": "9"}), 0.0)
    assert isinstance(busy, ProviderUnavailable)
    assert busy.retry_after == 9
    silent = microsoft_refusal(ASK, answer(429, error("x")), 0.0)
    assert isinstance(silent, ProviderRateLimited)
    assert silent.retry_after is None


def test_inner_errors_count_however_they_are_spelled() -> None:
    for spelling in ("innerError", "innererror"):
        body = error("invalidRequest", "badArgument", "resyncRequired", spelling=spelling)
        assert isinstance(microsoft_refusal(ASK, answer(400, body), 0.0), PositionLost)


def test_a_batch_is_numbered_relative_and_repeats_the_headers_of_each_part() -> None:
    prefer = (("Prefer", 'IdType="ImmutableId"'),)
    parts = [
        BatchPart(target="/v1.0/me/messages/A?$select=id", headers=prefer),
        BatchPart(target="/v1.0/me/messages/B"),
    ]
    written = write_batch(parts)
    assert written.content_type == "application/json"
    assert json.loads(written.body) == {
        "requests": [
            {
                "id": "0",
                "method": "GET",
                "url": "/me/messages/A?$select=id",
                "headers": {"Prefer": 'IdType="ImmutableId"'},
            },
            {"id": "1", "method": "GET", "url": "/me/messages/B"},
        ]
    }


def test_the_parts_of_a_batch_are_told_apart_by_their_ids() -> None:
    body = {
        "responses": [
            {"id": "2", "status": 429, "headers": {"Retry-After": "10"}, "body": error("x")},
            {"id": "0", "status": 200, "body": {"id": "A"}},
            {"id": "0", "status": 200, "body": {"id": "again"}},
            {"id": "77", "status": 200, "body": {}},
            {"id": "odd", "status": 200},
            {"id": 3, "status": "200"},
            "nonsense",
        ]
    }
    date = "Mon, 23 Nov 2026 10:00:00 GMT"
    first, second, third = read_batch(answer(200, body, date=date), 3)
    assert first is not None
    assert json.loads(first.body) == {"id": "A"}
    assert first.headers["date"] == date
    assert second is None
    assert third is not None
    assert (third.status, third.headers["retry-after"]) == (429, "10")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"responses": 1}', b"[]", b"\xff"])
def test_what_is_no_batch_answer_is_told(body: bytes) -> None:
    with pytest.raises(ProviderProtocolError):
        read_batch(Answer(status=200, headers={}, body=body), 1)


def test_every_method_that_is_asked_for_has_a_price() -> None:
    tariff = microsoft_tariff()
    assert {price.service for price in PRICES.values()} == set(tariff.allowances)
    outlook = tariff.allowances["outlook"]
    assert (outlook.units, outlook.window, outlook.calls_in_flight) == (10_000, 600.0, 4)


# -- walks ---------------------------------------------------------------------------------------


def page(*ids: str, next: str | None = None, delta: str | None = None) -> Json:
    links = {"@odata.nextLink": next, "@odata.deltaLink": delta}
    return {
        "value": [{"id": identity} for identity in ids],
        **{name: link for name, link in links.items() if link},
    }


def test_a_walk_follows_links_as_they_are_over_empty_pages_to_the_delta_link() -> None:
    pages = {
        None: page("a", next=f"{BASE}/1?$skiptoken=%24x'y"),
        f"{BASE}/1?$skiptoken=%24x'y": page(next=f"{BASE}/2"),
        f"{BASE}/2": page("b", "a", delta=f"{BASE}/d"),
    }
    found, rounds = told(walk(ASK, "", "x"), lambda ask: pages[ask.link])
    assert list(found.bodies) == ["b", "a"]
    assert found.onwards == f"{BASE}/d"
    assert [asks[0].link for asks in rounds] == list(pages)


@pytest.mark.parametrize(
    "pages",
    [
        {None: page("a", next="1"), "1": page("b", next="1")},
        {None: page("a", next="1"), "1": page("b", next="2"), "2": page("c", next="1")},
        {None: page("a")},
        {None: {"value": "nothing", "@odata.deltaLink": "d"}},
        {None: {"error": "none", "@odata.deltaLink": "d"}},
    ],
)
def test_a_walk_that_leads_nowhere_is_noticed(pages: dict[str | None, Json]) -> None:
    with pytest.raises(ProviderProtocolError):
        told(walk(ASK, "", "x"), lambda ask: pages[ask.link])


def test_walks_go_side_by_side_and_one_that_is_gone_is_left_out() -> None:
    starts = {name: Ask(method="m", base="graph_url", path=name) for name in "abc"}
    seen: list[tuple[str, str]] = []

    def answering(ask: Ask) -> Json | None:
        if ask.link == "a2":
            return page("y", delta="a-delta")
        return {"a": page("x", next="a2"), "b": page(delta="b-delta"), "c": None}[ask.path]

    reading = walk_all(starts, lambda name, entry: seen.append((name, entry["id"])))
    links, rounds = told(reading, answering)
    assert links == {"a": "a-delta", "b": "b-delta"}
    assert [len(asks) for asks in rounds] == [3, 1]
    assert seen == [("a", "x"), ("a", "y")]


def test_the_last_state_of_an_item_counts_and_one_without_an_id_does_not_matter() -> None:
    entries = [{"id": "a", "n": 1}, {"n": 2}, 7, {"id": "b"}, {"id": "a", "n": 3}]
    read = read_page("", {"value": entries, "@odata.deltaLink": "d"})
    assert list(read.bodies.items()) == [("b", {"id": "b"}), ("a", {"id": "a", "n": 3})]


# -- the token stays at Graph --------------------------------------------------------------------


class NoToken:
    """Nobody may get as far as to ask for a token."""

    async def access_token(self, _session_pk: int) -> Secret:
        raise AssertionError("the token was asked for")

    async def refused(self, _session_pk: int, _token: Secret, *, claims: str | None = None) -> None:
        raise AssertionError(claims)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1.0/me",
        "https://graph.example.elsewhere.example/v1.0/me",
        "https://graph.example@elsewhere.example/v1.0/me",
        "http://graph.example/v1.0/me",
        "https://graph.example:8443/v1.0/me",
        "//graph.example/v1.0/me",
        "/v1.0/me",
        "https://graph.example/v1.0/me\r\nHost: elsewhere.example",
        "https://graph.example/v1.0/mé",
        "https://graph.example",
    ],
)
async def test_a_link_that_leads_elsewhere_is_not_followed(link: str) -> None:
    def reading() -> Reading[Reply]:
        (reply,) = yield (ask_at(ASK, link),)
        return reply

    clock = HurriedClock()
    tariff = microsoft_tariff()
    async with aiohttp.ClientSession() as http:
        line = Line(
            dialect=microsoft_dialect(tariff),
            exchange=Exchange(http),
            tokens=NoToken(),
            governor=Governor(tariff, clock, wait=clock.wait),
            clock=clock,
            chance=RecordedChance(0.0),
            sleep=clock.sleep,
        )
        endpoints = {"graph_url": BASE}
        with pytest.raises(ProviderProtocolError, match="another address"):
            await HttpLink(line, session_pk=1, account="a", endpoints=endpoints).perform(reading())
