"""Agents over REST: made, listed and taken back by the operator; what their keys open."""

import base64
import hashlib

import pytest
from support.api_server import AS_OPERATOR, RETURN_TO, Answer, House
from support.consent import query_of

from scp_server.domain.secrets import Secret

STREAM_ID = "stream-" + "A" * 22


async def agent(house: House, name: str = "mail-sorter", **more: object) -> str:
    """The key of a new agent."""
    made = await house.ask("POST", "/api/agents", json={"name": name, **more}, headers=AS_OPERATOR)
    assert made.status == 201, made.text
    return str(made.data["agent_key"])


def beside(key: str, session: str | None = None) -> dict[str, str]:
    """A key, and a session beside it."""
    headers = {"Authorization": f"Bearer {key}"}
    return headers if session is None else headers | {"X-Session-ID": session}


async def opened(house: House, key: str, **more: object) -> Answer:
    body = {"provider": "google", "stream_types": ["gmail_messages"], **more}
    return await house.ask("POST", "/api/sessions", json=body, headers=beside(key))


async def consented(house: House, key: str, **more: object) -> str:
    """A session of the agent that its user has consented to."""
    answer = await opened(house, key, **more)
    assert answer.status == 201, answer.text
    await _consent(house, str(answer.data["authorization_url"]))
    return str(answer.data["session_id"])


async def _consent(house: House, url: str) -> Answer:
    page = await house.ask("GET", url.removeprefix(house.url))
    state = page.text.split("state=")[1].split("&")[0]
    return await house.ask("GET", "/oauth/google/callback", params={"code": "code", "state": state})


async def test_a_key_is_shown_once_and_masked_ever_after(house: House) -> None:
    key = await agent(house, stream_types=["gmail_messages"], expires_at=house.clock.now() + 60)
    listed = await house.ask("GET", "/api/agents", headers=AS_OPERATOR)
    (shown,) = listed.data["agents"]
    assert key not in listed.text
    assert shown == {
        "name": "mail-sorter",
        "agent_key": f"agent-…{key[-4:]}",
        "state": "active",
        "stream_types": ["gmail_messages"],
        "opens_sessions": True,
        "sessions": 0,
        "created_at": house.clock.now(),
        "expires_at": house.clock.now() + 60,
        "revoked_at": None,
    }
    house.clock.turn(60)
    (shown,) = (await house.ask("GET", "/api/agents", headers=AS_OPERATOR)).data["agents"]
    assert shown["state"] == "expired"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/agents"), ("GET", "/api/agents"), ("DELETE", "/api/agents/mail-sorter")],
)
async def test_only_the_operator_has_to_do_with_agents(
    house: House, method: str, path: str
) -> None:
    key, session = await agent(house), await house.session()
    body = {"name": "another"} if method == "POST" else None
    for headers, status in (({}, 401), (beside(session), 403), (beside(key), 403)):
        assert (await house.ask(method, path, json=body, headers=headers)).status == status


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Mail Sorter"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a" * 65}, "name"),
        ({"name": "mail-sorter"}, "name"),
        ({"name": "nobody", "replace": True}, "name"),
        ({"name": "new", "stream_types": ["mail"]}, "stream_types"),
        ({"name": "new", "stream_types": []}, "stream_types"),
        ({"name": "new", "expires_at": 1.0}, "expires_at"),
        ({"name": "new", "agent_key": "agent-preset"}, "agent_key"),
        ({"name": "new", "session_ids": ["session-unknown"]}, "session_ids"),
    ],
)
async def test_a_wrong_agent_is_refused_by_field(
    house: House, body: dict[str, object], field: str
) -> None:
    await agent(house)
    refused = await house.ask("POST", "/api/agents", json=body, headers=AS_OPERATOR)
    assert refused.status in {400, 404}
    assert refused.details["field"] == field


async def test_a_session_an_agent_opened_is_unknown_without_its_key(house: House) -> None:
    key, other = await agent(house), await agent(house, "other")
    session = await consented(house, key)
    stream_id = await _start(house, key, session)
    unknown = await house.ask("GET", "/api/session", headers=beside("session-unknown"))
    for headers in (beside(session), beside(other, session)):
        for method, path in (
            ("GET", "/api/session"),
            ("DELETE", "/api/session"),
            ("GET", "/api/streams"),
            ("POST", "/api/tickets"),
            ("GET", f"/api/stream/{stream_id}/status"),
            ("GET", f"/api/stream/{stream_id}/events"),
            ("POST", f"/api/stream/{stream_id}/stop"),
        ):
            refused = await house.ask(method, path, headers=headers)
            assert (refused.status, refused.json) == (404, unknown.json), (method, path)
    for good in (beside(key, session), AS_OPERATOR | {"X-Session-ID": session}):
        state = await house.ask("GET", "/api/session", headers=good)
        assert (state.data["agent_id"], state.data["agent_verified"]) == ("mail-sorter", True)


async def _start(house: House, key: str, session: str, **more: object) -> str:
    started = await _started(house, key, session, **more)
    assert started.status == 200, started.text
    return str(started.data["stream_id"])


async def _started(house: House, key: str, session: str, **more: object) -> Answer:
    body = {"stream_type": "gmail_messages", "session_id": session, **more}
    return await house.ask("POST", "/api/stream/start", json=body, headers=beside(key))


async def test_a_key_alone_opens_the_status_of_its_own_streams_only(house: House) -> None:
    key, other = await agent(house), await agent(house, "other")
    stream_id = await _start(house, key, await consented(house, key))
    path = f"/api/stream/{stream_id}/status"
    assert (await house.ask("GET", path, headers=beside(key))).status == 200
    foreign = await house.ask("GET", path, headers=beside(other))
    unknown = await house.ask("GET", f"/api/stream/{STREAM_ID}/status", headers=beside(other))
    assert (foreign.status, foreign.json) == (unknown.status, unknown.json)


async def test_an_agent_s_name_is_verified_with_its_key_and_a_label_is_not(house: House) -> None:
    key = await agent(house)
    session, free = await consented(house, key), await house.session()
    verified = await _start(house, key, session)
    label = await house.start(free, agent_id="mail-sorter")
    for stream_id, truth in ((verified, True), (label, False)):
        status = (await house.ask("GET", f"/api/stream/{stream_id}/status")).data
        assert (status["agent_id"], status["agent_verified"]) == ("mail-sorter", truth)


async def test_a_key_speaks_in_its_own_agents_name_only(house: House) -> None:
    key = await agent(house)
    assert (await opened(house, key, agent_id="boss")).code == "FORBIDDEN"
    session = await consented(house, key, agent_id="mail-sorter")
    refused = await _started(house, key, session, agent_id="boss")
    assert (refused.status, refused.details["field"]) == (403, "agent_id")


async def test_a_label_like_an_agents_name_opens_nothing_of_the_agents(house: House) -> None:
    key = await agent(house)
    session = await consented(house, key)
    body = {"stream_type": "gmail_messages", "session_id": session, "agent_id": "mail-sorter"}
    assert (await house.ask("POST", "/api/stream/start", json=body)).code == "SESSION_NOT_FOUND"


async def test_a_key_for_some_types_asks_for_reads_and_lists_no_others(house: House) -> None:
    key = await agent(house, stream_types=["calendar_events"])
    refused = await opened(house, key)
    assert (refused.code, refused.details["field"]) == ("FORBIDDEN", "stream_types")
    session = await house.session()
    foreign = await house.start(session)
    allowed = await _start(house, key, session, stream_type="calendar_events")
    refused = await _started(house, key, session, stream_type="gmail_messages")
    assert refused.details["allowed_values"] == ["calendar_events"]
    listed = await house.ask("GET", "/api/streams", headers=beside(key, session))
    assert list(listed.data["streams"]) == [allowed]
    for path in ("status", "events"):
        refused = await house.ask(
            "GET", f"/api/stream/{foreign}/{path}", headers=beside(key, session)
        )
        assert refused.code == "STREAM_NOT_FOUND"


async def test_only_the_operators_key_brings_tokens(house: House) -> None:
    tokens = {"access_token": "t", "expires_at": house.clock.now() + 60, "scope": "openid"}
    assert (await opened(house, await agent(house), tokens=tokens)).code == "FORBIDDEN"


async def test_a_revoked_key_is_unknown_and_its_connections_are_closed(house: House) -> None:
    key = await agent(house)
    session = await consented(house, key)
    stored = await house.sessions.find(Secret(session))
    assert stored is not None
    house.cuts.here = [(stored.pk, stored.agent_pk), (stored.pk, None)]
    revoked = await house.ask("DELETE", "/api/agents/mail-sorter", headers=AS_OPERATOR)
    assert revoked.data == {"name": "mail-sorter", "state": "revoked", "closed_connections": 1}
    assert (await opened(house, key)).code == "SESSION_NOT_FOUND"
    refused = await house.ask("GET", "/api/session", headers=beside(key, session))
    assert refused.code == "SESSION_NOT_FOUND"
    again = await house.ask("DELETE", "/api/agents/nobody", headers=AS_OPERATOR)
    assert (again.status, again.code) == (404, "NOT_FOUND")


async def test_a_return_code_is_worth_nothing_to_another_than_the_agent_that_opened(
    house: House,
) -> None:
    key, other = await agent(house), await agent(house, "other")
    answer = await opened(house, key, return_to=RETURN_TO)
    back = await _consent(house, str(answer.data["authorization_url"]))
    body = {"code": query_of(back.headers["Location"])["code"]}
    for headers in ({}, beside(other), AS_OPERATOR):
        refused = await house.ask("POST", "/api/sessions/exchange", json=body, headers=headers)
        assert refused.code == "INVALID_REQUEST"
    good = await house.ask("POST", "/api/sessions/exchange", json=body, headers=beside(key))
    assert good.data == {"session_id": answer.data["session_id"]}
    used = await house.ask("POST", "/api/sessions/exchange", json=body, headers=beside(key))
    assert used.code == "INVALID_REQUEST"
    gone = await house.ask("GET", "/api/session", headers=beside(key, good.data["session_id"]))
    assert gone.code == "SESSION_NOT_FOUND"


async def test_a_return_code_of_a_challenge_needs_what_it_was_made_from(house: House) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    key = AS_OPERATOR["Authorization"].removeprefix("Bearer ")
    answer = await opened(house, key, return_to=RETURN_TO, code_challenge=challenge)
    back = await _consent(house, str(answer.data["authorization_url"]))
    code = query_of(back.headers["Location"])["code"]
    for wrong in ({}, {"code_verifier": "w" * 43}, {"code_verifier": challenge}):
        refused = await house.ask("POST", "/api/sessions/exchange", json={"code": code, **wrong})
        assert refused.code == "INVALID_REQUEST"
    good = {"code": code, "code_verifier": verifier}
    handed = await house.ask("POST", "/api/sessions/exchange", json=good)
    assert handed.data == {"session_id": answer.data["session_id"]}


async def test_the_consent_page_says_whether_the_agent_is_known(house: House) -> None:
    key = await agent(house)
    known = await opened(house, key)
    said = await opened(
        house, AS_OPERATOR["Authorization"].removeprefix("Bearer "), agent_id="mail-sorter"
    )
    pages = [
        (await house.ask("GET", str(one.data["authorization_url"]).removeprefix(house.url))).text
        for one in (known, said)
    ]
    assert "operator has registered" in pages[0]
    assert "not verified" not in pages[0]
    assert "calls itself" in pages[1]
    assert "not verified" in pages[1]
