"""The pages of a consent: what they say, what they set, and what they never do."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from support.api_server import AS_OPERATOR, RETURN_TO, Answer, House, serving
from yarl import URL

from scp_server.domain.errors import OperatorFault, ProviderUnavailable

OPEN = {"provider": "google", "stream_types": ["gmail_messages", "calendar_events"]}
CODE = {"code": "c-1"}


async def login_url(house: House, **changes: object) -> str:
    body = {**OPEN, "agent_id": "inbox-helper", **changes}
    opened = await house.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
    return str(opened.data["authorization_url"])


def onward(page: Answer) -> str:
    return page.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")


def state_of(page: Answer) -> str:
    return parse_qs(urlsplit(onward(page)).query)["state"][0]


async def test_the_login_page_names_the_agent_and_what_it_asks_for(house: House) -> None:
    page = await house.ask("GET", await login_url(house))
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "inbox-helper" in page.text
    assert "Read the messages in your Gmail mailbox" in page.text
    assert "Read the events in your Google calendars" in page.text
    assert "Continue to Google" in page.text
    assert onward(page).startswith("https://oauth.example/auth?")
    assert '<meta name="viewport"' in page.text
    assert "<script" not in page.text
    assert "style=" not in page.text
    assert '<html lang="en">' in page.text


async def test_the_stylesheet_is_ours_and_knows_the_dark(house: House) -> None:
    page = await house.ask("GET", await login_url(house))
    sheet = re.search(r'<link rel="stylesheet" href="(/[^"]+)">', page.text)
    assert sheet is not None
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    css = await house.ask("GET", sheet[1])
    assert css.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in css.text
    assert "url(" not in css.text


async def test_an_agents_name_is_text_and_nothing_else(house: House) -> None:
    name = '<script>alert("x")</script>{{ 7*7 }}'
    page = await house.ask("GET", await login_url(house, agent_id=name))
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "{{ 7*7 }}" in page.text


async def test_a_login_link_works_once(house: House) -> None:
    url = await login_url(house)
    assert (await house.ask("GET", url)).status == 200
    again = await house.ask("GET", url)
    assert again.status == 400
    assert "used before" in again.text
    assert "ask it for a new link" in again.text


async def test_the_cookie_is_bound_to_this_host_and_hidden_from_scripts(house: House) -> None:
    page = await house.ask("GET", await login_url(house))
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("scp-consent=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "samesite=lax", "path=/", "max-age=600"}


async def test_over_tls_the_cookie_is_a_host_cookie() -> None:
    async with serving({"public_url": "https://scp.example"}) as house:
        there = {"Host": "scp.example"}
        page = await house.ask("GET", "/oauth/google/login", headers=there)
        cookie = page.headers["Set-Cookie"]
        assert cookie.startswith("__Host-scp-consent=")
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert attributes == {"httponly", "samesite=lax", "path=/", "max-age=600", "secure"}


async def test_a_login_on_another_host_name_goes_to_the_public_one_first() -> None:
    async with serving({"public_url": "https://scp.example"}) as house:
        for host in ("127.0.0.1:5000", "evil.example", "scp.example.evil.example"):
            moved = await house.ask(
                "GET", "/oauth/google/login?request=abc", headers={"Host": host}
            )
            assert moved.status == 303
            assert moved.headers["Location"] == (
                "https://scp.example/oauth/google/login?request=abc&moved=1"
            )
            assert "Set-Cookie" not in moved.headers


async def test_behind_a_proxy_that_hides_the_host_a_login_does_not_go_round() -> None:
    async with serving({"public_url": "https://scp.example"}) as house:
        page = await house.ask("GET", "/oauth/google/login?moved=1", headers={"Host": "inner:80"})
        assert page.status == 200


async def test_a_consent_begun_by_hand_shows_the_id_once_and_the_id_works(house: House) -> None:
    page = await house.ask("GET", "/oauth/google/login")
    back = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(page)}
    )
    assert back.status == 200
    shown = re.search(r'<input id="session"[^>]* value="(session-[^"]+)"', back.text)
    assert shown is not None
    assert "readonly" in shown[0]
    state = await house.ask("GET", "/api/session", headers={"X-Session-ID": shown[1]})
    assert state.data["state"] == "active"
    assert "max-age=0" in back.headers["Set-Cookie"].lower()
    replayed = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(page)}
    )
    assert replayed.status == 400
    assert shown[1] not in replayed.text


async def test_a_consent_an_agent_asked_for_does_not_show_the_id(house: House) -> None:
    page = await house.ask("GET", await login_url(house))
    back = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(page)}
    )
    assert back.status == 200
    assert "is connected" in back.text
    assert "user@mail.example" in back.text
    assert "session-" not in back.text


async def test_a_consent_with_a_return_address_goes_there_with_a_code(house: House) -> None:
    page = await house.ask("GET", await login_url(house, return_to=RETURN_TO))
    back = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(page)}
    )
    assert back.status == 303
    assert back.headers["Location"].startswith(RETURN_TO + "?code=")
    assert "session" not in back.headers["Location"]


async def test_the_answer_must_come_from_the_browser_that_asked(house: House) -> None:
    page = await house.ask("GET", await login_url(house))
    params = {**CODE, "state": state_of(page)}
    house.http.cookie_jar.clear()
    stranger = await house.ask("GET", "/oauth/google/callback", params=params)
    assert stranger.status == 400
    assert house.authority.exchanged == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=x",
        "code=x",
        "code=&state=",
        "code=%00&state=%ff",
        "state=a&state=b",
        "error=access_denied",
        "error=%3Cscript%3E",
        "code=x&state=" + "y" * 5000,
    ],
)
async def test_a_malformed_answer_is_refused_on_a_page(house: House, query: str) -> None:
    await house.ask("GET", await login_url(house))
    back = await house.ask("GET", URL(f"/oauth/google/callback?{query}", encoded=True))
    assert back.status == 400
    assert back.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>" in back.text
    assert "<script" not in back.text


async def test_a_user_who_declines_is_told_so_on_a_page(house: House) -> None:
    page = await house.ask("GET", await login_url(house))
    params = {"error": "access_denied", "state": state_of(page)}
    back = await house.ask("GET", "/oauth/google/callback", params=params)
    assert 400 <= back.status < 500
    assert "new link" in back.text


@pytest.mark.parametrize(
    ("failure", "status", "title"),
    [
        (ProviderUnavailable("no answer"), 503, "does not answer right now"),
        (OperatorFault("the client secret is not valid"), 502, "did not accept this"),
    ],
)
async def test_a_provider_that_fails_is_told_on_a_page(
    house: House, failure: ProviderUnavailable | OperatorFault, status: int, title: str
) -> None:
    page = await house.ask("GET", await login_url(house))
    house.authority.failure = failure
    back = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(page)}
    )
    assert back.status == status
    assert title in back.text


async def test_what_is_not_set_up_or_not_known_is_told_on_a_page(house: House) -> None:
    off = await house.ask("GET", "/oauth/microsoft/login")
    assert off.status == 400
    assert "<h1>" in off.text
    unknown = await house.ask("GET", "/oauth/yahoo/login")
    assert unknown.status == 404
    assert "<h1>" in unknown.text


async def test_while_draining_no_login_begins(house: House) -> None:
    house.draining = True
    page = await house.ask("GET", "/oauth/google/login")
    assert page.status == 503
    assert "restarting" in page.text
    assert int(page.headers["Retry-After"]) > 0


async def test_in_the_sandbox_every_page_says_so() -> None:
    async with serving({"sandbox": True}) as house:
        assert "Sandbox" in (await house.ask("GET", "/oauth/google/login")).text


async def test_a_renewal_says_that_streams_go_on(house: House) -> None:
    page = await house.ask("GET", "/oauth/google/login")
    back = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(page)}
    )
    found = re.search(r'value="(session-[^"]+)"', back.text)
    assert found is not None
    session = await house.sessions.get(1)
    assert session is not None
    url = await house.services.connect.renewal_url(session)
    again = await house.ask("GET", url)
    renewed = await house.ask(
        "GET", "/oauth/google/callback", params={**CODE, "state": state_of(again)}
    )
    assert "is connected again" in renewed.text
    assert found[1] not in renewed.text
