"""return_to: where a browser may be sent, and the code it takes along."""

import pytest
from support.consent import RETURN_TO, Office, query_of

from scp_server.consent.asking import registered
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState

# Addresses that are not the registered one, whatever they look like.
LOOKALIKES = [
    "https://app.example/back?tab=1#x",
    "https://app.example/back?tab=1&x",
    "https://app.example/back",
    "https://app.example/back/?tab=1",
    "https://APP.example/back?tab=1",
    "https://app.example:443/back?tab=1",
    "https://app.example./back?tab=1",
    "https://app.example@evil.example/back?tab=1",
    "https://app.example.evil.example/back?tab=1",
    "http://app.example/back?tab=1",
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "gopher://evil.example",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.1",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://169.254.169.254",
    "http://metadata.google.internal",
    "http://100.64.0.1",
    "http://localhost.",
    "https://xn--pp-fka.example",
    "https://\u0430pp.example/back?tab=1",
    "https://app.example:0/",
    "https://user:pass@app.example/back?tab=1",
    "https://app.example\t/back?tab=1",
    "https://app.example/back?tab=1\n",
    " https://app.example/back?tab=1",
    "",
]

UNFIT = [
    *(url for url in LOOKALIKES if "app.example" not in url.lower() and "xn--" not in url),
    "https://user:pass@app.example/back",
    "https://app.example:0/",
    "https://app.example:99999/",
    "https://app.example\\@evil.example/",
    "https://app.example/back#fragment",
    "https://app.example/a b",
    "https://app.example/\x7f",
    "https://\u0430pp.example/",
    "https:///path",
    "https://[::1",
    "http://app.example/",
]


async def landed(office: Office) -> tuple[str, str]:
    """The session id, and the address a browser is sent to after the consent."""
    opened = await office.opened(return_to=RETURN_TO)
    outcome = await office.answer(await office.page(opened.authorization_url))
    assert outcome.return_url is not None
    return opened.session_id, outcome.return_url


@pytest.mark.parametrize("url", LOOKALIKES)
async def test_only_the_registered_address_character_by_character_is_taken(
    office: Office, url: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await office.opened(return_to=url)
    assert caught.value.details == {"field": "return_to"}


@pytest.mark.parametrize("url", UNFIT)
def test_an_address_no_browser_should_be_sent_to_cannot_be_registered(url: str) -> None:
    with pytest.raises(ValueError, match="SCP_RETURN_TO"):
        registered([url])


def test_the_refusal_of_an_address_does_not_repeat_a_password() -> None:
    with pytest.raises(ValueError, match="without user") as caught:
        registered(["https://user:CANARY@app.example/"])
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example:8443/back?a=b",
        "http://127.0.0.1:3000/",
        "http://[::1]:3000/",
        "http://localhost:3000/back",
    ],
)
def test_https_and_loopback_addresses_can_be_registered(url: str) -> None:
    assert registered([url]) == {url}


async def test_the_browser_returns_to_the_registered_address_with_a_code_only(
    office: Office,
) -> None:
    session_id, url = await landed(office)
    assert url.startswith(f"{RETURN_TO}&code=")
    assert set(query_of(url)) == {"tab", "code"}
    assert session_id not in url
    assert session_id.removeprefix("session-") not in url


async def test_the_code_is_worth_the_session_id(office: Office) -> None:
    session_id, url = await landed(office)
    code = Secret(query_of(url)["code"])
    assert await office.connect().exchange(code) == Secret(session_id)


async def test_a_code_that_comes_twice_ends_the_session(office: Office) -> None:
    session_id, url = await landed(office)
    code = Secret(query_of(url)["code"])
    await office.connect().exchange(code)
    with pytest.raises(InvalidRequest, match="was ended"):
        await office.connect().exchange(code)
    session = await office.sessions.find(Secret(session_id))
    assert session is not None
    assert session.state is SessionState.ENDED
    assert await office.sessions.grant(session.pk) is None
    assert office.notices.heard[-1] == ("session_ended", session.pk)
    assert office.audit.told()[-1] == ("session.ended", "server", "INVALID_REQUEST")


async def test_a_code_that_comes_a_third_time_is_merely_unknown(office: Office) -> None:
    _, url = await landed(office)
    code = Secret(query_of(url)["code"])
    await office.connect().exchange(code)
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            await office.connect().exchange(code)
    assert office.notices.heard.count(("session_ended", 1)) == 1


async def test_a_code_is_good_for_a_minute_and_its_death_harms_nobody(office: Office) -> None:
    session_id, url = await landed(office)
    office.clock.turn(60)
    with pytest.raises(InvalidRequest):
        await office.connect().exchange(Secret(query_of(url)["code"]))
    session = await office.sessions.find(Secret(session_id))
    assert session is not None
    assert session.state is SessionState.ACTIVE


async def test_a_code_of_an_ended_session_gives_nothing(office: Office) -> None:
    session_id, url = await landed(office)
    session = await office.sessions.find(Secret(session_id))
    assert session is not None
    await office.revoke().end(session, operator=False)
    with pytest.raises(InvalidRequest):
        await office.connect().exchange(Secret(query_of(url)["code"]))


@pytest.mark.parametrize("code", ["", "x", "a" * 5000, "\ud800" * 20, "' OR 1=1--", "spent.x"])
async def test_a_code_of_our_making_is_needed(office: Office, code: str) -> None:
    with pytest.raises(InvalidRequest):
        await office.connect().exchange(Secret(code))


async def test_a_login_link_is_not_a_return_code(office: Office) -> None:
    opened = await office.opened(return_to=RETURN_TO)
    link = query_of(str(opened.authorization_url))["request"]
    with pytest.raises(InvalidRequest):
        await office.connect().exchange(Secret(link))
    await office.page(opened.authorization_url)


async def test_a_renewal_hands_over_no_second_code(office: Office) -> None:
    session_id, _ = await landed(office)
    session = await office.sessions.find(Secret(session_id))
    assert session is not None
    page = await office.page(await office.connect().renewal_url(session))
    assert (await office.answer(page)).return_url is None
