"""Faults on order, as a client meets them."""

import time
from typing import Any

import aiohttp
import anyio
import pytest
from sandbox.browsing import ADA, Sandbox

MAIL = "/gmail/v1/users/me"
EVENTS = "/calendar/v3/calendars/primary/events"


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in()


async def order(sandbox: Sandbox, **fault: Any) -> None:  # noqa: ANN401 - JSON
    await sandbox.control("/faults", "POST", **fault)


@pytest.mark.parametrize(
    ("status", "reason", "name"),
    [
        (400, "badRequest", "INVALID_ARGUMENT"),
        (401, "authError", "UNAUTHENTICATED"),
        (403, "forbidden", "PERMISSION_DENIED"),
        (404, "notFound", "NOT_FOUND"),
        (410, "fullSyncRequired", "FAILED_PRECONDITION"),
        (429, "rateLimitExceeded", "RESOURCE_EXHAUSTED"),
        (500, "backendError", "INTERNAL"),
        (502, "backendError", "UNAVAILABLE"),
        (503, "backendError", "UNAVAILABLE"),
        (504, "backendError", "DEADLINE_EXCEEDED"),
    ],
)
async def test_a_status_comes_with_the_providers_own_body(
    sandbox: Sandbox, token: str, status: int, reason: str, name: str
) -> None:
    await order(sandbox, kind="status", status=status, path="/profile$")
    answer = await sandbox.call(f"{MAIL}/profile", token=token)
    assert answer.status == answer.json["error"]["code"] == status
    assert answer.json["error"]["errors"][0]["reason"] == reason
    assert answer.json["error"]["status"] == name
    assert (await sandbox.call(f"{MAIL}/profile", token=token)).status == 200


async def test_calendar_errors_have_calendars_shape(sandbox: Sandbox, token: str) -> None:
    await order(sandbox, kind="status", status=403, reason="quotaExceeded", path="/events")
    answer = await sandbox.call(EVENTS, token=token)
    assert list(answer.json["error"]) == ["errors", "code", "message"]
    assert answer.json["error"]["errors"][0]["reason"] == "quotaExceeded"


async def test_an_order_strikes_as_often_as_it_says(sandbox: Sandbox, token: str) -> None:
    async def statuses(count: int) -> list[int]:
        return [(await sandbox.call(f"{MAIL}/profile", token=token)).status for _ in range(count)]

    await order(sandbox, kind="status", path="profile", count=2, after=1)
    assert await statuses(5) == [200, 503, 503, 200, 200]
    await order(sandbox, kind="status", path="profile", count=None, every=2)
    assert await statuses(5) == [200, 503, 200, 503, 200]
    standing = (await sandbox.control("/faults"))["faults"]
    assert [(f["kind"], f["seen"], f["struck"]) for f in standing] == [("status", 5, 2)]
    await sandbox.control("/faults", "DELETE")
    assert await statuses(2) == [200, 200]
    await order(sandbox, kind="status", path="profile", method="POST")
    assert await statuses(1) == [200]


async def test_a_retry_after_header_comes_only_when_ordered(sandbox: Sandbox, token: str) -> None:
    await order(sandbox, kind="status", status=429, retry_after=7, path="profile")
    answer = await sandbox.call(f"{MAIL}/profile", token=token)
    assert answer.headers["Retry-After"] == "7"
    assert "Retry after 20" in answer.json["error"]["message"]


async def test_latency_delays_and_counts_as_in_flight(sandbox: Sandbox, token: str) -> None:
    await order(sandbox, kind="latency", seconds=0.3, count=None, path="profile")
    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(_profile, sandbox, token)
    assert 0.3 <= time.perf_counter() - started < 1.2
    ledger = await sandbox.control("/ledger")
    assert ledger["users"][ADA]["max_concurrency"] == 5


async def _profile(sandbox: Sandbox, token: str) -> None:
    assert (await sandbox.call(f"{MAIL}/profile", token=token)).status == 200


@pytest.mark.parametrize("path", [f"{MAIL}/profile", EVENTS, "/v1/userinfo"])
async def test_a_reset_breaks_the_connection_without_an_answer(
    sandbox: Sandbox, token: str, path: str
) -> None:
    await order(sandbox, kind="reset", path=path, count=None)
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await sandbox.call(path, token=token)
    await sandbox.control("/faults", "DELETE")
    assert (await sandbox.call(path, token=token)).status == 200


async def test_a_truncated_body_ends_in_the_middle(
    sandbox: Sandbox, token: str, capfd: pytest.CaptureFixture[str]
) -> None:
    await order(sandbox, kind="truncate", path="/labels")
    with pytest.raises(aiohttp.ClientPayloadError):
        await sandbox.call(f"{MAIL}/labels", token=token)
    assert (await sandbox.call(f"{MAIL}/labels", token=token)).status == 200
    assert capfd.readouterr().err == ""


async def test_html_and_broken_and_wrong_json_come_with_status_200(
    sandbox: Sandbox, token: str
) -> None:
    for kind in ("html", "broken_json", "wrong_json"):
        await order(sandbox, kind=kind, path="/messages")
    page = await sandbox.call(f"{MAIL}/messages", token=token)
    assert (page.status, page.text[:15]) == (200, "<!DOCTYPE html>")
    await order(sandbox, kind="wrong_json", path="/messages")
    wrong = await sandbox.call(f"{MAIL}/messages", token=token)
    assert wrong.json["messages"] == "none"
    await order(sandbox, kind="broken_json", path="/messages")
    async with sandbox.http.get(
        f"{sandbox.base}{MAIL}/messages", headers={"Authorization": f"Bearer {token}"}
    ) as response:
        assert response.status == 200
        assert not (await response.text()).endswith("}")


async def test_a_list_may_repeat_items(sandbox: Sandbox, token: str) -> None:
    await order(sandbox, kind="duplicate", path="/messages$")
    ids = [
        m["id"]
        for m in (await sandbox.call(f"{MAIL}/messages?maxResults=9", token=token)).json["messages"]
    ]
    assert ids[9:] == ids[:3]


async def test_a_listed_message_may_be_gone_when_it_is_fetched(
    sandbox: Sandbox, token: str
) -> None:
    await order(sandbox, kind="gone", path="/messages$")
    start = (await sandbox.call(f"{MAIL}/profile", token=token)).json["historyId"]
    listed = await sandbox.call(f"{MAIL}/messages", token=token)
    first = listed.json["messages"][0]["id"]
    assert (await sandbox.call(f"{MAIL}/messages/{first}", token=token)).status == 404
    history = await sandbox.call(f"{MAIL}/history?startHistoryId={start}", token=token)
    deleted = history.json["history"][0]["messagesDeleted"]
    assert deleted[0]["message"]["id"] == first


async def test_positions_tokens_and_grants_may_die_at_a_call(sandbox: Sandbox, token: str) -> None:
    start = (await sandbox.call(f"{MAIL}/profile", token=token)).json["historyId"]
    await order(sandbox, kind="dead_history", path="/history")
    path = f"{MAIL}/history?startHistoryId={start}"
    assert (await sandbox.call(path, token=token)).status == 404
    sync = (await sandbox.call(f"{EVENTS}?maxResults=2500", token=token)).json["nextSyncToken"]
    await order(sandbox, kind="dead_sync_tokens", path="/events")
    dead = await sandbox.call(EVENTS, params={"syncToken": sync}, token=token)
    assert dead.status == 410
    await order(sandbox, kind="expire_tokens", path="/profile")
    assert (await sandbox.call(f"{MAIL}/profile", token=token)).status == 401
    tokens = (await sandbox.redeem(await sandbox.code(prompt="consent"))).json
    await order(sandbox, kind="revoke_grants", path="/profile")
    answer = await sandbox.call(f"{MAIL}/profile", token=tokens["access_token"])
    assert answer.status == 401
    refused = await sandbox.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.json["error"] == "invalid_grant"


async def test_the_token_endpoint_fails_in_its_own_words(sandbox: Sandbox) -> None:
    code = await sandbox.code()
    for status, error in ((503, "internal_failure"), (400, "invalid_grant")):
        await order(sandbox, kind="status", status=status, path="^/token$")
        answer = await sandbox.redeem(code)
        assert (answer.status, answer.json["error"]) == (status, error)
    assert (await sandbox.redeem(code)).status == 200


async def test_a_grant_may_die_at_a_refresh_and_the_next_consent_is_a_first_one(
    sandbox: Sandbox,
) -> None:
    tokens = (await sandbox.redeem(await sandbox.code())).json
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    await order(sandbox, kind="revoke_grants", path="^/token$")
    assert (await sandbox.token(**form)).json["error"] == "invalid_grant"
    assert "refresh_token" in (await sandbox.redeem(await sandbox.code())).json


async def test_a_whole_batch_may_fail(sandbox: Sandbox, token: str) -> None:
    await order(sandbox, kind="status", status=503, path="^/batch$")
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    text = f"--b\r\n\r\nGET {MAIL}/profile HTTP/1.1\r\n\r\n\r\n--b--"
    options: dict[str, Any] = {"data": text.encode(), "headers": headers, "token": token}
    assert (await sandbox.call("/batch", "POST", **options)).status == 503
    assert (await sandbox.call("/batch", "POST", **options)).status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "nonsense"},
        {},
        {"kind": "status", "status": 200},
        {"kind": "status", "path": "("},
        {"kind": "latency", "seconds": -1},
        {"kind": "status", "count": 0},
        {"kind": "status", "every": 0},
        {"kind": "status", "colour": "red"},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    shared: Sandbox, fault: dict[str, Any]
) -> None:
    answer = await shared.call("/sandbox/faults", "POST", json=fault)
    assert answer.status == 400
    assert answer.json["error"]


async def test_a_nameless_item_comes_without_its_id_and_others_with_theirs(
    sandbox: Sandbox, token: str
) -> None:
    listed = (await sandbox.call(f"{MAIL}/messages", token=token)).json["messages"]
    item = listed[1]["id"]
    await order(sandbox, kind="nameless", item=item, count=None)
    again = (await sandbox.call(f"{MAIL}/messages", token=token)).json["messages"]
    assert [message.get("id") for message in again] == [
        None if message["id"] == item else message["id"] for message in listed
    ]
    assert "id" not in (await sandbox.call(f"{MAIL}/messages/{item}", token=token)).json
