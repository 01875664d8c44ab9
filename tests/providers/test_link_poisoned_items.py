"""The link and items that cannot be read: they hold up nothing, and no outage is taken for them."""

import json
import re
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from providers.scripted_google import Handler, Part, answer, asking, batch_answer, google, refusal
from providers.scripted_google import get as plain_get

from scp_server.domain.errors import (
    ConsentLost,
    ProviderError,
    ProviderProtocolError,
    ProviderRateLimited,
    ProviderUnavailable,
    RequestRefused,
    ScopeMissing,
)
from scp_server.ports.connector import Ask, Reply

PROFILE = Ask(method="gmail.getProfile", base="gmail_url", path="/gmail/v1/users/me/profile")
_MESSAGE = re.compile(r"/gmail/v1/users/me/messages/(\w+)\?")
_BAD_PARTS: list[Part] = [
    refusal(500, "backendError"),
    refusal(503),
    refusal(400, "failedPrecondition"),
    refusal(403, "domainPolicy"),
    (200, ["no object"]),
    (418, "teapot"),
]


def get(identity: str) -> Ask:
    return replace(plain_get(identity), one_of_many=True)


def serving(poison: dict[str, Part], *, healthy: bool = True) -> Handler:
    """Gmail with some messages that cannot be read; not `healthy`: with none that can."""

    def part(identity: str) -> Part:
        good: Part = (200, {"id": identity}) if healthy else refusal(503)
        return poison.get(identity, good)

    async def handler(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/profile"):
            return answer((200, {"historyId": "1"}))
        if request.method == "GET":
            return answer(part(request.path.rpartition("/")[2]))
        asked = _MESSAGE.findall(await request.text())
        return batch_answer({str(n): part(identity) for n, identity in enumerate(asked)})

    return handler


@pytest.mark.parametrize("bad", _BAD_PARTS)
async def test_an_item_that_goes_on_failing_is_told_as_failed_and_the_others_are_there(
    bad: Part,
) -> None:
    async with google(serving({"b": bad})) as provider:
        replies = await provider.link.perform(asking(*map(get, "abc")))
        assert [reply.body for reply in replies] == [{"id": "a"}, {}, {"id": "c"}]
        assert [bool(reply.failed) for reply in replies] == [False, True, False]
        tries = [outcome for outcome in provider.outcomes if outcome != "ok"]
        assert len(tries) >= 3


async def test_an_item_that_is_asked_for_alone_is_given_up_when_another_call_is_answered() -> None:
    async with google(serving({"b": refusal(500)})) as provider:
        await provider.link.perform(asking(PROFILE))
        (reply,) = await provider.link.perform(asking(get("b")))
        assert reply.failed
        assert provider.outcomes == ["ok", *["unavailable"] * 4, "ok"]


async def test_without_any_answered_call_nothing_is_given_up() -> None:
    async with google(serving({"b": refusal(500)})) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(get("b")))


async def test_an_outage_of_all_items_is_no_poison_although_other_methods_are_answered() -> None:
    async with google(serving({}, healthy=False)) as provider:
        await provider.link.perform(asking(PROFILE))
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(*map(get, "abc")))


async def test_an_outage_that_begins_later_is_no_poison() -> None:
    down: dict[str, Part] = {}
    async with google(serving(down)) as provider:
        await provider.link.perform(asking(get("a")))
        down.update({identity: refusal(503) for identity in "abc"})
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(get("b")))
        down.clear()
        (reply,) = await provider.link.perform(asking(get("b")))
        assert reply == Reply(body={"id": "b"})


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (refusal(403, "insufficientPermissions"), ScopeMissing),
        (refusal(401, "authError"), ConsentLost),
        (refusal(429, "rateLimitExceeded"), ProviderRateLimited),
    ],
)
async def test_what_concerns_the_account_is_no_fault_of_an_item(
    bad: Part, kind: type[ProviderError]
) -> None:
    async with google(serving({"b": bad})) as provider:
        with pytest.raises(kind):
            await provider.link.perform(asking(*map(get, "abc")))


async def test_a_call_that_others_depend_on_is_never_given_up() -> None:
    async with google(serving({"b": refusal(500)})) as provider:
        await provider.link.perform(asking(get("a")))
        with pytest.raises(ProviderUnavailable):
            await provider.link.perform(asking(plain_get("b")))
    async with google(serving({"b": refusal(400, "invalidArgument")})) as provider:
        await provider.link.perform(asking(get("a")))
        with pytest.raises(RequestRefused):
            await provider.link.perform(asking(plain_get("b")))


@pytest.mark.parametrize("status", [200, 500])
async def test_an_item_that_spoils_every_batch_it_is_in_is_found_out(status: int) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(status=status, text="<html>", content_type="text/html")
        identity = request.path.rpartition("/")[2]
        return answer(refusal(500) if identity == "b" else (200, {"id": identity}))

    async with google(handler) as provider:
        replies = await provider.link.perform(asking(*map(get, "abcd")))
        assert [reply.body.get("id") for reply in replies] == ["a", None, "c", "d"]


async def test_an_answer_too_large_to_be_read_is_set_aside() -> None:
    huge: Part = (200, {"id": "b", "raw": "x" * 200_000})
    async with google(serving({"b": huge})) as provider:
        replies = await provider.link.perform(asking(*map(get, "abc")))
        assert [reply.body.get("id") for reply in replies] == ["a", None, "c"]
        assert "larger" in (replies[1].failed or "")


async def test_why_an_item_failed_says_nothing_of_its_content() -> None:
    bad = (400, {"error": {"code": 400, "message": "CANARY", "errors": [{"reason": "CANARY x"}]}})
    async with google(serving({"b": bad})) as provider:
        replies = await provider.link.perform(asking(*map(get, "ab")))
        assert replies[1].failed
        assert "CANARY" not in json.dumps(replies[1].failed)


@settings(max_examples=25, deadline=None)
@given(poison=st.sets(st.sampled_from("abcdefgh")), batch=st.sampled_from([1, 3, 20]))
async def test_whatever_is_poisoned_all_else_is_read(poison: set[str], batch: int) -> None:
    bad: dict[str, Part] = dict.fromkeys(poison, refusal(500))
    async with google(serving(bad), batch_size=batch) as provider:
        await provider.link.perform(asking(get("z")))
        replies = await provider.link.perform(asking(*map(get, "abcdefgh")))
        assert {i for i, reply in zip("abcdefgh", replies, strict=True) if reply.failed} == poison
        assert all(reply.failed or reply.body for reply in replies)


async def test_a_message_in_place_of_an_object_is_odd_and_not_an_item() -> None:
    async with google(serving({"b": (200, "text")})) as provider:
        with pytest.raises(ProviderProtocolError):
            await provider.link.perform(asking(plain_get("b")))
