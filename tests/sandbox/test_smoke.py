"""From consent to a whole mailbox, as a client would go."""

from base64 import urlsafe_b64decode
from email import message_from_bytes

from sandbox.browsing import Sandbox


async def test_a_consented_client_reads_the_whole_mailbox_page_by_page(sandbox: Sandbox) -> None:
    token = await sandbox.sign_in()
    ids: list[str] = []
    page: dict[str, str] = {"maxResults": "70"}
    while True:
        listed = await sandbox.call("/gmail/v1/users/me/messages", params=page, token=token)
        assert listed.status == 200, listed.text
        ids += [entry["id"] for entry in listed.json["messages"]]
        if "nextPageToken" not in listed.json:
            break
        page["pageToken"] = listed.json["nextPageToken"]
    assert len(ids) == len(set(ids)) == 300
    assert ids == sorted(ids, reverse=True)
    for identity in ids[:30]:
        whole = await sandbox.call(f"/gmail/v1/users/me/messages/{identity}", token=token)
        assert whole.json["payload"]["headers"]
        raw = await sandbox.call(f"/gmail/v1/users/me/messages/{identity}?format=raw", token=token)
        parsed = message_from_bytes(urlsafe_b64decode(raw.json["raw"]))
        assert parsed.get_content_type() == whole.json["payload"]["mimeType"]
