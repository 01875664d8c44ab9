"""Gmail: listing, reading, threads, labels, and what a scope does not open."""

import re
from base64 import urlsafe_b64decode
from email import message_from_bytes, policy
from typing import Any

import pytest
from sandbox.browsing import ADA, BRUNO, Answer, Sandbox

MAIL = "/gmail/v1/users/me"
METADATA = "https://www.googleapis.com/auth/gmail.metadata"


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in()


async def listed(sandbox: Sandbox, token: str, **params: str | list[str]) -> list[str]:
    ids: list[str] = []
    while True:
        page = await sandbox.call(f"{MAIL}/messages", params=params, token=token)
        assert page.status == 200, page.text
        ids += [entry["id"] for entry in page.json.get("messages", [])]
        if "nextPageToken" not in page.json:
            return ids
        assert re.fullmatch(r"\d{20}", page.json["nextPageToken"])
        params["pageToken"] = page.json["nextPageToken"]


async def truth(sandbox: Sandbox, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await sandbox.control(f"/users/{ADA}/messages{query}"))[
        "messages"
    ]
    return found


async def test_the_default_listing_is_the_worlds_without_spam_and_trash(
    shared: Sandbox, shared_token: str
) -> None:
    ids = await listed(shared, shared_token)
    assert ids == [m["id"] for m in await truth(shared)]
    everything = await listed(shared, shared_token, includeSpamTrash="true", maxResults="500")
    assert everything == [m["id"] for m in await truth(shared, "?all=true")]
    assert len(everything) > len(ids) == 300
    profile = await shared.call(f"{MAIL}/profile", token=shared_token)
    assert profile.json["messagesTotal"] == len(everything)


async def test_pages_have_100_at_first_and_500_at_most(shared: Sandbox, shared_token: str) -> None:
    async def count(**params: str) -> int:
        page = await shared.call(f"{MAIL}/messages", params=params, token=shared_token)
        return len(page.json["messages"])

    assert await count() == 100
    assert await count(maxResults="9999") == 300
    assert await count(maxResults="7") == 7


async def test_mail_that_comes_and_goes_between_pages_hides_nothing_else(
    sandbox: Sandbox, token: str
) -> None:
    before = [m["id"] for m in await truth(sandbox)]
    page = await sandbox.call(f"{MAIL}/messages?maxResults=50", token=token)
    last = page.json["messages"][-1]["id"]
    await sandbox.control(f"/users/{ADA}/mail", "POST", count=30)
    await sandbox.control(f"/users/{ADA}/messages/{last}/delete", "POST")
    rest = await listed(sandbox, token, pageToken=page.json["nextPageToken"])
    assert rest == before[50:]


async def test_labels_are_all_required_and_repeated(shared: Sandbox, shared_token: str) -> None:
    ids = await listed(shared, shared_token, labelIds=["INBOX", "UNREAD"])
    wanted = [m["id"] for m in await truth(shared) if {"INBOX", "UNREAD"} <= set(m["labelIds"])]
    assert ids == wanted != []
    spam = await listed(shared, shared_token, labelIds="SPAM")
    assert spam
    assert await listed(shared, shared_token, q="in:spam") == spam


async def test_an_empty_listing_has_no_messages_key(shared: Sandbox, shared_token: str) -> None:
    page = await shared.call(f"{MAIL}/messages?q=nosuchword", token=shared_token)
    assert page.json == {"resultSizeEstimate": 0}


@pytest.mark.parametrize(
    "query",
    [
        "maxResults=0",
        "maxResults=-1",
        "maxResults=x",
        "pageToken=7",
        "pageToken=" + "9" * 19 + "x",
        "labelIds=Nonsense",
        "fields=a((",
    ],
)
async def test_bad_parameters_are_400(shared: Sandbox, shared_token: str, query: str) -> None:
    answer = await shared.call(f"{MAIL}/messages?{query}", token=shared_token)
    assert answer.status == 400
    assert answer.json["error"]["status"] == "INVALID_ARGUMENT"


async def test_every_message_reads_the_same_in_all_formats(
    shared: Sandbox, shared_token: str
) -> None:
    for entry in (await truth(shared))[:80]:
        full, meta, minimal, raw = [
            (
                await shared.call(f"{MAIL}/messages/{entry['id']}?format={f}", token=shared_token)
            ).json
            for f in ("full", "metadata", "minimal", "raw")
        ]
        assert full["internalDate"] == meta["internalDate"] == entry["internalDate"]
        assert minimal["payload"] == {"partId": ""}
        assert full["labelIds"] == minimal["labelIds"] == entry["labelIds"]
        assert meta["payload"]["headers"] == full["payload"]["headers"]
        octets = urlsafe_b64decode(raw["raw"])
        assert "payload" not in raw
        assert len(octets) == full["sizeEstimate"]
        parsed = message_from_bytes(octets, policy=policy.default)
        assert (parsed["subject"] or "") == entry["subject"]
        assert parsed.get_content_type() == full["payload"]["mimeType"]


async def test_text_is_utf_8_whatever_its_header_says_and_raw_is_as_sent(
    shared: Sandbox, shared_token: str
) -> None:
    seen = set()
    for entry in await truth(shared):
        full = (await shared.call(f"{MAIL}/messages/{entry['id']}", token=shared_token)).json
        declared = _header(full["payload"], "Content-Type")
        found = re.search(r'charset="([\w-]+)"', declared)
        if not found or found[1] == "utf-8" or found[1] in seen:
            continue
        seen.add(found[1])
        text = urlsafe_b64decode(full["payload"]["body"]["data"]).decode("utf-8")
        raw = (
            await shared.call(f"{MAIL}/messages/{entry['id']}?format=raw", token=shared_token)
        ).json
        parsed = message_from_bytes(urlsafe_b64decode(raw["raw"]))
        sent = parsed.get_payload(decode=True)
        assert isinstance(sent, bytes)
        assert sent.decode(found[1]).rstrip() == text.rstrip()
    assert len(seen) > 1


def _header(part: dict[str, Any], name: str) -> str:
    return next((h["value"] for h in part["headers"] if h["name"] == name), "")


async def test_metadata_shows_only_the_headers_asked_for(
    shared: Sandbox, shared_token: str
) -> None:
    identity = (await truth(shared))[0]["id"]
    query = "format=metadata&metadataHeaders=from&metadataHeaders=Subject"
    meta = (await shared.call(f"{MAIL}/messages/{identity}?{query}", token=shared_token)).json
    assert [h["name"] for h in meta["payload"]["headers"]] == ["From", "Subject"]


async def test_a_fields_mask_cuts_a_message(shared: Sandbox, shared_token: str) -> None:
    identity = (await truth(shared))[0]["id"]
    path = f"{MAIL}/messages/{identity}?fields=id,payload(mimeType,headers/name)"
    message = (await shared.call(path, token=shared_token)).json
    assert set(message) == {"id", "payload"}
    assert set(message["payload"]) == {"mimeType", "headers"}
    assert set(message["payload"]["headers"][0]) == {"name"}


async def test_attachments_are_fetched_by_id_and_have_the_size_told(
    shared: Sandbox, shared_token: str
) -> None:
    ids = await listed(shared, shared_token, q="has:attachment")
    assert ids
    checked = 0
    for identity in ids[:15]:
        message = (await shared.call(f"{MAIL}/messages/{identity}", token=shared_token)).json
        for part in _files(message["payload"]):
            path = f"{MAIL}/messages/{identity}/attachments/{part['body']['attachmentId']}"
            fetched = await shared.call(path, token=shared_token)
            assert fetched.json["size"] == part["body"]["size"]
            assert len(fetched.json["data"]) % 4 == 0
            assert len(urlsafe_b64decode(fetched.json["data"])) == part["body"]["size"]
            other = path.replace(identity, ids[-1])
            assert (await shared.call(other, token=shared_token)).status == 400
            checked += 1
    assert checked > 10


def _files(part: dict[str, Any]) -> list[dict[str, Any]]:
    own = [part] if "attachmentId" in part["body"] else []
    return own + [f for child in part.get("parts", []) for f in _files(child)]


async def test_a_gone_message_is_404_in_gmails_words(shared: Sandbox, shared_token: str) -> None:
    for identity in ("19dda588aaaaaaaa", "nonsense", "0"):
        gone = await shared.call(f"{MAIL}/messages/{identity}", token=shared_token)
        assert gone.status == 404
        assert gone.json["error"]["errors"][0]["reason"] == "notFound"


async def test_threads_hold_their_messages_and_each_is_listed_once(
    shared: Sandbox, shared_token: str
) -> None:
    ids: list[str] = []
    params = {"maxResults": "40"}
    while True:
        page = (await shared.call(f"{MAIL}/threads", params=params, token=shared_token)).json
        ids += [t["id"] for t in page["threads"]]
        if "nextPageToken" not in page:
            break
        params["pageToken"] = page["nextPageToken"]
    assert len(ids) == len(set(ids))
    entries = await truth(shared)
    assert set(ids) == {m["threadId"] for m in entries}
    newest: dict[str, str] = {}
    for entry in entries:
        newest.setdefault(entry["threadId"], entry["id"])
    assert ids == sorted(ids, key=lambda t: newest[t], reverse=True)
    whole = (await shared.call(f"{MAIL}/threads/{ids[0]}?format=minimal", token=shared_token)).json
    assert [m["threadId"] for m in whole["messages"]] == [ids[0]] * len(whole["messages"])
    assert whole["historyId"] == str(max(int(m["historyId"]) for m in whole["messages"]))


async def test_labels_are_listed_and_counted(shared: Sandbox, shared_token: str) -> None:
    labels = (await shared.call(f"{MAIL}/labels", token=shared_token)).json["labels"]
    assert {"INBOX", "CATEGORY_FORUMS", "Label_3"} <= {label["id"] for label in labels}
    inbox = (await shared.call(f"{MAIL}/labels/INBOX", token=shared_token)).json
    everything = await truth(shared, "?all=true")
    assert inbox["messagesTotal"] == sum("INBOX" in m["labelIds"] for m in everything)


async def refused(sandbox: Sandbox, path: str, **options: str) -> Answer:
    answer = await sandbox.call(path, **options)
    assert answer.status in (401, 403), answer.text
    return answer


async def test_the_metadata_scope_opens_no_bodies_and_no_search(shared: Sandbox) -> None:
    token = await shared.sign_in(scope=METADATA)
    identity = (await truth(shared))[0]["id"]
    path = f"{MAIL}/messages/{identity}"
    assert (await shared.call(f"{path}?format=metadata", token=token)).status == 200
    assert (await shared.call(f"{MAIL}/messages?labelIds=INBOX", token=token)).status == 200
    for closed in (f"{MAIL}/messages?q=x", path, f"{path}?format=raw", f"{path}/attachments/x"):
        assert (await refused(shared, closed, token=token)).status == 403


async def test_only_ones_own_mailbox_is_open(shared: Sandbox, shared_token: str) -> None:
    own = await shared.call(f"/gmail/v1/users/{ADA}/profile", token=shared_token)
    assert own.json["emailAddress"] == ADA
    foreign = await refused(shared, f"/gmail/v1/users/{BRUNO}/profile", token=shared_token)
    assert foreign.json["error"]["message"] == f"Delegation denied for {ADA}"


async def test_without_a_token_it_is_401_login_required(shared: Sandbox) -> None:
    answer = await refused(shared, f"{MAIL}/profile")
    assert answer.status == 401
    assert answer.json["error"]["errors"][0]["reason"] == "required"
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    nonsense = await refused(shared, f"{MAIL}/profile", token="ya29.a0nonsense")
    assert nonsense.json["error"]["status"] == "UNAUTHENTICATED"


async def test_json_is_indented_when_asked_for(shared: Sandbox, shared_token: str) -> None:
    answer = await shared.call(f"{MAIL}/profile?prettyPrint=true", token=shared_token)
    assert answer.text.startswith('{\n  "emailAddress"')


async def test_an_unknown_path_is_googles_404_page(shared: Sandbox, shared_token: str) -> None:
    answer = await shared.call("/gmail/v1/users/me/nonsense", token=shared_token)
    assert answer.status == 404
    assert "text/html" in answer.headers["Content-Type"]
