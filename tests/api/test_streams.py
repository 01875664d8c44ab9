"""Streams over REST, as the guide prints them."""

from typing import Any

import pytest
from support.api_server import AS_OPERATOR, House, serving

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState

GUIDE_START = {
    "stream_type": "gmail_messages",
    "batch_size": 100,
    "max_results": 1000,
    "filters": {"query": "is:unread", "label_ids": ["INBOX"]},
    "real_time": True,
    "rate_limit_per_minute": 60,
}
SEVEN = [
    "gmail_messages",
    "gmail_threads",
    "calendar_events",
    "outlook_messages",
    "outlook_events",
    "contacts",
    "files",
]


async def test_the_guides_start_is_answered_as_the_guide_prints_it(house: House) -> None:
    session_id = await house.session()
    answer = await house.ask(
        "POST", "/api/stream/start", json={"session_id": session_id, **GUIDE_START}
    )
    assert answer.status == 200
    data = answer.data
    assert data["stream_id"].startswith("stream-")
    assert data["session_id"] == session_id
    assert (data["stream_type"], data["provider"]) == ("gmail_messages", "google")
    assert data["configuration"] == {
        "batch_size": 100,
        "max_results": 1000,
        "real_time": True,
        "rate_limit_per_minute": 60,
        "include_raw": False,
        "filters": {"query": "is:unread", "label_ids": ["INBOX"]},
    }


async def test_a_start_without_options_has_the_documented_defaults(house: House) -> None:
    session_id = await house.session()
    body = {"session_id": session_id, "stream_type": "calendar_events"}
    answer = await house.ask("POST", "/api/stream/start", json=body)
    assert answer.data["configuration"] == {
        "batch_size": 100,
        "max_results": None,
        "real_time": False,
        "rate_limit_per_minute": 60,
        "include_raw": False,
        "filters": {},
    }


async def test_a_status_by_the_stream_id_alone_masks_the_session(house: House) -> None:
    session_id = await house.session()
    stream_id = await house.start(session_id)
    answer = await house.ask("GET", f"/api/stream/{stream_id}/status")
    assert answer.status == 200
    assert answer.data["stream_id"] == stream_id
    assert answer.data["status"] == "active"
    assert answer.data["configuration"]["session_id"] == f"session-…{session_id[-4:]}"
    assert answer.data["cursor"] is None
    assert session_id not in answer.text


async def test_a_status_with_the_sessions_credential_has_its_id_and_a_cursor(house: House) -> None:
    session_id = await house.session()
    stream_id = await house.start(session_id)
    answer = await house.ask(
        "GET", f"/api/stream/{stream_id}/status", headers={"X-Session-ID": session_id}
    )
    assert answer.data["configuration"]["session_id"] == session_id
    assert answer.data["cursor"] == f"c-{stream_id}"


async def test_a_cursor_goes_on_and_a_foreign_one_is_refused(house: House) -> None:
    mine, other = await house.session(), await house.session()
    stream_id = await house.start(mine)
    await house.ask("POST", f"/api/stream/{stream_id}/stop")
    body = {"stream_type": "gmail_messages", "cursor": f"c-{stream_id}"}
    refused = await house.ask("POST", "/api/stream/start", json={**body, "session_id": other})
    assert (refused.status, refused.code) == (400, "CURSOR_INVALID")
    taken = await house.ask("POST", "/api/stream/start", json={**body, "session_id": mine})
    assert taken.status == 200


async def test_the_operator_sees_a_stream_with_its_session_masked(house: House) -> None:
    session_id = await house.session()
    stream_id = await house.start(session_id)
    answer = await house.ask("GET", f"/api/stream/{stream_id}/status", headers=AS_OPERATOR)
    assert answer.data["configuration"]["session_id"] == f"session-…{session_id[-4:]}"


async def test_a_foreign_session_and_an_unknown_stream_get_the_same_answer(house: House) -> None:
    stream_id = await house.start(await house.session())
    stranger = {"X-Session-ID": await house.session()}
    for method, action in (("GET", "status"), ("POST", "stop")):
        path = "/api/stream/{}/" + action
        foreign = await house.ask(method, path.format(stream_id), headers=stranger)
        unknown = await house.ask(method, path.format("stream-unknown"), headers=stranger)
        assert foreign.status == unknown.status == 404
        assert foreign.text == unknown.text
        assert foreign.code == "STREAM_NOT_FOUND"
    assert (await house.ask("GET", f"/api/stream/{stream_id}/status")).data["status"] == "active"


async def test_a_stop_is_answered_as_the_guide_prints_it_and_twice_is_the_same(
    house: House,
) -> None:
    stream_id = await house.start(await house.session())
    for _ in range(2):
        answer = await house.ask("POST", f"/api/stream/{stream_id}/stop")
        assert answer.json == {
            "success": True,
            "data": {"stream_id": stream_id, "status": "stopped"},
        }


async def test_a_stop_takes_the_session_in_its_body(house: House) -> None:
    mine, other = await house.session(), await house.session()
    stream_id = await house.start(mine)
    path = f"/api/stream/{stream_id}/stop"
    assert (await house.ask("POST", path, json={"session_id": other})).status == 404
    assert (await house.ask("POST", path, json={"session_id": mine})).status == 200


async def test_where_the_session_is_required_a_stream_id_alone_opens_nothing() -> None:
    async with serving({"require_session": True}) as house:
        session_id = await house.session()
        stream_id = await house.start(session_id)
        for method, action in (("GET", "status"), ("POST", "stop")):
            path = f"/api/stream/{stream_id}/{action}"
            bare = await house.ask(method, path)
            assert (bare.status, bare.code) == (401, "SESSION_REQUIRED")
            assert bare.headers["WWW-Authenticate"].startswith("Bearer")
            own = await house.ask(method, path, headers={"X-Session-ID": session_id})
            assert own.status == 200
            assert (await house.ask(method, path, headers=AS_OPERATOR)).status == 200


async def test_the_list_has_the_guides_shape_and_only_what_is_the_callers(house: House) -> None:
    mine, other = await house.session(), await house.session()
    mail, events = await house.start(mine), await house.start(mine, stream_type="calendar_events")
    await house.start(other)
    await house.ask("POST", f"/api/stream/{events}/stop")
    house.streams.sockets = {1: 3, 2: 4}
    answer = await house.ask("GET", "/api/streams", headers={"X-Session-ID": mine})
    assert set(answer.data) == {"streams", "total_count", "websocket_statistics"}
    assert list(answer.data["streams"]) == [mail]
    assert answer.data["total_count"] == 1
    assert answer.data["websocket_statistics"] == {"active_connections": 3}
    shown = answer.data["streams"][mail]
    assert shown["session_id"] == mine
    assert {"stream_type", "provider", "started_at", "items_streamed", "status"} < set(shown)
    stopped = await house.ask(
        "GET", "/api/streams", params={"status": "stopped"}, headers={"X-Session-ID": mine}
    )
    assert list(stopped.data["streams"]) == [events]


async def test_the_operators_list_has_all_with_masked_ids(house: House) -> None:
    ids = [await house.session(), await house.session()]
    for session_id in ids:
        await house.start(session_id)
    house.streams.sockets = {1: 3, 2: 4}
    answer = await house.ask("GET", "/api/streams", headers=AS_OPERATOR)
    assert answer.data["total_count"] == 2
    assert answer.data["websocket_statistics"] == {"active_connections": 7}
    shown = {stream["session_id"] for stream in answer.data["streams"].values()}
    assert shown == {f"session-…{session_id[-4:]}" for session_id in ids}


async def test_the_list_needs_a_credential(house: House) -> None:
    answer = await house.ask("GET", "/api/streams")
    assert (answer.status, answer.code) == (401, "SESSION_REQUIRED")


async def test_a_status_nobody_knows_is_refused_with_the_four(house: House) -> None:
    answer = await house.ask("GET", "/api/streams?status=running", headers=AS_OPERATOR)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert answer.details == {
        "field": "status",
        "value": "running",
        "allowed_values": ["active", "completed", "stopped", "failed"],
    }


async def test_one_stream_of_a_type_runs_per_session(house: House) -> None:
    session_id = await house.session()
    running = await house.start(session_id)
    body = {"session_id": session_id, "stream_type": "gmail_messages"}
    answer = await house.ask("POST", "/api/stream/start", json=body)
    assert (answer.status, answer.code) == (409, "STREAM_ALREADY_ACTIVE")
    assert answer.details["stream_id"] == running


async def refused_start(house: House, **changes: object) -> dict[str, Any]:
    body = {"session_id": await house.session(), "stream_type": "gmail_messages", **changes}
    answer = await house.ask("POST", "/api/stream/start", json=body)
    assert (answer.status, answer.code) == (400, "STREAM_CONFIG_ERROR"), answer.text
    return answer.details


async def test_an_unknown_type_is_refused_with_all_seven(house: House) -> None:
    assert await refused_start(house, stream_type="invalid_type") == {
        "field": "stream_type",
        "value": "invalid_type",
        "allowed_values": SEVEN,
    }


@pytest.mark.parametrize("later", sorted(set(SEVEN) - {"gmail_messages", "calendar_events"}))
async def test_a_type_that_is_not_built_yet_is_refused_with_what_is(
    house: House, later: str
) -> None:
    details = await refused_start(house, stream_type=later)
    assert details["field"] == "stream_type"
    assert details["allowed_values"] == ["gmail_messages", "calendar_events"]
    assert [one["stream_type"] for one in details["stream_types"]] == SEVEN
    readable = {one["stream_type"] for one in details["stream_types"] if one["available"]}
    assert readable == {"gmail_messages", "calendar_events"}


async def test_an_unknown_filter_is_refused_by_name(house: House) -> None:
    details = await refused_start(house, filters={"labels": ["INBOX"]})
    assert details == {
        "field": "filters.labels",
        "allowed_values": ["query", "label_ids", "include_spam_trash"],
    }


async def test_a_rate_above_the_operators_ceiling_is_refused() -> None:
    async with serving({"max_rate_limit_per_minute": 70}) as house:
        details = await refused_start(house, rate_limit_per_minute=71)
        assert details == {
            "field": "rate_limit_per_minute",
            "value": 71,
            "minimum": 1,
            "maximum": 70,
        }
        assert await house.start(await house.session(), rate_limit_per_minute=70)


async def test_a_scope_that_was_not_granted_is_named(house: House) -> None:
    tokens = {
        "access_token": "CANARY",
        "refresh_token": "CANARY",
        "expires_at": house.clock.now() + 60,
        "scope": "openid email mail",
    }
    house.authority.granted = frozenset({"openid", "email", "mail"})
    session_id = await house.session(tokens=tokens, stream_types=["gmail_messages"])
    body = {"session_id": session_id, "stream_type": "calendar_events"}
    answer = await house.ask("POST", "/api/stream/start", json=body)
    assert (answer.status, answer.code) == (403, "INSUFFICIENT_SCOPE")
    assert answer.details["missing_scopes"] == ["calendar"]


async def test_a_lost_consent_comes_with_the_way_to_renew_it(house: House) -> None:
    session_id = await house.session()
    known = await house.sessions.find(Secret(session_id))
    assert known is not None
    await house.sessions.set_state(known.pk, SessionState.NEEDS_CONSENT)
    body = {"session_id": session_id, "stream_type": "gmail_messages"}
    answer = await house.ask("POST", "/api/stream/start", json=body)
    assert (answer.status, answer.code) == (401, "TOKEN_EXPIRED")
    renewal = answer.details["authorization_url"]
    assert renewal.startswith(f"{house.url}/oauth/google/login?request=")


async def test_while_draining_new_work_is_refused_and_the_rest_is_answered(house: House) -> None:
    session_id = await house.session()
    stream_id = await house.start(session_id)
    house.draining = True
    body = {"session_id": session_id, "stream_type": "calendar_events"}
    answer = await house.ask("POST", "/api/stream/start", json=body)
    assert (answer.status, answer.code) == (503, "SHUTTING_DOWN")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await house.ask("GET", f"/api/stream/{stream_id}/status")).status == 200
