"""The control API: what is in the world, and making it move."""

from base64 import urlsafe_b64decode
from io import BytesIO

import pytest
from sandbox.browsing import ADA, BRUNO, Sandbox
from sandbox.conftest import running

from scp_sandbox import SandboxSettings, build_app
from scp_sandbox.call import Call
from scp_sandbox.edge import Edge

MAIL = "/gmail/v1/users/me"
BOX = f"/users/{ADA}"


async def test_the_state_names_users_and_counts(shared: Sandbox) -> None:
    users = (await shared.control("/state"))["users"]
    assert len(users) >= 2
    assert users[0]["email"] == ADA
    for user in users:
        assert user["messages"] == 300
        assert user["events"] == 90
        assert user["messages_total"] > 300
        assert len(user["calendars"]) >= 2


async def test_a_letter_arrives_word_by_word(sandbox: Sandbox) -> None:
    token = await sandbox.sign_in()
    sent = await sandbox.control(
        f"{BOX}/mail",
        "POST",
        **{"subject": "Grüße 🎉", "from": "zed@new.example", "body": "Hällo\n\nWörld"},
    )
    identity = sent["messages"][0]["id"]
    listed = await sandbox.call(f"{MAIL}/messages?maxResults=1", token=token)
    assert listed.json["messages"][0]["id"] == identity
    message = (await sandbox.call(f"{MAIL}/messages/{identity}", token=token)).json
    assert urlsafe_b64decode(message["payload"]["body"]["data"]).decode() == "Hällo\r\n\r\nWörld"
    assert message["labelIds"][:2] == ["UNREAD", "INBOX"]
    assert message["snippet"] == "Hällo Wörld"
    found = await sandbox.call(f"{MAIL}/messages", params={"q": "from:zed wörld"}, token=token)
    assert [m["id"] for m in found.json["messages"]] == [identity]


async def test_many_letters_arrive_at_once_and_an_answer_joins_its_thread(
    sandbox: Sandbox,
) -> None:
    sent = (await sandbox.control(f"{BOX}/mail", "POST", count=25))["messages"]
    assert len({m["id"] for m in sent}) == 25
    answer = await sandbox.control(f"{BOX}/mail", "POST", thread_id=sent[0]["threadId"])
    assert answer["messages"][0]["threadId"] == sent[0]["threadId"]
    assert answer["messages"][0]["subject"].startswith("Re: ")


async def test_messages_move_and_vanish(sandbox: Sandbox) -> None:
    first = (await sandbox.control(f"{BOX}/messages"))["messages"][0]["id"]
    path = f"{BOX}/messages/{first}"

    async def listed() -> bool:
        entries = (await sandbox.control(f"{BOX}/messages"))["messages"]
        return first in {m["id"] for m in entries}

    moved = await sandbox.control(f"{path}/labels", "POST", add=["STARRED"], remove=["UNREAD"])
    assert "STARRED" in moved["messages"][0]["labelIds"]
    unread = await sandbox.control(f"{path}/unread", "POST")
    assert "UNREAD" in unread["messages"][0]["labelIds"]
    await sandbox.control(f"{path}/trash", "POST")
    assert not await listed()
    await sandbox.control(f"{path}/untrash", "POST")
    assert await listed()
    gone = await sandbox.control(f"{path}/delete", "POST")
    assert gone["messages"] == []
    again = await sandbox.call(f"/sandbox{path}/delete", "POST")
    assert again.status == 404


async def test_users_do_not_share_mail(sandbox: Sandbox) -> None:
    await sandbox.control(f"{BOX}/mail", "POST", count=3)
    assert (await sandbox.control(f"/users/{BRUNO}/messages"))["count"] == 300
    assert (await sandbox.control(f"{BOX}/messages"))["count"] == 303


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nonsense", None, 404),
        ("PUT", "/state", None, 405),
        ("GET", "/users/nobody@x.example/messages", None, 404),
        ("POST", f"{BOX}/mail", b"[]", 400),
        ("POST", f"{BOX}/mail", b"{", 400),
        ("POST", f"{BOX}/mail", b'{"count":0}', 400),
        ("POST", f"{BOX}/mail", b'{"count":99999}', 400),
        ("POST", f"{BOX}/mail", b'{"subject":"a\\r\\nBcc: b"}', 400),
        ("POST", f"{BOX}/mail", b'{"labels":["Nope"]}', 400),
        ("POST", f"{BOX}/mail", b"\xff\xfe", 400),
        ("POST", f"{BOX}/messages/nope/trash", None, 404),
        ("POST", f"{BOX}/events", b"{}", 400),
        ("POST", f"{BOX}/events", b'{"start":"soon"}', 400),
        ("POST", f"{BOX}/events", b'{"start":"2026-11-23T10:00:00"}', 400),
        ("POST", f"{BOX}/events", b'{"start":"2026-11-23","calendar":"nope"}', 404),
        ("POST", f"{BOX}/events/nope/cancel", None, 404),
        ("POST", "/clock", b'{"advance":-1}', 400),
        ("POST", "/tokens/expire", b'{"user":"nobody"}', 404),
        ("POST", "/quotas", b'{"mode":"mean"}', 400),
    ],
)
async def test_control_calls_that_make_no_sense_are_refused(
    shared: Sandbox, method: str, path: str, body: bytes | None, status: int
) -> None:
    answer = await shared.call(f"/sandbox{path}", method, data=body)
    assert answer.status == status
    assert answer.json["error"]


async def test_a_page_of_another_origin_may_not_control(shared: Sandbox) -> None:
    foreign = await shared.call("/sandbox/state", headers={"Origin": "https://evil.example"})
    assert foreign.status == 403
    own = await shared.call("/sandbox/state", headers={"Origin": shared.base})
    assert own.status == 200


async def test_only_this_machine_may_control(shared: Sandbox) -> None:
    spoofed = {"X-Forwarded-For": "203.0.113.9"}
    assert (await shared.call("/sandbox/state", headers=spoofed)).status == 200
    app = build_app(SandboxSettings(messages=1, events=1))
    route = next(r for r in app.routes if getattr(r, "path", "") == "/sandbox")
    edge = getattr(route, "app", None)
    assert isinstance(edge, Edge)
    call = Call(method="GET", path="/sandbox/state", peer="203.0.113.9")
    assert (await edge._answer(call)).status == 403


async def test_the_landing_page_names_everybody(shared: Sandbox) -> None:
    page = await shared.call("/")
    assert page.status == 200
    assert ADA in page.text


async def test_a_configured_base_url_is_what_clients_are_told() -> None:
    base = "http://sandbox.localhost:1234"
    async with running(SandboxSettings(messages=1, events=1, base_url=base + "/")) as sandbox:
        document = (await sandbox.call("/.well-known/openid-configuration")).json
        assert document["issuer"] == base


async def test_bodies_beyond_reason_are_refused(shared: Sandbox) -> None:
    answer = await shared.call("/token", "POST", data=BytesIO(bytes(5 * 1024 * 1024)))
    assert answer.status == 413


async def test_bustle_is_the_same_for_the_same_seed(sandbox: Sandbox) -> None:
    one = (await sandbox.control(f"{BOX}/bustle", "POST", mail=30, events=10, seed=3))["done"]
    assert len(one) == 40
    async with running(SandboxSettings(messages=300, events=90)) as twin:
        two = (await twin.control(f"{BOX}/bustle", "POST", mail=30, events=10, seed=3))["done"]
    assert [line.split()[0] for line in one] == [line.split()[0] for line in two]
