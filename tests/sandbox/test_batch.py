"""HTTP batch: many calls in one, each answered for itself."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.browsing import ADA, EVERYTHING, Answer, Sandbox

from scp_sandbox.call import Call
from scp_sandbox.google.batch import parse_batch
from scp_sandbox.google.errors import GoogleError

MAIL = "/gmail/v1/users/me"
DRIVE = "/batch/drive/v3"


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in()


@dataclass(frozen=True, slots=True)
class Part:
    """One answer within a batch."""

    content_id: str | None
    status: int
    json: Any


def body(targets: list[str], *, newline: str = "\r\n", extra: str = "") -> str:
    """A batch as google-api-python-client writes it."""
    lines = []
    for place, target in enumerate(targets):
        lines += [
            "--b1",
            "Content-Type: application/http",
            "MIME-Version: 1.0",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: <f41e879a + {place}>",
            "",
            f"GET {target} HTTP/1.1",
            "Host: gmail.googleapis.com",
            *([extra] if extra else []),
            "",
            "",
        ]
    return newline.join([*lines, "--b1--", ""])


async def batch(sandbox: Sandbox, text: str, token: str | None, path: str = "/batch") -> Answer:
    headers = {"Content-Type": 'multipart/mixed; boundary="b1"'}
    return await sandbox.call(path, "POST", data=text.encode(), headers=headers, token=token)


def parts(answer: Answer) -> list[Part]:
    assert answer.status == 200, answer.text
    fence = answer.headers["Content-Type"].partition("boundary=")[2]
    found = []
    for piece in answer.text.split(f"--{fence}")[1:-1]:
        envelope, head, content = piece.strip("\r\n").split("\r\n\r\n", 2)
        content_id = re.search(r"Content-ID: (.*)", envelope)
        status = int(head.split(" ")[1])
        decoded = msgspec.json.decode(content.strip()) if content.startswith("{") else None
        found.append(Part(content_id[1].strip() if content_id else None, status, decoded))
    return found


async def ids(sandbox: Sandbox, count: int) -> list[str]:
    return [m["id"] for m in (await sandbox.control(f"/users/{ADA}/messages"))["messages"][:count]]


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("path", ["/batch", "/batch/gmail/v1"])
async def test_parts_are_answered_in_order_with_their_ids_echoed(
    shared: Sandbox, shared_token: str, newline: str, path: str
) -> None:
    wanted = await ids(shared, 20)
    targets = [f"{MAIL}/messages/{i}?format=metadata&alt=json" for i in wanted]
    found = parts(await batch(shared, body(targets, newline=newline), shared_token, path))
    assert [p.json["id"] for p in found] == wanted
    assert [p.content_id for p in found] == [f"<response-f41e879a + {n}>" for n in range(20)]


async def test_one_bad_part_does_not_touch_the_others(shared: Sandbox, shared_token: str) -> None:
    targets = [
        f"{MAIL}/profile",
        f"{MAIL}/messages/19dda588aaaaaaaa",
        "https://gmail.googleapis.com/gmail/v1/users/me/profile",
        f"{MAIL}/messages?q=%22quick%20answer%22&labelIds=INBOX",
        "/calendar/v3/calendars/primary",
    ]
    found = parts(await batch(shared, body(targets), shared_token))
    assert [p.status for p in found] == [200, 404, 404, 200, 200]
    inside = parts(await batch(shared, body(targets), shared_token, "/batch/gmail/v1"))
    assert [p.status for p in inside] == [200, 404, 404, 200, 404]
    dates = parts(await batch(shared, body(targets[4:]), shared_token, "/batch/calendar/v3"))
    assert [p.status for p in dates] == [200]


async def test_each_part_is_judged_by_its_own_token_or_the_outer_one(
    shared: Sandbox, shared_token: str
) -> None:
    targets = [f"{MAIL}/profile"]
    own = body(targets, extra=f"Authorization: Bearer {shared_token}")
    assert parts(await batch(shared, own, None))[0].status == 200
    wrong = body(targets, extra="Authorization: Bearer ya29.x")
    assert parts(await batch(shared, wrong, shared_token))[0].status == 401
    assert parts(await batch(shared, body(targets), None))[0].status == 401


async def test_more_than_100_calls_are_refused(shared: Sandbox, shared_token: str) -> None:
    hundred = [f"{MAIL}/profile"] * 100
    assert len(parts(await batch(shared, body(hundred), shared_token))) == 100
    refused = await batch(shared, body([*hundred, hundred[0]]), shared_token)
    assert refused.status == 400


async def test_what_is_no_batch_is_refused(shared: Sandbox, shared_token: str) -> None:
    for text, content_type in (
        ("", "multipart/mixed; boundary=b1"),
        ("--b1--", "multipart/mixed; boundary=b1"),
        ("{}", "application/json"),
        ("--b1\r\n\r\n\r\n", "multipart/mixed"),
    ):
        headers = {"Content-Type": content_type}
        answer = await shared.call(
            "/batch", "POST", data=text.encode(), headers=headers, token=shared_token
        )
        assert answer.status == 400


async def test_faults_and_quotas_strike_single_parts(sandbox: Sandbox, token: str) -> None:
    await sandbox.control("/faults", "POST", kind="status", status=503, path="/messages/", every=3)
    targets = [f"{MAIL}/messages/{i}" for i in await ids(sandbox, 3)]
    found = parts(await batch(sandbox, body(targets), token))
    assert [p.status for p in found] == [200, 200, 503]
    await sandbox.control("/quotas", "POST", gmail_units_per_minute=40)
    found = parts(await batch(sandbox, body(targets), token))
    assert [p.status for p in found] == [200, 200, 403]


async def test_too_many_parts_at_once_get_429(sandbox: Sandbox, token: str) -> None:
    await sandbox.control("/quotas", "POST", mode="published")
    targets = [f"{MAIL}/profile"] * 40
    found = parts(await batch(sandbox, body(targets), token))
    statuses = [p.status for p in found]
    assert statuses == [200] * 25 + [429] * 15
    error = found[-1].json["error"]
    assert error["message"] == "Too many concurrent requests for user."
    assert error["errors"][0]["reason"] == "rateLimitExceeded"
    assert error["status"] == "RESOURCE_EXHAUSTED"
    ledger = await sandbox.control("/ledger")
    assert ledger["users"][ADA]["max_concurrency"] == 40
    assert ledger["users"][ADA]["in_flight"] == 0


async def test_people_and_drive_take_batches_too(shared: Sandbox) -> None:
    token = await shared.sign_in(scope=EVERYTHING)
    person, file = "/v1/people/me?personFields=names", "/drive/v3/files/root"
    everything = parts(await batch(shared, body([person, file]), token))
    assert [p.status for p in everything] == [200, 200]
    drive = parts(await batch(shared, body([file, "/drive/v3/files/x", person]), token, DRIVE))
    assert [p.status for p in drive] == [200, 404, 404]
    assert drive[1].json["error"]["message"] == "File not found: x."


@given(st.binary(max_size=200))
def test_any_octets_are_either_a_batch_or_refused(octets: bytes) -> None:
    headers = {"content-type": "multipart/mixed; boundary=b1"}
    for text in (octets, b"--b1\r\n" + octets + b"\r\n--b1--"):
        call = Call(method="POST", path="/batch", headers=headers, body=text)
        with suppress(GoogleError):
            assert all(p.call is None or p.call.path.startswith("/") for p in parse_batch(call))
