"""The link, against a provider on loopback that misbehaves as it is told."""

import asyncio
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import aiohttp
import anyio
import pytest
from aiohttp import web
from providers.scripted_google import (
    Part,
    answer,
    asking,
    batch_answer,
    get,
    google,
    link_to,
    refusal,
    scripted,
)

from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    PositionLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
)
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.exchange import TimeLimits

OK = (200, {"id": "a"})
HISTORY = Ask(method="gmail.history.list", base="gmail_url", path="/gmail/v1/users/me/history")
EVENTS = Ask(
    method="calendar.events.list",
    base="calendar_url",
    path="/calendar/v3/calendars/x/events",
    params=(("syncToken", "s"),),
    absent_ok=True,
)


async def test_one_ask_is_one_get_with_the_token_and_its_parameters() -> None:
    async with google(scripted(answer(OK))) as provider:
        (reply,) = await provider.link.perform(asking(get()))
        assert reply == Reply(body={"id": "a"})
        (request,) = provider.seen
        assert request.method == "GET"
        assert request.headers["Authorization"] == "Bearer t0"
        assert request.query["q"] == "CANARY search"
        assert "gzip" in request.headers["User-Agent"]
        assert provider.tokens.asked == [7]


async def test_several_asks_travel_as_one_batch_and_come_back_in_order() -> None:
    parts: dict[str, Part] = {
        "2": (200, {"id": "c"}),
        "0": (200, {"id": "a"}),
        "1": (200, {"id": "b"}),
    }
    async with google(scripted(batch_answer(parts))) as provider:
        replies = await provider.link.perform(asking(get("a"), get("b"), get("c")))
        assert [reply.body["id"] for reply in replies] == ["a", "b", "c"]
        (request,) = provider.seen
        assert (request.method, request.path) == ("POST", "/batch")


async def test_calendar_has_its_own_batch_path() -> None:
    parts: dict[str, Part] = {"0": (200, {"items": []}), "1": (200, {"items": []})}
    async with google(scripted(batch_answer(parts))) as provider:
        await provider.link.perform(asking(EVENTS, EVENTS))
        assert provider.seen[0].path == "/batch/calendar/v3"


async def test_a_batch_size_of_one_sends_each_on_its_own() -> None:
    async with google(scripted(answer(OK)), batch_size=1) as provider:
        replies = await provider.link.perform(asking(*(get(str(n)) for n in range(5))))
        assert len(replies) == 5
        assert {request.method for request in provider.seen} == {"GET"}


async def test_a_batch_is_not_larger_than_it_may_be() -> None:
    async with google(
        scripted(batch_answer({str(n): OK for n in range(3)})), batch_size=3
    ) as provider:
        replies = await provider.link.perform(asking(*(get(str(n)) for n in range(6))))
        assert len(replies) == 6
        assert len(provider.seen) == 2


@pytest.mark.parametrize(
    ("bad", "outcome"),
    [
        (answer(refusal(429, "rateLimitExceeded")), "rate_limited"),
        (answer(refusal(403, "userRateLimitExceeded")), "rate_limited"),
        (answer(refusal(403, status="RESOURCE_EXHAUSTED")), "rate_limited"),
        (answer(refusal(500, "backendError")), "unavailable"),
        (web.Response(status=502, text="<html>Bad gateway"), "unavailable"),
        (answer(refusal(503)), "unavailable"),
        (web.Response(text="<html>Sign in", content_type="text/html"), "odd"),
        (web.Response(text='{"id": "a"', content_type="application/json"), "odd"),
        (web.Response(text='["id"]', content_type="application/json"), "odd"),
        (web.Response(text="[" * 90_000, content_type="application/json"), "odd"),
        (web.Response(status=204), "odd"),
    ],
)
async def test_what_passes_is_tried_again(bad: web.Response, outcome: str) -> None:
    async with google(scripted(bad, answer(OK))) as provider:
        (reply,) = await provider.link.perform(asking(get()))
        assert reply.body == {"id": "a"}
        assert provider.outcomes == [outcome, "ok"]
        assert provider.clock.waits


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncated(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"id": ')
    assert request.transport is not None
    request.transport.close()
    return response


async def bad_gzip(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("broken", [reset, truncated, bad_gzip])
async def test_a_connection_that_breaks_off_is_tried_again(broken: object) -> None:
    # Twice: the HTTP client itself sends a GET again over a connection that was closed early.
    async with google(scripted(broken, broken, answer(OK))) as provider:  # type: ignore[arg-type]
        (reply,) = await provider.link.perform(asking(get()))
        assert reply.body == {"id": "a"}
        assert set(provider.outcomes[:-1]) == {"unavailable"}
        assert provider.outcomes[-1] == "ok"


async def test_a_provider_that_cannot_be_reached_is_unavailable() -> None:
    async with aiohttp.ClientSession() as http:
        provider = link_to("http://127.0.0.1:1", http, None)
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(get()))
        assert provider.outcomes == ["unavailable"] * 4


async def stalls(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.Event().wait()
    return response


async def silent(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


@pytest.mark.parametrize("slow", [stalls, silent])
async def test_a_provider_that_stops_talking_is_unavailable(slow: object) -> None:
    limits = TimeLimits(connect=1, idle=0.05, total=1)
    with anyio.fail_after(20):
        async with google(scripted(slow), limits, tries=2) as provider:  # type: ignore[arg-type]
            with pytest.raises(ProviderUnavailable, match="in time"):
                await provider.link.perform(asking(get()))


async def test_an_answer_without_end_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 4096)

    with anyio.fail_after(20):
        async with google(scripted(endless), tries=2) as provider:
            with pytest.raises(ProviderProtocolError, match="larger"):
                await provider.link.perform(asking(get()))


async def test_a_redirect_is_not_followed() -> None:
    moved = web.Response(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"})
    async with google(scripted(moved), tries=1) as provider:
        with pytest.raises(ProviderProtocolError):
            await provider.link.perform(asking(get()))
        assert len(provider.seen) == 1


async def test_tries_are_bounded() -> None:
    async with google(scripted(answer(refusal(503)))) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(get()))
        assert len(provider.seen) == 4


async def test_who_is_waited_for_in_vain_for_long_is_left_to_the_engine() -> None:
    async def slow(_request: web.Request) -> web.StreamResponse:
        provider.clock.passed += 30
        return answer(refusal(503))

    async with google(slow) as provider:
        with pytest.raises(ProviderUnavailable) as caught:
            await provider.link.perform(asking(get()))
        assert caught.value.lasting
        assert len(provider.seen) == 1


# -- tokens ----------------------------------------------------------------------------------------


async def test_a_refused_token_is_replaced_once() -> None:
    async with google(scripted(answer(refusal(401, "authError")), answer(OK))) as provider:
        await provider.link.perform(asking(get()))
        tokens = [request.headers["Authorization"] for request in provider.seen]
        assert tokens == ["Bearer t0", "Bearer t1"]


@pytest.mark.parametrize("count", [1, 3])
async def test_a_token_that_is_refused_for_ever_is_a_lost_consent(count: int) -> None:
    async with google(scripted(answer(refusal(401, "authError")))) as provider:
        with pytest.raises(ConsentLost):
            await provider.link.perform(asking(*(get(str(n)) for n in range(count))))
        assert len(provider.seen) == 2
        assert provider.tokens.refusals == 1


# -- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "part", "kind"),
    [
        (HISTORY, refusal(404, "notFound"), PositionLost),
        (EVENTS, refusal(410, "fullSyncRequired"), PositionLost),
        (EVENTS, refusal(410, "updatedMinTooLongAgo"), PositionLost),
        (get(absent_ok=False), refusal(404, "notFound"), RequestRefused),
        (get(), refusal(403, "insufficientPermissions"), ScopeMissing),
        (
            get(),
            refusal(403, details=[{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]),
            ScopeMissing,
        ),
        (get(), refusal(403, "accessNotConfigured"), OperatorFault),
        (get(), refusal(403, "domainPolicy"), RequestRefused),
        (get(), refusal(400, "invalidArgument"), RequestRefused),
        (get(), (403, "text"), RequestRefused),
    ],
)
async def test_a_refusal_for_good_is_told_at_once(
    ask: Ask, part: tuple[int, object], kind: type[ProviderError]
) -> None:
    async with google(scripted(answer(part))) as provider:
        with pytest.raises(kind) as caught:
            await provider.link.perform(asking(ask))
        assert type(caught.value) is kind
        assert len(provider.seen) == 1


async def test_a_page_token_that_has_died_is_a_lost_position() -> None:
    ask = Ask(
        method="gmail.messages.list", base="gmail_url", path="/x", params=(("pageToken", "1"),)
    )
    async with google(scripted(answer(refusal(400, "invalidArgument")))) as provider:
        with pytest.raises(PositionLost):
            await provider.link.perform(asking(ask))


@pytest.mark.parametrize("status", [404, 410])
async def test_a_thing_that_is_gone_is_an_answer_only_in_googles_own_words(status: int) -> None:
    async with google(scripted(answer(refusal(status, "deleted" if status == 410 else "")))) as up:
        (reply,) = await up.link.perform(asking(get()))
        assert reply == Reply(body={}, absent=True)
    async with google(scripted(web.Response(status=status, text="<html>nginx"))) as proxy:
        with pytest.raises(ProviderProtocolError):
            await proxy.link.perform(asking(get()))


def _in(seconds: float) -> datetime:
    return datetime.fromtimestamp(1_800_000_000 + seconds, UTC)


@pytest.mark.parametrize(
    ("headers", "message", "least"),
    [
        ({"Retry-After": "30"}, "", 30),
        ({"Retry-After": format_datetime(_in(25), usegmt=True)}, "", 25),
        ({}, f"User-rate limit exceeded.  Retry after {_in(40).isoformat()}", 40),
        ({}, "User-rate limit exceeded.  Retry after 2027-01-15T08:00:50.000Z", 50),
        ({"Retry-After": "-5"}, "", 1),
        ({"Retry-After": "soon"}, "Retry after lunch", 0.5),
        ({}, "", 0.5),
    ],
)
async def test_the_provider_says_how_long_to_wait(
    headers: dict[str, str], message: str, least: float
) -> None:
    limited = answer(refusal(429, "rateLimitExceeded", message), **headers)
    async with google(scripted(limited, answer(OK))) as provider:
        await provider.link.perform(asking(get()))
        assert least <= provider.clock.passed < least + 1


@pytest.mark.parametrize("said", ["300", "1000000000", "1e300"])
async def test_a_long_wait_is_left_to_the_engine(said: str) -> None:
    limited = answer(refusal(429, "rateLimitExceeded"), **{"Retry-After": said})
    async with google(scripted(limited)) as provider:
        with pytest.raises(ProviderRateLimited) as caught:
            await provider.link.perform(asking(get()))
        assert caught.value.retry_after == float(said)
        assert len(provider.seen) == 1


# -- readings --------------------------------------------------------------------------------------


async def test_an_error_is_thrown_into_the_reading_which_may_go_on() -> None:
    def stubborn() -> Reading[str]:
        try:
            yield (HISTORY,)
        except PositionLost:
            (reply,) = yield (get(),)
            return f"then {reply.body['id']}"
        return "never"

    async with google(scripted(answer(refusal(404, "notFound")), answer(OK))) as provider:
        assert await provider.link.perform(stubborn()) == "then a"


async def test_a_reading_that_is_cancelled_is_closed() -> None:
    closed: list[bool] = []

    def waiting() -> Reading[None]:
        try:
            yield (get(),)
        finally:
            closed.append(True)

    async with google(silent) as provider:
        with anyio.move_on_after(0.05) as scope:
            await provider.link.perform(waiting())
        assert scope.cancelled_caught
        assert closed == [True]


async def test_one_failure_ends_the_calls_beside_it() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/bad"):
            return answer(refusal(400, "invalidArgument"))
        return await silent(request)

    with anyio.fail_after(20):
        async with google(handler, batch_size=1) as provider:
            with pytest.raises(RequestRefused):
                await provider.link.perform(asking(get("slow"), get("bad"), get("slower")))


@pytest.mark.parametrize(
    "bad",
    [
        answer(refusal(400, "CANARY reason", "CANARY message")),
        answer(refusal(403, "domainPolicy", "CANARY message")),
        web.Response(text="CANARY page", content_type="text/html"),
        web.Response(text='{"subject": "CANARY', content_type="application/json"),
        web.Response(status=302, headers={"Location": "http://canary.example/?q=CANARY"}),
    ],
)
async def test_no_error_repeats_what_was_searched_or_answered(bad: web.Response) -> None:
    async with google(scripted(bad), tries=1) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.link.perform(asking(get(absent_ok=False)))
        told = "".join(_shown(caught.value))
        assert "CANARY" not in told
        assert "t0" not in told


def _shown(error: BaseException | None) -> Iterator[str]:
    """What a log would show of an error and of those behind it, without the lines of code."""
    while error is not None:
        yield from traceback.format_exception_only(error)
        hidden = error.__suppress_context__ and error.__cause__ is None
        error = None if hidden else error.__cause__ or error.__context__
