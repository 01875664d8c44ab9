"""Outlook mail: folders, listings, filters, search, attachments, ids."""

from collections.abc import Callable
from email import message_from_string
from typing import Any

import pytest
from sandbox.microsoft.calling import ADA, IMMUTABLE, Graph, Microsoft

MESSAGE = {
    "id", "categories", "changeKey", "createdDateTime", "lastModifiedDateTime", "bccRecipients",
    "body", "bodyPreview", "ccRecipients", "conversationId", "conversationIndex", "flag", "from",
    "hasAttachments", "importance", "inferenceClassification", "internetMessageId",
    "isDeliveryReceiptRequested", "isDraft", "isRead", "isReadReceiptRequested", "parentFolderId",
    "receivedDateTime", "replyTo", "sender", "sentDateTime", "subject", "toRecipients", "webLink",
}  # fmt: skip


Judge = Callable[[dict[str, Any]], bool]


async def world(microsoft: Microsoft) -> list[dict[str, Any]]:
    return list((await microsoft.control(f"/{ADA}/messages"))["messages"])


async def test_the_whole_mailbox_is_listed_newest_first(resting: Microsoft, reading: Graph) -> None:
    found = await reading.listed("/me/messages", _top="70", _select="id,receivedDateTime")
    assert [m["id"] for m in found] == [m["id"] for m in await world(resting)]
    moments = [m["receivedDateTime"] for m in found]
    assert moments == sorted(moments, reverse=True)
    assert len(found) > 300


async def test_a_page_has_ten_messages_and_an_absolute_normalised_link(reading: Graph) -> None:
    body = await reading.good("/me/mailFolders/inbox/messages")
    assert len(body["value"]) == 10
    base = reading.sandbox.base
    assert body["@odata.nextLink"] == f"{base}/v1.0/me/mailFolders('inbox')/messages?%24skip=10"
    assert body["@odata.context"].startswith(f"{base}/v1.0/$metadata#users('")


async def test_a_message_has_every_property_of_the_model(reading: Graph) -> None:
    listed = (await reading.good("/me/messages", _top="1"))["value"][0]
    assert set(listed) == MESSAGE | {"@odata.etag"}
    answer = await reading.get(f"/me/messages/{listed['id']}", prefer="odata.maxpagesize=3")
    assert {k: v for k, v in answer.json.items() if k != "@odata.context"} == listed
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=3"
    assert answer.headers["Content-Type"].startswith("application/json; odata.metadata=minimal")
    assert answer.headers["request-id"]
    chosen = await reading.good(
        f"/me/messages/{listed['id']}", _select="subject,internetMessageHeaders"
    )
    assert set(chosen) == {
        "@odata.context", "@odata.etag", "id", "subject", "internetMessageHeaders",
    }  # fmt: skip


async def test_bodies_come_as_html_or_as_text(reading: Graph) -> None:
    for message in (await reading.good("/me/messages", _top="20"))["value"]:
        assert message["body"]["contentType"] == "html"
        assert message["body"]["content"].lstrip().lower().startswith(("<html", "<!doctype"))
    prefer = 'outlook.body-content-type="text", odata.maxpagesize=5'
    for message in (await reading.good("/me/messages", prefer=prefer))["value"]:
        assert message["body"]["contentType"] == "text"
        start = message["body"]["content"].strip()[:40]
        assert message["bodyPreview"].startswith(start)


async def test_folders_nest_and_go_by_well_known_names(reading: Graph) -> None:
    top = await reading.listed("/me/mailFolders")
    inbox = await reading.good("/me/mailFolders/inbox")
    assert inbox["id"] in {f["id"] for f in top}
    assert set(top[0]) == {
        "id", "displayName", "parentFolderId", "childFolderCount", "unreadItemCount",
        "totalItemCount", "sizeInBytes", "isHidden",
    }  # fmt: skip
    children = await reading.listed(f"/me/mailFolders/{inbox['id']}/childFolders")
    assert len(children) == inbox["childFolderCount"] == 2
    assert {c["parentFolderId"] for c in children} == {inbox["id"]}
    everything = await reading.round("/me/mailFolders/delta")
    assert {c["id"] for c in children} <= set(everything.ids)
    totals = sum(f["totalItemCount"] for f in everything.items)
    assert totals == len(await reading.listed("/me/messages", _top="1000", _select="id"))
    assert await reading.code("/me/mailFolders/clutter") == "404 ErrorItemNotFound"
    assert await reading.code("/me/mailFolders('sentitems')/messages/nope") == (
        "400 ErrorInvalidIdMalformed"
    )


@pytest.mark.parametrize(
    ("condition", "test"),
    [
        ("isRead eq false", lambda m: not m["isRead"]),
        ("not (isRead eq false)", lambda m: m["isRead"]),
        (
            "isRead ne false and hasAttachments eq true",
            lambda m: m["isRead"] and m["hasAttachments"],
        ),
        (
            "receivedDateTime ge 2026-06-01T00:00:00Z and receivedDateTime lt 2026-09-01T00:00:00Z",
            lambda m: "2026-06-01" <= m["receivedDateTime"] < "2026-09-01",
        ),
        (
            "from/emailAddress/address eq 'EDDA.farnholt@tidewater.example'",
            lambda m: m["from"]["emailAddress"]["address"] == "edda.farnholt@tidewater.example",
        ),
        ("startswith(subject,'Re: ')", lambda m: m["subject"].startswith("Re: ")),
        (
            "contains(subject,'o''clock') or contains(subject,'Harbour')",
            lambda m: "Harbour" in m["subject"],
        ),
        ("categories/any(c:c eq 'Harbour''s')", lambda m: "Harbour's" in m["categories"]),
        ("categories/any(c:c eq 'Red category')", lambda m: "Red category" in m["categories"]),
        ("importance eq 'high'", lambda m: m["importance"] == "high"),
        ("flag/flagStatus eq 'flagged'", lambda m: m["flag"]["flagStatus"] == "flagged"),
        (
            "toRecipients/any(r:r/emailAddress/address eq 'imani@osterkamp.example')",
            lambda m: (
                "imani@osterkamp.example"
                in [r["emailAddress"]["address"] for r in m["toRecipients"]]
            ),
        ),
    ],
)
async def test_a_filter_gives_what_it_says(reading: Graph, condition: str, test: Judge) -> None:
    everything = await reading.listed("/me/messages", _top="1000")
    found = await reading.listed("/me/messages", _top="50", _filter=condition)
    assert [m["id"] for m in found] == [m["id"] for m in everything if test(m)]
    assert 0 < len(found) < len(everything)


async def test_a_conversation_is_found_by_its_id(reading: Graph) -> None:
    everything = await reading.listed("/me/messages", _top="1000", _select="conversationId")
    ids = [m["conversationId"] for m in everything]
    longest = max(set(ids), key=ids.count)
    found = await reading.listed("/me/messages", _filter=f"conversationId eq '{longest}'")
    assert len(found) == ids.count(longest) > 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"_filter": "isRead"}, "400 ErrorInvalidUrlQueryFilter"),
        ({"_filter": "isRead eq false and"}, "400 ErrorInvalidUrlQueryFilter"),
        ({"_filter": "((isRead eq false)"}, "400 ErrorInvalidUrlQueryFilter"),
        ({"_filter": "subject eq 'a"}, "400 ErrorInvalidUrlQueryFilter"),
        ({"_filter": "soundslike(subject,'a')"}, "400 ErrorInvalidUrlQueryFilter"),
        ({"_filter": "colour eq 'red'"}, "400 RequestBroker--ParseUri"),
        ({"_select": "colour"}, "400 RequestBroker--ParseUri"),
        ({"_orderby": "colour"}, "400 RequestBroker--ParseUri"),
        ({"_top": "0"}, "400 BadRequest"),
        ({"_top": "1001"}, "400 BadRequest"),
        ({"_top": "many"}, "400 BadRequest"),
        ({"_search": '"a"', "_orderby": "subject"}, "400 SearchWithOrderBy"),
        ({"_search": '"a"', "_filter": "isRead eq true"}, "400 SearchWithFilter"),
        ({"_search": '"colour:red"'}, "400 BadRequest"),
        ({"_expand": "colour"}, "400 BadRequest"),
        (
            {"_filter": "isRead eq false", "_orderby": "receivedDateTime desc"},
            "400 InefficientFilter",
        ),
        (
            {
                "_filter": "isRead eq false and receivedDateTime ge 2020-01-01T00:00:00Z",
                "_orderby": "receivedDateTime desc",
            },
            "400 InefficientFilter",
        ),
    ],
)
async def test_what_outlook_refuses_is_refused_in_its_words(
    reading: Graph, query: dict[str, str], code: str
) -> None:
    assert await reading.code("/me/messages", **query) == code


async def test_what_is_sorted_by_is_filtered_by_first(reading: Graph) -> None:
    condition = "receivedDateTime ge 1900-01-01T00:00:00Z and isRead eq false"
    found = await reading.listed(
        "/me/messages", _filter=condition, _orderby="receivedDateTime asc", _top="100"
    )
    moments = [m["receivedDateTime"] for m in found]
    assert moments == sorted(moments)
    assert found
    assert not any(m["isRead"] for m in found)


async def test_count_counts_what_the_filter_lets_through(reading: Graph) -> None:
    body = await reading.good("/me/messages", _count="true", _filter="isRead eq false", _top="1")
    found = await reading.listed("/me/messages", _filter="isRead eq false", _top="500")
    assert body["@odata.count"] == len(found)


@pytest.mark.parametrize(
    ("search", "test"),
    [
        ("subject:harbour", lambda m: "harbour" in m["subject"].lower()),
        ("from:edda", lambda m: "edda" in m["from"]["emailAddress"]["address"]),
        ("hasAttachments:true", lambda m: m["hasAttachments"]),
        (
            "hasAttachments:true AND NOT from:edda",
            lambda m: m["hasAttachments"] and "edda" not in m["from"]["emailAddress"]["address"],
        ),
        ("importance:high", lambda m: m["importance"] == "high"),
        (
            "received>=2026-06-01 received<2026-09-01",
            lambda m: "2026-06-01" <= m["receivedDateTime"] < "2026-09-01",
        ),
        (
            "(subject:harbour OR subject:lunch)",
            lambda m: "harbour" in m["subject"].lower() or "lunch" in m["subject"].lower(),
        ),
    ],
)
async def test_a_search_gives_the_latest_sent_first(
    reading: Graph, search: str, test: Judge
) -> None:
    everything = await reading.listed("/me/messages", _top="1000")
    found = await reading.listed("/me/messages", _search=f'"{search}"', _top="20")
    assert {m["id"] for m in found} == {m["id"] for m in everything if test(m)}
    assert 0 < len(found) < len(everything)
    sent = [m["sentDateTime"] for m in found]
    assert sent == sorted(sent, reverse=True)


async def test_words_are_found_in_subject_sender_and_body(
    microsoft: Microsoft, graph: Graph
) -> None:
    letter = {"subject": "Plain", "from": "zed@new.example", "body": "About a quetzal, Grüße"}
    sent = await microsoft.control(f"/{ADA}/mail", "POST", **letter)
    for search in ('"quetzal"', '"zed"', '"body:quetzal subject:plain"', '"a quetzal"'):
        found = await graph.listed("/me/messages", _search=search)
        assert [m["id"] for m in found][:1] == [sent["messages"][0]["id"]], search


async def test_no_search_gives_more_than_a_thousand(microsoft: Microsoft, graph: Graph) -> None:
    await microsoft.control(f"/{ADA}/mail", "POST", count=1100, **{"from": "zed@new.example"})
    found = await graph.listed("/me/messages", _search='"from:zed"', _top="250", _select="id")
    assert len(found) == 1000


async def test_attachments_are_told_and_expanded(reading: Graph) -> None:
    found = await reading.listed(
        "/me/messages", _filter="hasAttachments eq true", _expand="attachments", _top="50"
    )
    assert found
    kinds = {a["@odata.type"] for m in found for a in m["attachments"]}
    assert kinds == {"#microsoft.graph.fileAttachment", "#microsoft.graph.itemAttachment"}
    message = next(m for m in found if "contentBytes" in m["attachments"][0])
    path = f"/me/messages/{message['id']}/attachments"
    listed = await reading.good(path, _select="id,name,size,contentType,isInline")
    assert [a["id"] for a in listed["value"]] == [a["id"] for a in message["attachments"]]
    assert "contentBytes" not in listed["value"][0]
    one = await reading.good(f"{path}/{listed['value'][0]['id']}")
    assert one["contentBytes"] == message["attachments"][0]["contentBytes"]
    assert await reading.code(f"{path}/nope") == "404 ErrorItemNotFound"


async def test_the_mime_of_a_message_means_the_same(reading: Graph) -> None:
    for message in (await reading.good("/me/messages", _top="15"))["value"]:
        answer = await reading.get(f"/me/messages/{message['id']}/$value")
        assert message_from_string(answer.text)["Message-ID"] == message["internetMessageId"]


async def test_ordinary_ids_change_with_a_move_and_immutable_ones_do_not(
    microsoft: Microsoft, graph: Graph
) -> None:
    first = (await graph.good("/me/messages", _top="1"))["value"][0]
    same = (await graph.good("/me/messages", prefer=IMMUTABLE, _top="1"))["value"][0]
    assert first["id"] != same["id"]
    moved = await microsoft.control(f"/{ADA}/messages/{first['id']}/move", "POST", folder="archive")
    assert moved["id"] != first["id"]
    assert moved["immutableId"] == same["id"]
    assert await graph.code(f"/me/messages/{first['id']}") == "404 ErrorItemNotFound"
    again = await graph.good(f"/me/messages/{same['id']}", prefer=IMMUTABLE)
    assert again["id"] == same["id"]
    assert again["subject"] == first["subject"]
    assert again["@odata.etag"] != first["@odata.etag"]


async def test_basic_scopes_show_no_bodies(resting: Microsoft) -> None:
    graph = await resting.sign_in(scope="Mail.ReadBasic")
    listed = (await graph.good("/me/messages", _top="1"))["value"][0]
    assert MESSAGE - set(listed) == {"body", "bodyPreview"}
    assert await graph.code("/me/messages", _expand="attachments") == "403 ErrorAccessDenied"
    assert await graph.code(f"/me/messages/{listed['id']}/$value") == "403 ErrorAccessDenied"
    assert await graph.code("/me/events") == "403 ErrorAccessDenied"
    assert await graph.code("/me/drive/root/delta") == "403 accessDenied"


async def test_a_client_that_writes_users_instead_of_me_is_understood(reading: Graph) -> None:
    mine = await reading.good("/me/mailFolders/inbox/messages", _select="id")
    for whose in ("me-token-to-replace", ADA):
        theirs = await reading.good(f"/users/{whose}/mailFolders('inbox')/messages", _select="id")
        assert theirs["value"] == mine["value"]
    other = "/users/bruno.castellane@outlook.sandbox.example/messages"
    assert await reading.code(other) == "403 ErrorAccessDenied"


async def test_an_entity_that_did_not_change_is_not_sent_again(reading: Graph) -> None:
    first = (await reading.good("/me/messages", _top="1"))["value"][0]
    headers = {"If-None-Match": first["@odata.etag"]}
    answer = await reading.sandbox.call(
        f"/v1.0/me/messages/{first['id']}", token=reading.token, headers=headers
    )
    assert answer.status == 304


async def test_an_account_without_a_mailbox_is_told_apart(
    microsoft: Microsoft, graph: Graph
) -> None:
    await microsoft.control("/mailbox", "POST", user=ADA, enabled=False)
    assert await graph.code("/me/messages") == "404 MailboxNotEnabledForRESTAPI"
    assert (await graph.get("/me/drive")).status == 200
