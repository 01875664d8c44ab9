"""Outlook mail as `O365` sees it."""

import pytest
from certified.google_clients import threaded
from certified.microsoft_clients import Outlook
from sandbox.microsoft.calling import ADA

# O365 asks for the answer in the redirect's query, which msal advises against.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode=:UserWarning")


async def test_msal_walks_the_consent_and_knows_who_signed_in(reading: Outlook) -> None:
    assert reading.account.is_authenticated
    assert reading.account.con.username == ADA
    me = await reading.get("/me")
    assert me["userPrincipalName"] == ADA


async def test_messages_come_over_pages_once_each(reading: Outlook) -> None:
    mailbox = reading.account.mailbox()
    paged = await threaded(lambda: list(mailbox.get_messages(limit=None, batch=17)))
    at_once = await threaded(lambda: list(mailbox.get_messages(limit=900)))
    listed = await reading.microsoft.control(f"/{ADA}/messages")
    assert [m.object_id for m in paged] == [m.object_id for m in at_once]
    assert {m.object_id for m in paged} == {m["id"] for m in listed["messages"]}
    assert len(paged) == listed["count"]


async def test_a_message_is_read_whole(reading: Outlook) -> None:
    mailbox = reading.account.mailbox()
    first = await threaded(lambda: next(iter(mailbox.get_messages(limit=1))))
    message = await threaded(lambda: mailbox.get_message(first.object_id))
    assert message.subject == first.subject
    assert message.internet_message_id
    assert message.sender.address
    assert message.received.tzinfo is not None
    assert message.conversation_id
    mime = await threaded(message.get_mime_content)
    assert message.internet_message_id.encode() in mime


async def test_folders_at_every_depth_are_found_and_counted(reading: Outlook) -> None:
    mailbox = reading.account.mailbox()
    folders = await threaded(lambda: list(mailbox.get_folders()))
    inbox = await threaded(lambda: mailbox.get_folder(folder_id="inbox"))
    assert inbox.folder_id in {folder.folder_id for folder in folders}
    inside = await threaded(lambda: list(mailbox.inbox_folder().get_messages(limit=900)))
    assert inbox.total_items_count == len(inside)
    assert {message.folder_id for message in inside} == {inbox.folder_id}
    named = await threaded(lambda: mailbox.get_folder(folder_name=inbox.name))
    assert named.folder_id == inbox.folder_id
    parent = next((f for f in folders if f.child_folders_count), None)
    assert parent is not None
    children = await threaded(lambda: list(parent.get_folders()))
    assert len(children) == parent.child_folders_count


async def test_queries_filter_and_search(reading: Outlook) -> None:
    mailbox = reading.account.mailbox()
    everything = await threaded(lambda: list(mailbox.get_messages(limit=900)))
    query = mailbox.new_query().equals("is_read", word=False)
    unread = await threaded(lambda: list(mailbox.get_messages(limit=900, query=query)))
    assert {m.object_id for m in unread} == {m.object_id for m in everything if not m.is_read}
    sought = next(m for m in everything if len(m.subject.split()) > 1).subject.split()[0]
    search = mailbox.new_query().search(sought, "subject")
    found = await threaded(lambda: list(mailbox.get_messages(limit=900, query=search)))
    assert found
    assert all(sought.lower() in m.subject.lower() for m in found)


async def test_attachments_are_downloaded_with_their_octets(reading: Outlook) -> None:
    mailbox = reading.account.mailbox()
    query = mailbox.new_query().equals("has_attachments", word=True)
    found = await threaded(lambda: list(mailbox.get_messages(limit=900, query=query)))
    assert found
    message = next(m for m in found if m.has_attachments)
    assert await threaded(message.attachments.download_attachments)
    assert [a for a in message.attachments if a.name and (a.content or a.attachment_type == "item")]


async def test_a_moved_message_has_another_id_unless_ids_are_immutable(outlook: Outlook) -> None:
    mailbox = outlook.account.mailbox()
    first = await threaded(lambda: next(iter(mailbox.inbox_folder().get_messages(limit=1))))
    await outlook.microsoft.control(
        f"/{ADA}/messages/{first.object_id}/move", "POST", folder="archive"
    )
    archived = await threaded(lambda: list(mailbox.archive_folder().get_messages(limit=900)))
    ids = {m.internet_message_id: m.object_id for m in archived}
    assert ids[first.internet_message_id] != first.object_id
    assert (await outlook.refused(f"/me/messages/{first.object_id}")).status_code == 404


@pytest.mark.parametrize("name", ["delta", "delta()", "microsoft.graph.delta()"])
async def test_a_folders_delta_is_followed_by_its_links(outlook: Outlook, name: str) -> None:
    inbox = outlook.account.mailbox().inbox_folder()
    url = inbox.build_url(f"/mailFolders/inbox/messages/{name}")
    page = await outlook.get(url, headers={"Prefer": "odata.maxpagesize=20"})
    found = {m["id"] for m in page["value"]}
    while "@odata.nextLink" in page:
        page = await outlook.get(page["@odata.nextLink"])
        found |= {m["id"] for m in page["value"]}
    whole = await threaded(lambda: {m.object_id for m in inbox.get_messages(limit=900)})
    assert found == whole
    sent = await outlook.microsoft.control(f"/{ADA}/mail", "POST", subject="New")
    gone = next(iter(whole))
    await outlook.microsoft.control(f"/{ADA}/messages/{gone}/delete", "POST")
    changes = (await outlook.get(page["@odata.deltaLink"]))["value"]
    assert {m["id"] for m in changes if "@removed" in m} == {gone}
    assert {m["id"] for m in changes if "@removed" not in m} == {sent["messages"][0]["id"]}
