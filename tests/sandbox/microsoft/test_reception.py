"""Batches, throttling, faults, subscriptions and the control API of the sandboxed Microsoft."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from sandbox.browsing import Answer
from sandbox.conftest import running
from sandbox.microsoft.calling import ADA, BRUNO, Graph, Microsoft

from scp_sandbox import SandboxSettings

HOOK = {"notificationUrl": "http://localhost:9/n", "expirationDateTime": "2026-11-24T00:00:00Z"}


@pytest.fixture
async def strict() -> AsyncIterator[Microsoft]:
    """Microsoft with the published limits."""
    settings = SandboxSettings(messages=60, events=30, files=50, quotas="published")
    async with running(settings) as opened:
        yield Microsoft(opened)


async def batch(graph: Graph, *steps: dict[str, Any]) -> Answer:
    body = {"requests": [{"method": "GET", **step} for step in steps]}
    return await graph.sandbox.call("/v1.0/$batch", "POST", json=body, token=graph.token)


async def parts(graph: Graph, *steps: dict[str, Any]) -> dict[str, Any]:
    answer = await batch(graph, *steps)
    assert answer.status == 200, answer.text
    return {part["id"]: part for part in answer.json["responses"]}


async def test_each_part_of_a_batch_is_judged_on_its_own(reading: Graph) -> None:
    base = reading.sandbox.base
    found = await parts(
        reading,
        {"id": "1", "url": "/me/messages?$top=2&$select=subject"},
        {"id": "2", "url": f"{base}/v1.0/me", "depends_on": []},
        {"id": "3", "url": "me/messages/nope"},
        {"id": "4", "url": "/me/nowhere"},
        {"id": "5", "url": "/me", "headers": {"Authorization": "Bearer nonsense"}},
        {"id": "6", "url": "/me/messages?$top=1", "headers": {"Prefer": 'IdType="ImmutableId"'}},
    )
    assert {i: part["status"] for i, part in found.items()} == {
        "1": 200, "2": 200, "3": 400, "4": 400, "5": 401, "6": 200,
    }  # fmt: skip
    assert len(found["1"]["body"]["value"]) == 2
    assert found["2"]["body"]["mail"] == ADA
    assert found["6"]["body"]["value"][0]["id"].startswith("AAkA")
    assert found["6"]["headers"]["Preference-Applied"] == 'IdType="ImmutableId"'


async def test_replies_come_in_another_order(reading: Graph) -> None:
    answer = await batch(reading, *({"id": str(n), "url": "/me"} for n in range(4)))
    assert [part["id"] for part in answer.json["responses"]] == ["3", "2", "1", "0"]


async def test_what_depends_on_a_failure_fails(reading: Graph) -> None:
    found = await parts(
        reading,
        {"id": "c", "url": "/me", "dependsOn": ["b"]},
        {"id": "b", "url": "/me", "dependsOn": ["a"]},
        {"id": "a", "url": "/me/messages/nope"},
        {"id": "d", "url": "/me"},
    )
    assert {i: part["status"] for i, part in found.items()} == {
        "a": 400, "b": 424, "c": 424, "d": 200,
    }  # fmt: skip


async def test_a_batch_that_is_none_is_refused_whole(reading: Graph) -> None:
    many = await batch(reading, *({"id": str(n), "url": "/me"} for n in range(21)))
    assert (many.status, many.json["error"]["code"]) == (400, "MaximumValueExceeded")
    assert "exceeds the maximum value of 20." in many.json["error"]["message"]
    for steps in (
        ({"id": "1", "url": "/me"}, {"id": "1", "url": "/me"}),
        ({"id": "1", "url": "/me", "dependsOn": ["2"]},),
        ({"id": "1", "url": "/me", "dependsOn": ["1"]},),
        (),
    ):
        assert (await batch(reading, *steps)).status == 400
    garbled = await reading.sandbox.call("/v1.0/$batch", "POST", data=b"{", token=reading.token)
    assert garbled.status == 400
    stranger = Graph(reading.sandbox, "eyJ0eXAi.nonsense")
    assert (await batch(stranger, {"id": "1", "url": "/me"})).status == 401


async def test_tokens_are_refused_in_graphs_words(microsoft: Microsoft, graph: Graph) -> None:
    none = await microsoft.sandbox.call("/v1.0/me")
    assert none.json["error"]["message"] == "Access token is empty."
    assert await Graph(microsoft.sandbox, "x").code("/me") == "401 InvalidAuthenticationToken"
    await microsoft.control("/tokens/expire", "POST", user=BRUNO)
    assert (await graph.get("/me")).status == 200
    await microsoft.control("/tokens/expire", "POST")
    refused = await graph.get("/me")
    assert "Lifetime validation failed" in refused.json["error"]["message"]
    inner = refused.json["error"]["innerError"]
    assert inner["request-id"] == refused.headers["request-id"]
    assert "insufficient_claims" not in refused.headers["WWW-Authenticate"]


async def test_ten_thousand_calls_in_ten_minutes_and_no_more(strict: Microsoft) -> None:
    graph = await strict.sign_in()
    await strict.control("/quotas", "POST", requests_per_ten_minutes=30)
    for _ in range(30):
        assert (await graph.get("/me/mailFolders/inbox")).status == 200
    refused = await graph.get("/me/contacts")
    assert (refused.status, refused.json["error"]["code"]) == (429, "ApplicationThrottled")
    assert 590 <= int(refused.headers["Retry-After"]) <= 600
    assert (await graph.get("/me")).status == 200
    assert (await (await strict.sign_in(BRUNO)).get("/me/contacts")).status == 200
    await strict.sandbox.control("/clock", "POST", advance=601)
    assert (await graph.get("/me/contacts")).status == 200
    ledger = (await strict.control("/ledger"))["users"][ADA]
    assert ledger["calls"]["mailFolders.get"] == 30
    assert ledger["refused"] == {"contacts.list": 1}


async def test_the_published_limits_are_the_documented_ones(strict: Microsoft) -> None:
    assert await strict.control("/quotas") == {
        "requests_per_ten_minutes": 10_000,
        "concurrency": 4,
        "drive_units_per_minute": 1_200,
    }


async def test_a_drive_counts_units(strict: Microsoft) -> None:
    graph = await strict.sign_in()
    await strict.control("/quotas", "POST", drive_units_per_minute=4)
    link = (await graph.good("/me/drive/root/delta"))["@odata.deltaLink"]
    assert (await graph.get(link)).status == 200
    assert (await graph.get("/me/drive")).status == 200
    refused = await graph.get("/me/drive")
    assert (refused.status, refused.json["error"]["code"]) == (429, "activityLimitReached")
    assert refused.headers["Retry-After"]


async def test_four_calls_at_once_and_no_more(strict: Microsoft) -> None:
    graph = await strict.sign_in()
    order = {"kind": "latency", "path": "^/v1.0/me/events", "count": 6, "seconds": 0.2}
    await strict.sandbox.control("/faults", "POST", **order)
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await graph.get("/me/events"))

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(ask)
    refused = [a for a in answers if a.status == 429]
    assert len(refused) == 2
    assert refused[0].json["error"]["message"] == (
        "Application is over its MailboxConcurrency limit."
    )
    assert refused[0].headers["Retry-After"]
    assert (await strict.control("/ledger"))["users"][ADA]["max_concurrency"] == 6


async def test_one_batch_of_many_is_no_more_than_four_at_once(strict: Microsoft) -> None:
    graph = await strict.sign_in()
    order = {"kind": "latency", "path": "^/v1.0/me/events", "count": 12, "seconds": 0.02}
    await strict.sandbox.control("/faults", "POST", **order)
    found = await parts(graph, *({"id": str(n), "url": "/me/events"} for n in range(12)))
    assert {part["status"] for part in found.values()} == {200}
    assert (await strict.control("/ledger"))["users"][ADA]["max_concurrency"] == 4


@pytest.mark.parametrize(
    ("path", "order", "status", "code"),
    [
        ("/me/messages", {"status": 429, "retry_after": 7}, 429, "ApplicationThrottled"),
        ("/me/drive", {"status": 429}, 429, "activityLimitReached"),
        ("/me/messages", {"status": 503}, 503, "serviceNotAvailable"),
        ("/me/messages", {"status": 504}, 504, "UnknownError"),
        ("/me/messages", {"status": 410}, 410, "SyncStateNotFound"),
        ("/me/messages", {"status": 404}, 404, "ErrorItemNotFound"),
        ("/me/drive", {"status": 404}, 404, "itemNotFound"),
        ("/me/messages", {"status": 403, "reason": "ErrorAccountSuspend"}, 403,
         "ErrorAccountSuspend"),
        ("/me/messages", {"status": 401}, 401, "InvalidAuthenticationToken"),
    ],
)  # fmt: skip
async def test_faults_strike_in_microsofts_words(
    microsoft: Microsoft, graph: Graph, path: str, order: dict[str, Any], status: int, code: str
) -> None:
    whole = {"kind": "status", "path": f"^/v1.0{path}", **order}
    await microsoft.sandbox.control("/faults", "POST", **whole)
    refused = await graph.get(path)
    assert (refused.status, refused.json["error"]["code"]) == (status, code)
    wanted = order.get("retry_after")
    assert refused.headers.get("Retry-After") == (str(wanted) if wanted else None)
    assert (await graph.get(path)).status == 200


async def test_faults_change_what_is_answered_and_the_world(
    microsoft: Microsoft, graph: Graph
) -> None:
    async def strike(kind: str) -> None:
        await microsoft.sandbox.control("/faults", "POST", kind=kind, path="^/v1.0/me/messages$")

    await strike("duplicate")
    listed = (await graph.good("/me/messages", _select="id"))["value"]
    assert listed[10:] == listed[:3]
    await strike("gone")
    first = (await graph.good("/me/messages"))["value"][0]["id"]
    assert await graph.code(f"/me/messages/{first}") == "404 ErrorItemNotFound"
    await strike("html")
    page = await graph.get("/me/messages")
    assert (page.status, page.text[:9]) == (200, "<!DOCTYPE")
    link = (await graph.round("/me/mailFolders/inbox/messages/delta")).link
    await strike("dead_sync_tokens")
    assert (await graph.get("/me/messages")).status == 200
    assert await graph.code(link) == "410 SyncStateNotFound"
    await strike("expire_tokens")
    assert await graph.code("/me/messages") == "401 InvalidAuthenticationToken"


async def test_faults_strike_the_token_endpoint_and_batches_too(
    microsoft: Microsoft, graph: Graph
) -> None:
    token = (await microsoft.tokens())["refresh_token"]
    order = {"kind": "status", "path": "oauth2/v2.0/token", "status": 503, "retry_after": 3}
    await microsoft.sandbox.control("/faults", "POST", **order)
    refused = await microsoft.refresh(token)
    assert (refused.status, refused.json["error"]) == (503, "temporarily_unavailable")
    assert refused.headers["Retry-After"] == "3"
    order = {"kind": "status", "path": "^/v1.0/me$", "status": 429, "retry_after": 2}
    await microsoft.sandbox.control("/faults", "POST", **order)
    found = await parts(graph, {"id": "1", "url": "/me"}, {"id": "2", "url": "/me/contacts"})
    assert (found["1"]["status"], found["1"]["headers"]["Retry-After"]) == (429, "2")
    assert found["2"]["status"] == 200
    order = {"kind": "status", "path": r"\$batch", "status": 502}
    await microsoft.sandbox.control("/faults", "POST", **order)
    assert (await batch(graph, {"id": "1", "url": "/me"})).status == 502


async def subscribe(graph: Graph, **body: str) -> Answer:
    return await graph.sandbox.call(
        "/v1.0/subscriptions", "POST", json={**HOOK, **body}, token=graph.token
    )


async def test_subscriptions_are_made_renewed_and_ended(microsoft: Microsoft, graph: Graph) -> None:
    now = (await microsoft.sandbox.control("/clock"))["now"]
    soon = at(now + 60)
    resource = "/me/mailFolders('inbox')/messages"
    wanted = {"changeType": "created,updated", "resource": resource, "expirationDateTime": soon}
    made = await subscribe(graph, **wanted)
    assert made.status == 201, made.text
    assert made.json["expirationDateTime"] > soon
    assert made.json["applicationId"] == "sandbox-client"
    assert (await subscribe(graph, **wanted)).status == 409
    path = f"/v1.0/subscriptions/{made.json['id']}"
    later = at(now + 6 * 86_400)
    renewed = await microsoft.sandbox.call(
        path, "PATCH", json={"expirationDateTime": later}, token=graph.token
    )
    assert (renewed.status, renewed.json["expirationDateTime"]) == (200, later)
    assert len((await graph.good("/subscriptions"))["value"]) == 1
    ended = await microsoft.sandbox.call(path, "DELETE", token=graph.token)
    assert ended.status == 204
    assert (await microsoft.sandbox.call(path, token=graph.token)).status == 404
    for body in (
        {"resource": "/me/drive/root", "changeType": "created"},
        {"resource": "/me/nothing", "changeType": "created"},
        {**wanted, "expirationDateTime": "2099-01-01T00:00:00Z"},
        {**wanted, "notificationUrl": "https://elsewhere.example/n"},
        {"resource": resource},
    ):
        assert (await subscribe(graph, **body)).status == 400, body


def at(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


async def test_the_control_api_tells_who_there_is(resting: Microsoft) -> None:
    users = (await resting.control(""))["users"]
    assert [u["email"] for u in users][:2] == [ADA, BRUNO]
    assert users[0]["messages"] > 300
    assert (users[0]["contacts"], users[0]["personal"], users[2]["personal"]) == (60, False, True)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/nobody@nowhere.example/mail", {}, 404),
        (f"/{ADA}/mail", {"count": 0}, 400),
        (f"/{ADA}/mail", {"folder": "nowhere"}, 404),
        (f"/{ADA}/mail", {"subject": "a\nb"}, 400),
        (f"/{ADA}/messages/nope/delete", {}, 404),
        (f"/{ADA}/folders/inbox/delete", {}, 400),
        (f"/{ADA}/events", {}, 400),
        (f"/{ADA}/events", {"start": "soon"}, 400),
        (f"/{ADA}/events/nope/move", {}, 404),
        (f"/{ADA}/contacts", {}, 400),
        (f"/{ADA}/contacts/nope/delete", {}, 404),
        (f"/{ADA}/files", {}, 400),
        (f"/{ADA}/files/root/delete", {}, 400),
        (f"/{ADA}/bustle", {"mail": -1}, 400),
        ("/challenge", {"user": "nobody@nowhere.example"}, 404),
        ("/delta/expire", {"status": 200}, 400),
    ],
)
async def test_control_calls_that_cannot_be_are_refused_with_words(
    resting: Microsoft, path: str, body: dict[str, Any], status: int
) -> None:
    answer = await resting.sandbox.call(f"/sandbox/outlook{path}", "POST", json=body)
    assert answer.status == status, answer.text
    assert answer.json["error"]
