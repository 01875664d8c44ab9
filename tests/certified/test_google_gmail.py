"""Gmail as Google's own client sees it."""

import base64
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from certified.google_clients import Google, every, run
from googleapiclient.errors import HttpError
from sandbox.browsing import ADA

ABSENT = "1" * 16


async def test_the_profile_counts_what_the_mailbox_holds(reader: Google) -> None:
    profile = await run(reader.gmail.getProfile(userId="me"))
    listed, _ = await every(reader.gmail.messages(), "messages", userId="me", includeSpamTrash=True)
    assert profile["emailAddress"] == ADA
    assert profile["messagesTotal"] == len({m["id"] for m in listed}) == len(listed)
    assert profile["threadsTotal"] == len({m["threadId"] for m in listed})


async def test_pages_by_list_next_give_every_message_once(reader: Google) -> None:
    at_once, _ = await every(reader.gmail.messages(), "messages", userId="me", maxResults=500)
    paged, _ = await every(reader.gmail.messages(), "messages", userId="me", maxResults=7)
    assert paged == at_once
    assert len(at_once) == 120


async def test_a_search_and_labels_narrow_a_listing(reader: Google) -> None:
    both, _ = await every(
        reader.gmail.messages(), "messages", userId="me", labelIds=["INBOX", "UNREAD"]
    )
    found, _ = await every(
        reader.gmail.messages(), "messages", userId="me", q="in:inbox is:unread", maxResults=5
    )
    assert both
    assert found == both
    nothing = await run(reader.gmail.messages().list(userId="me", q="rfc822msgid:none@x.example"))
    assert "messages" not in nothing


@pytest.mark.parametrize("shape", ["full", "metadata", "minimal", "raw"])
async def test_a_message_has_what_its_format_promises(reader: Google, shape: str) -> None:
    first = (await run(reader.gmail.messages().list(userId="me", maxResults=1)))["messages"][0]
    message = await run(reader.gmail.messages().get(userId="me", id=first["id"], format=shape))
    assert message["id"] == first["id"]
    assert message["threadId"] == first["threadId"]
    assert ("raw" in message) == (shape == "raw")
    assert ("body" in message.get("payload", {})) == (shape == "full")
    assert ("headers" in message.get("payload", {})) == (shape in ("full", "metadata"))


async def test_raw_and_full_tell_of_the_same_mail(reader: Google) -> None:
    listed, _ = await every(reader.gmail.messages(), "messages", userId="me", maxResults=10)
    for entry in listed[:10]:
        where = {"userId": "me", "id": entry["id"]}
        full = await run(reader.gmail.messages().get(**where))
        raw = await run(reader.gmail.messages().get(**where, format="raw"))
        mail = message_from_bytes(base64.urlsafe_b64decode(raw["raw"]), policy=default)
        assert mail.get_content_type() == full["payload"]["mimeType"]
        headers = {h["name"].lower(): h["value"] for h in full["payload"]["headers"]}
        assert mail["Message-ID"] == headers["message-id"]


async def test_metadata_keeps_to_the_headers_asked_for(reader: Google) -> None:
    first = (await run(reader.gmail.messages().list(userId="me", maxResults=1)))["messages"][0]
    message = await run(
        reader.gmail.messages().get(
            userId="me", id=first["id"], format="metadata", metadataHeaders=["From", "Subject"]
        )
    )
    assert {h["name"] for h in message["payload"]["headers"]} == {"From", "Subject"}


async def test_an_attachment_has_the_size_that_its_part_tells(reader: Google) -> None:
    listed, _ = await every(reader.gmail.messages(), "messages", userId="me", q="has:attachment")
    assert listed
    message = await run(reader.gmail.messages().get(userId="me", id=listed[0]["id"]))
    [part, *_] = [p for p in _parts(message["payload"]) if "attachmentId" in p["body"]]
    attachment = await run(
        reader.gmail.messages()
        .attachments()
        .get(userId="me", messageId=message["id"], id=part["body"]["attachmentId"])
    )
    octets = base64.urlsafe_b64decode(attachment["data"])
    assert len(octets) == attachment["size"] == part["body"]["size"]


def _parts(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [part, *(inner for child in part.get("parts", []) for inner in _parts(child))]


async def test_a_batch_answers_each_part_and_an_unknown_id_with_an_error(reader: Google) -> None:
    listed, _ = await every(reader.gmail.messages(), "messages", userId="me", maxResults=60)
    wanted = [entry["id"] for entry in listed[:60]]
    answers: dict[str, Any] = {}
    errors: dict[str, HttpError] = {}

    def told(request_id: str, answer: Any, error: HttpError | None) -> None:  # noqa: ANN401
        if error is None:
            answers[request_id] = answer
        else:
            errors[request_id] = error

    batch = reader.api("gmail").new_batch_http_request(callback=told)
    for place, identity in enumerate([*wanted[:30], ABSENT, *wanted[30:]]):
        request = reader.gmail.messages().get(userId="me", id=identity, format="metadata")
        batch.add(request, request_id=f"{place} of them")
    await run(batch)
    assert [answer["id"] for answer in answers.values()] == wanted
    assert [error.status_code for error in errors.values()] == [404]
    assert errors["30 of them"].error_details[0]["reason"] == "notFound"


async def test_more_than_a_hundred_parts_are_refused_as_a_whole(reader: Google) -> None:
    # The client's batches refresh over a connection that it never closes: a plain call refreshes.
    await run(reader.gmail.getProfile(userId="me"))
    batch = reader.api("gmail").new_batch_http_request()
    for _ in range(101):
        batch.add(reader.gmail.getProfile(userId="me"))
    error = await reader.refused(batch)
    assert error.status_code == 400


async def test_labels_are_listed_and_counted(reader: Google) -> None:
    labels = (await run(reader.gmail.labels().list(userId="me")))["labels"]
    assert {"INBOX", "UNREAD", "SENT", "TRASH", "SPAM"} <= {label["id"] for label in labels}
    inbox = await run(reader.gmail.labels().get(userId="me", id="INBOX"))
    listed, _ = await every(reader.gmail.messages(), "messages", userId="me", labelIds="INBOX")
    assert inbox["messagesTotal"] == len(listed)


async def test_threads_hold_what_the_messages_tell(reader: Google) -> None:
    threads, _ = await every(reader.gmail.threads(), "threads", userId="me", maxResults=9)
    messages, _ = await every(reader.gmail.messages(), "messages", userId="me")
    assert {t["id"] for t in threads} == {m["threadId"] for m in messages}
    thread = await run(
        reader.gmail.threads().get(userId="me", id=threads[0]["id"], format="minimal")
    )
    assert {m["threadId"] for m in thread["messages"]} == {threads[0]["id"]}


async def test_history_tells_what_was_done_in_order(google: Google) -> None:
    start = (await run(google.gmail.getProfile(userId="me")))["historyId"]
    quiet = await run(google.gmail.history().list(userId="me", startHistoryId=start))
    assert quiet == {"historyId": start}
    sent = await google.sandbox.control(f"/users/{ADA}/mail", "POST", count=3)
    identity = sent["messages"][0]["id"]
    await google.sandbox.control(f"/users/{ADA}/messages/{identity}/trash", "POST")
    await google.sandbox.control(f"/users/{ADA}/messages/{identity}/delete", "POST")
    records, last = await every(
        google.gmail.history(), "history", userId="me", startHistoryId=start, maxResults=2
    )
    added = [a["message"]["id"] for r in records for a in r.get("messagesAdded", [])]
    deleted = [d["message"]["id"] for r in records for d in r.get("messagesDeleted", [])]
    assert added == [message["id"] for message in sent["messages"]]
    assert deleted == [identity]
    assert "TRASH" in [n for r in records for a in r.get("labelsAdded", []) for n in a["labelIds"]]
    ids = [int(record["id"]) for record in records]
    assert ids == sorted(ids)
    assert int(last["historyId"]) >= ids[-1]


async def test_a_forgotten_history_is_404_not_found(google: Google) -> None:
    start = (await run(google.gmail.getProfile(userId="me")))["historyId"]
    await google.sandbox.control("/history/expire", "POST")
    request = google.gmail.history().list(userId="me", startHistoryId=start)
    error = await google.refused(request)
    assert error.status_code == 404
    assert error.reason == "Requested entity was not found."
    assert error.error_details[0]["reason"] == "notFound"


async def test_a_watch_ends_with_stop(google: Google) -> None:
    body = {"topicName": "projects/ours/topics/mail", "labelIds": ["INBOX"]}
    watch = await run(google.gmail.watch(userId="me", body=body))
    assert int(watch["historyId"]) > 0
    assert len((await google.sandbox.control("/channels"))["channels"]) == 1
    assert await run(google.gmail.stop(userId="me")) == ""
    assert (await google.sandbox.control("/channels"))["channels"] == []
