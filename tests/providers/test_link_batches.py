"""Batches over the link: each part is looked at on its own."""

import pytest
from aiohttp import web
from providers.scripted_google import (
    answer,
    asking,
    batch_answer,
    get,
    google,
    refusal,
    scripted,
)

from scp_server.domain.errors import (
    ProviderRateLimited,
    RequestRefused,
)
from scp_server.ports.connector import Ask

OK = (200, {"id": "a"})
HISTORY = Ask(method="gmail.history.list", base="gmail_url", path="/gmail/v1/users/me/history")
EVENTS = Ask(
    method="calendar.events.list",
    base="calendar_url",
    path="/calendar/v3/calendars/x/events",
    params=(("syncToken", "s"),),
    absent_ok=True,
)


async def test_only_the_parts_that_were_refused_are_asked_again() -> None:
    first = batch_answer(
        {
            "0": (200, {"id": "a"}),
            "1": refusal(429, "rateLimitExceeded"),
            "2": refusal(503),
            "3": (200, {"id": "d"}),
        }
    )
    second = batch_answer({"0": (200, {"id": "b"}), "1": (200, {"id": "c"})})
    async with google(scripted(first, second)) as provider:
        replies = await provider.link.perform(asking(*map(get, "abcd")))
        assert [reply.body["id"] for reply in replies] == ["a", "b", "c", "d"]
        assert provider.outcomes == ["ok", "rate_limited", "unavailable", "ok", "ok", "ok"]


async def test_the_last_open_part_is_asked_for_singly() -> None:
    first = batch_answer({"0": (200, {"id": "a"}), "1": refusal(429, "rateLimitExceeded")})
    async with google(scripted(first, answer((200, {"id": "b"})))) as provider:
        replies = await provider.link.perform(asking(get("a"), get("b")))
        assert [reply.body["id"] for reply in replies] == ["a", "b"]
        assert [request.method for request in provider.seen] == ["POST", "GET"]


async def test_a_part_that_is_missing_is_asked_for_again() -> None:
    first = batch_answer({"1": (200, {"id": "b"})})
    async with google(scripted(first, answer((200, {"id": "a"})))) as provider:
        replies = await provider.link.perform(asking(get("a"), get("b")))
        assert [reply.body["id"] for reply in replies] == ["a", "b"]


async def test_a_part_that_is_gone_is_absent_and_one_that_is_forbidden_fails_the_reading() -> None:
    gone = batch_answer({"0": OK, "1": refusal(404, "notFound")})
    async with google(scripted(gone)) as provider:
        replies = await provider.link.perform(asking(get("a"), get("b")))
        assert [reply.absent for reply in replies] == [False, True]
    forbidden = batch_answer({"0": OK, "1": refusal(403, "domainPolicy")})
    async with google(scripted(forbidden)) as provider:
        with pytest.raises(RequestRefused):
            await provider.link.perform(asking(get("a"), get("b")))


@pytest.mark.parametrize("status", [404, 405, 400])
async def test_a_refused_batch_is_not_taken_for_absent_parts(status: int) -> None:
    def by_method(request: web.Request) -> web.Response:
        return answer(refusal(status, "notFound") if request.method == "POST" else OK)

    async def handler(request: web.Request) -> web.StreamResponse:
        return by_method(request)

    async with google(handler) as provider:
        replies = await provider.link.perform(asking(get("a"), get("b")))
        assert [reply.absent for reply in replies] == [False, False]
        assert [request.method for request in provider.seen] == ["POST", "GET", "GET"]


@pytest.mark.parametrize(
    "odd",
    [
        web.Response(text="<html>", content_type="text/html"),
        web.Response(
            body=b"--b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}",
            headers={"Content-Type": "multipart/mixed; boundary=b"},
        ),
    ],
)
async def test_an_unreadable_batch_is_taken_apart(odd: web.Response) -> None:
    async with google(scripted(odd, answer(OK))) as provider:
        replies = await provider.link.perform(asking(get("a"), get("b")))
        assert [reply.body for reply in replies] == [{"id": "a"}] * 2
        assert [request.method for request in provider.seen] == ["POST", "GET", "GET"]


async def test_a_batch_that_never_succeeds_gives_up() -> None:
    parts = {str(n): refusal(429, "rateLimitExceeded") for n in range(3)}
    async with google(scripted(batch_answer(parts))) as provider:
        with pytest.raises(ProviderRateLimited):
            await provider.link.perform(asking(*map(get, "abc")))
        assert len(provider.seen) == 4


# -- what refusals mean ----------------------------------------------------------------------------
