"""Claims challenges: read from a refusal's header, and handed on by the link."""

import base64
import json
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from providers.scripted_google import answer, asking, get, google, refusal, scripted

from scp_server.domain.errors import ConsentLost, ProviderError, ProviderUnavailable
from scp_server.ports.connector import Ask
from scp_server.providers.answers import Answer
from scp_server.providers.challenges import demanded_claims
from scp_server.providers.google.dialect import google_dialect
from scp_server.providers.google.quota import google_tariff

NBF = {"access_token": {"nbf": {"essential": True, "value": "1604106651"}}}


def challenge(claims: str) -> str:
    return (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/'
        'authorize", client_id="00000003-0000-0000-c000-000000000000",'
        f' error="insufficient_claims", claims="{claims}"'
    )


def spelled(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def demanded(header: str) -> object:
    claims = demanded_claims({"www-authenticate": header})
    return None if claims is None else json.loads(claims)


def test_the_challenge_that_graph_documents_is_understood() -> None:
    documented = (
        "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0="
    )
    assert demanded(challenge(documented)) == NBF


def test_padding_may_be_missing_and_the_alphabet_be_that_of_addresses() -> None:
    value = {"access_token": {"x": {"value": "~~~???>>>"}}}
    plain = spelled(value)
    for form in (plain, plain.rstrip("="), plain.replace("+", "-").replace("/", "_")):
        assert demanded(challenge(form)) == value


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        'Bearer error="invalid_token"',
        challenge(""),
        challenge("!!!"),
        challenge("A"),
        challenge(base64.b64encode(b"\xff\xfe").decode()),
        challenge(base64.b64encode(b"[" * 3000).decode()),
        challenge(spelled(["access_token"])),
        challenge(spelled("x")),
        challenge("A" * 9000),
        f"Bearer claims={spelled(NBF)}",
        challenge(spelled(NBF)).replace("claims=", "unclaims="),
    ],
)
def test_what_is_no_challenge_demands_nothing(header: str) -> None:
    assert demanded(header) is None


@given(st.text())
def test_no_header_at_all_is_an_error(header: str) -> None:
    demanded_claims({"www-authenticate": header})
    demanded_claims({"www-authenticate": challenge(header)})


async def test_the_link_hands_on_what_was_demanded_and_asks_once_more() -> None:
    refused = answer(refusal(401, "authError"), **{"WWW-Authenticate": challenge(spelled(NBF))})
    async with google(scripted(refused, answer((200, {"id": "a"})))) as provider:
        (reply,) = await provider.link.perform(asking(get()))
        assert reply.body == {"id": "a"}
        (claims,) = provider.tokens.demanded
        assert claims is not None
        assert json.loads(claims) == NBF
        assert len(provider.seen) == 2


async def test_a_refusal_without_a_challenge_demands_nothing() -> None:
    async with google(
        scripted(answer(refusal(401, "authError")), answer((200, {"id": "a"})))
    ) as provider:
        await provider.link.perform(asking(get()))
        assert provider.tokens.demanded == [None]


async def test_a_challenge_that_comes_again_is_a_lost_consent_and_no_loop() -> None:
    refused = answer(refusal(401, "authError"), **{"WWW-Authenticate": challenge(spelled(NBF))})
    async with google(scripted(refused)) as provider:
        with pytest.raises(ConsentLost):
            await provider.link.perform(asking(get()))
        assert len(provider.seen) == 2


@pytest.mark.parametrize(("seconds", "tries"), [(600.0, 1), (5.0, 4), (None, 4)])
async def test_a_provider_that_asks_for_a_long_rest_is_left_to_the_engine(
    seconds: float | None, tries: int
) -> None:
    def busy(_ask: Ask, _answer: Answer, _now: float) -> ProviderError:
        return ProviderUnavailable("busy", retry_after=seconds)

    dialect = replace(google_dialect(google_tariff()), refusal=busy)
    async with google(scripted(web.Response(status=503)), dialect=dialect) as provider:
        with pytest.raises(ProviderUnavailable) as caught:
            await provider.link.perform(asking(get()))
        assert caught.value.retry_after == seconds
        assert len(provider.seen) == tries
        if seconds is not None:
            assert provider.clock.waits.count(seconds) == tries - 1
