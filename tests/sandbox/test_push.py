"""Watches: what they answer, how long they live, what is recorded, what can be pulled."""

import json
from base64 import b64decode
from typing import Any

import pytest
from sandbox.browsing import ADA, BRUNO, EVERYTHING, Answer, Sandbox

EVENTS = "/calendar/v3/calendars/primary/events/watch"
CHANGES = "/drive/v3/changes/watch?pageToken=1"
MAIL = "/gmail/v1/users/me"
WEEK = 7 * 86_400


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in(scope=EVERYTHING)


async def watch(sandbox: Sandbox, bearer: str, path: str, **body: Any) -> Answer:  # noqa: ANN401
    usual = {"id": "4ba78bf0", "type": "web_hook", "address": "https://hook.example/x"}
    return await sandbox.call(path, "POST", json={**usual, **body}, token=bearer)


async def now_ms(sandbox: Sandbox) -> float:
    return float((await sandbox.control("/clock"))["now"]) * 1000


async def lives(sandbox: Sandbox, answer: Answer, *, since: float, seconds: int) -> bool:
    """Whether what was asked for between `since` and now runs out after so many seconds."""
    begun = int(answer.json["expiration"]) - seconds * 1000
    return since - 1 <= begun <= await now_ms(sandbox)


async def recorded(sandbox: Sandbox) -> list[Any]:
    return list((await sandbox.control("/channels"))["channels"])


async def test_mail_is_watched_for_seven_days_by_one_watch_of_a_user(
    sandbox: Sandbox, token: str
) -> None:
    before = await now_ms(sandbox)
    body = {"topicName": "projects/p/topics/t", "labelIds": ["INBOX"]}
    first = await sandbox.call(f"{MAIL}/watch", "POST", json=body, token=token)
    assert first.status == 200
    answer = await sandbox.call(f"{MAIL}/watch", "POST", json={**body, "labelIds": []}, token=token)
    profile = (await sandbox.call(f"{MAIL}/profile", token=token)).json
    assert answer.json["historyId"] == profile["historyId"]
    assert await lives(sandbox, answer, since=before, seconds=WEEK)
    (entry,) = await recorded(sandbox)
    assert (entry["service"], entry["email"]) == ("gmail", ADA)
    assert entry["address"] == "projects/p/topics/t"
    for _ in range(2):
        stopped = await sandbox.call(f"{MAIL}/stop", "POST", token=token)
        assert (stopped.status, stopped.text) == (204, "")
    assert await recorded(sandbox) == []


@pytest.mark.parametrize("body", [{}, {"topicName": "t"}, {"topicName": 7}])
async def test_mail_is_watched_for_a_topic_only(
    sandbox: Sandbox, token: str, body: dict[str, Any]
) -> None:
    answer = await sandbox.call(f"{MAIL}/watch", "POST", json=body, token=token)
    assert answer.status == 400


@pytest.mark.parametrize(
    ("path", "resource", "usual_s", "most_s"),
    [
        (EVENTS, "/calendar/v3/calendars/primary/events", 604_800, 604_800),
        ("/calendar/v3/users/me/calendarList/watch", "calendarList", 604_800, 604_800),
        (CHANGES, "/drive/v3/changes?pageToken=1", 3600, 604_800),
    ],
)
async def test_a_channel_is_opened_lives_its_time_and_is_stopped(
    sandbox: Sandbox, token: str, path: str, resource: str, usual_s: int, most_s: int
) -> None:
    before = await now_ms(sandbox)
    opened = await watch(sandbox, token, path, token="s3cret")
    assert opened.status == 200
    body = opened.json
    assert (body["kind"], body["id"], body["token"]) == ("api#channel", "4ba78bf0", "s3cret")
    assert body["resourceUri"].startswith(sandbox.base)
    assert resource in body["resourceUri"]
    assert await lives(sandbox, opened, since=before, seconds=usual_s)
    longest = await watch(sandbox, token, path, id="two", params={"ttl": "99999999"})
    assert await lives(sandbox, longest, since=before, seconds=most_s)
    assert longest.json["resourceId"] == body["resourceId"]
    stop = path.partition("/v3/")[0] + "/v3/channels/stop"
    named = {"id": "4ba78bf0", "resourceId": body["resourceId"]}
    wrong = {**named, "resourceId": "other"}
    assert (await sandbox.call(stop, "POST", json=wrong, token=token)).status == 404
    other = await sandbox.sign_in(BRUNO, scope=EVERYTHING)
    assert (await sandbox.call(stop, "POST", json=named, token=other)).status == 404
    assert (await sandbox.call(stop, "POST", json=named, token=token)).status == 204
    assert (await sandbox.call(stop, "POST", json=named, token=token)).status == 404
    assert [c["id"] for c in await recorded(sandbox)] == ["two"]
    await sandbox.control("/clock", "POST", advance=most_s + 1)
    assert await recorded(sandbox) == []


async def test_one_file_is_watched_for_a_day_at_most(sandbox: Sandbox, token: str) -> None:
    files = (await sandbox.control(f"/users/{ADA}/files"))["files"]
    before = await now_ms(sandbox)
    end = str(int(before) + WEEK * 1000)
    path = f"/drive/v3/files/{files[0]['id']}/watch"
    opened = await watch(sandbox, token, path, expiration=end)
    assert await lives(sandbox, opened, since=before, seconds=86_400)
    assert (await watch(sandbox, token, "/drive/v3/files/nope/watch")).status == 404


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"id": ""}, "required"),
        ({"type": "pigeon"}, "unknownChannelType"),
        ({"address": "http://hook.example/x"}, "push.webhookUrlNotHttps"),
        ({"expiration": "1000"}, "invalid"),
        ({"params": 7}, "parseError"),
    ],
)
async def test_senseless_channels_are_refused(
    sandbox: Sandbox, token: str, body: dict[str, Any], reason: str
) -> None:
    for path in (EVENTS, CHANGES):
        answer = await watch(sandbox, token, path, **body)
        assert answer.status == 400
        assert answer.json["error"]["errors"][0]["reason"] == reason
    assert await recorded(sandbox) == []


async def test_a_channels_id_is_used_once(sandbox: Sandbox, token: str) -> None:
    assert (await watch(sandbox, token, EVENTS)).status == 200
    again = await watch(sandbox, token, EVENTS)
    assert again.json["error"]["errors"][0]["reason"] == "channelIdNotUnique"


async def test_changes_are_watched_from_a_token(sandbox: Sandbox, token: str) -> None:
    assert (await watch(sandbox, token, "/drive/v3/changes/watch")).status == 400


PUBSUB = "https://www.googleapis.com/auth/pubsub"
SUBSCRIPTION = "/v1/projects/p/subscriptions/t"


async def pulled(sandbox: Sandbox, token: str, **body: Any) -> list[Any]:  # noqa: ANN401
    answer = await sandbox.call(
        f"{SUBSCRIPTION}:pull", "POST", json={"maxMessages": 10, **body}, token=token
    )
    assert answer.status == 200, answer.text
    return list(answer.json.get("receivedMessages", []))


async def test_what_a_watched_mailbox_tells_is_pulled_until_acknowledged(sandbox: Sandbox) -> None:
    token = await sandbox.sign_in(scope=f"{EVERYTHING} {PUBSUB}")
    assert await pulled(sandbox, token) == []
    body = {"topicName": "projects/p/topics/t"}
    watched = await sandbox.call(f"{MAIL}/watch", "POST", json=body, token=token)
    (first,) = await pulled(sandbox, token)
    told = json.loads(b64decode(first["message"]["data"]))
    assert told == {"emailAddress": ADA, "historyId": watched.json["historyId"]}
    assert await pulled(sandbox, token) == []
    await sandbox.control("/clock", "POST", advance=11)
    assert [m["ackId"] for m in await pulled(sandbox, token)] == [first["ackId"]]
    acks = {"ackIds": [first["ackId"], "unknown"]}
    done = await sandbox.call(f"{SUBSCRIPTION}:acknowledge", "POST", json=acks, token=token)
    assert (done.status, done.json) == (200, {})
    await sandbox.control(f"/users/{ADA}/mail", "POST", count=3)
    (second,) = await pulled(sandbox, token)
    assert int(json.loads(b64decode(second["message"]["data"]))["historyId"]) > int(
        told["historyId"]
    )
    await sandbox.call(f"{MAIL}/stop", "POST", token=token)
    await sandbox.control(f"/users/{ADA}/mail", "POST", count=1)
    assert await pulled(sandbox, token) == []


async def test_pulling_needs_its_scope_and_a_number(sandbox: Sandbox, token: str) -> None:
    body = {"maxMessages": 1}
    closed = await sandbox.call(f"{SUBSCRIPTION}:pull", "POST", json=body, token=token)
    assert closed.status == 403
    assert closed.json["error"]["status"] == "PERMISSION_DENIED"
    open_token = await sandbox.sign_in(scope=f"openid email {PUBSUB}")
    refused = await sandbox.call(f"{SUBSCRIPTION}:pull", "POST", json={}, token=open_token)
    assert refused.json["error"]["status"] == "INVALID_ARGUMENT"
