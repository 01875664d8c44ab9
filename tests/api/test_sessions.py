"""Sessions over REST: open, wait, look, end, exchange; and the providers."""

from urllib.parse import parse_qs, urlsplit

from support.api_server import AS_OPERATOR, RETURN_TO, House
from yarl import URL

from scp_server.api.openapi import document_of
from scp_server.api.routes.table import OPERATIONS
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState

OPEN = {"provider": "google", "stream_types": ["gmail_messages"], "agent_id": "inbox-helper"}


async def test_a_session_waits_for_its_user(house: House) -> None:
    opened = await house.ask("POST", "/api/sessions", json=OPEN, headers=AS_OPERATOR)
    assert opened.status == 201
    assert opened.data["authorization_url"].startswith(f"{house.url}/oauth/google/login?request=")
    assert opened.data["expires_at"] == house.clock.now() + 600
    mine = {"X-Session-ID": opened.data["session_id"]}
    body = {"stream_type": "gmail_messages"}
    start = await house.ask("POST", "/api/stream/start", headers=mine, json=body)
    assert (start.status, start.code) == (409, "SESSION_PENDING")
    state = await house.ask("GET", "/api/session", headers=mine)
    assert (state.data["state"], state.data["account"]) == ("pending", None)


async def test_an_imported_grant_is_usable_at_once_and_shown_without_its_secrets(
    house: House,
) -> None:
    session_id = await house.session(agent_id="inbox-helper")
    state = await house.ask("GET", "/api/session", headers={"X-Session-ID": session_id})
    assert state.data["session_id"] == f"session-…{session_id[-4:]}"
    assert state.data["state"] == "active"
    assert state.data["account"] == "user@mail.example"
    assert state.data["scopes"] == ["calendar", "email", "mail", "openid"]
    assert state.data["agent_id"] == "inbox-helper"
    assert state.data["authorization_url"] is None
    assert "CANARY" not in state.text
    assert session_id not in state.text


async def test_a_session_whose_consent_is_lost_shows_where_to_renew_it(house: House) -> None:
    session_id = await house.session()
    known = await house.sessions.find(Secret(session_id))
    assert known is not None
    await house.sessions.set_state(known.pk, SessionState.NEEDS_CONSENT)
    state = await house.ask("GET", "/api/session", headers={"X-Session-ID": session_id})
    assert state.data["state"] == "needs_consent"
    assert "/oauth/google/login?request=" in state.data["authorization_url"]


async def test_ending_a_session_asks_the_provider_to_revoke_and_says_so(house: House) -> None:
    session_id = await house.session()
    ended = await house.ask("DELETE", "/api/session", headers={"X-Session-ID": session_id})
    assert ended.data == {"state": "ended", "provider_revocation": "requested"}
    assert ("session_ended", 1) in house.notices.heard


async def test_a_grant_shared_with_another_session_is_revoked_only_for_the_operator(
    house: House,
) -> None:
    first, second, _ = [await house.session() for _ in range(3)]
    ended = await house.ask("DELETE", "/api/session", headers={"X-Session-ID": first})
    assert ended.data["provider_revocation"] == "not_needed"
    both = {**AS_OPERATOR, "X-Session-ID": second}
    demanded = await house.ask("DELETE", "/api/session", headers=both)
    assert demanded.data["provider_revocation"] == "requested"


async def test_a_type_of_another_provider_cannot_be_asked_for(house: House) -> None:
    body = {**OPEN, "stream_types": ["outlook_messages"]}
    answer = await house.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
    assert (answer.status, answer.code) == (400, "STREAM_CONFIG_ERROR")
    assert answer.details["field"].startswith("stream_types")


async def test_a_provider_that_is_not_set_up_is_named_with_what_is_missing(house: House) -> None:
    body = {"provider": "microsoft", "stream_types": ["outlook_messages"]}
    answer = await house.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    listed = await house.ask("GET", "/api/providers")
    google, microsoft = (listed.data["providers"][name] for name in ("google", "microsoft"))
    assert (google["configured"], google["missing"]) == (True, [])
    assert google["stream_types"] == {
        "gmail_messages": True,
        "gmail_threads": False,
        "calendar_events": True,
        "contacts": False,
        "files": False,
    }
    assert microsoft["configured"] is False
    assert "SCP_MICROSOFT__CLIENT_ID" in microsoft["missing"]


async def test_a_return_address_that_is_not_registered_is_refused(house: House) -> None:
    for evil in (
        "https://evil.example/back",
        RETURN_TO + ".evil.example",
        RETURN_TO + "/more",
        "https://app.example@evil.example/back",
        "//app.example/back",
        "javascript:alert(1)",
        "https://app.example/back\r\nSet-Cookie: a=b",
        "https://APP.example/back",
    ):
        body = {**OPEN, "return_to": evil}
        answer = await house.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST"), evil
        assert answer.details["field"] == "return_to"


async def test_a_return_code_is_exchanged_once_and_a_second_time_ends_the_session(
    house: House,
) -> None:
    body = {**OPEN, "return_to": RETURN_TO}
    opened = await house.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
    returned = await consent(house, opened.data["authorization_url"])
    assert opened.data["session_id"] not in returned
    code = parse_qs(urlsplit(returned).query)["code"][0]
    exchanged = await house.ask("POST", "/api/sessions/exchange", json={"code": code})
    assert exchanged.data == {"session_id": opened.data["session_id"]}
    again = await house.ask("POST", "/api/sessions/exchange", json={"code": code})
    assert (again.status, again.code) == (400, "INVALID_REQUEST")
    assert code not in again.text
    mine = {"X-Session-ID": opened.data["session_id"]}
    assert (await house.ask("GET", "/api/session", headers=mine)).status == 404


async def consent(house: House, authorization_url: str) -> str:
    """Walk through the consent; where the browser is sent in the end."""
    page = await house.ask("GET", URL(authorization_url, encoded=True))
    assert page.status == 200, page.text
    onward = page.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    state = parse_qs(urlsplit(onward).query)["state"][0]
    back = await house.ask("GET", "/oauth/google/callback", params={"code": "c-1", "state": state})
    assert back.status == 303, back.text
    return back.headers["Location"]


async def test_a_session_id_is_never_taken_from_the_caller(house: House) -> None:
    preset = "session-" + "P" * 43
    body = {"provider": "google", "stream_types": ["gmail_messages"], "session_id": preset}
    refused = await house.ask("POST", "/api/sessions", json=body, headers=AS_OPERATOR)
    assert refused.status in {400, 404}
    headers = AS_OPERATOR | {"X-Session-ID": preset}
    del body["session_id"]
    assert (await house.ask("POST", "/api/sessions", json=body, headers=headers)).status == 404
    answer = await house.ask(
        "POST", "/api/sessions", json=body, headers=AS_OPERATOR, params={"agent": preset}
    )
    assert answer.data["session_id"] != preset
    unknown = await house.ask("GET", "/api/session", headers={"X-Session-ID": preset})
    assert unknown.code == "SESSION_NOT_FOUND"


async def test_a_provider_s_own_token_opens_nothing(house: House) -> None:
    await house.session()
    for token in ("CANARY-brought", "ya29.a0AfB_byC", "eyJhbGciOiJub25lIn0.e30."):
        headers = {"Authorization": f"Bearer {token}"}
        refused = await house.ask("GET", "/api/session", headers=headers)
        assert (refused.status, refused.code) == (404, "SESSION_NOT_FOUND")
        assert token not in refused.text


def test_no_answer_has_a_place_for_a_provider_s_token() -> None:
    schemas = document_of(OPERATIONS)["components"]["schemas"]
    named = {
        (name, field)
        for name, schema in schemas.items()
        for field in schema.get("properties", {})
        if "token" in field
    }
    # What the operator brings goes in, and never comes out.
    assert named == {
        ("OpenSession", "tokens"),
        ("ImportedTokens", "access_token"),
        ("ImportedTokens", "refresh_token"),
    }
