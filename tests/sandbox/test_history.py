"""Gmail's history: following a mailbox from a position, and losing it."""

from itertools import pairwise
from typing import Any

import pytest
from sandbox.browsing import ADA, Sandbox

MAIL = "/gmail/v1/users/me"
BOX = f"/users/{ADA}"


@pytest.fixture
async def token(sandbox: Sandbox) -> str:
    return await sandbox.sign_in()


async def position(sandbox: Sandbox, token: str) -> str:
    return str((await sandbox.call(f"{MAIL}/profile", token=token)).json["historyId"])


async def since(
    sandbox: Sandbox, token: str, start: str, **params: str | int | list[str]
) -> dict[str, Any]:
    query = {"startHistoryId": start, **params}
    answer = await sandbox.call(f"{MAIL}/history", params=query, token=token)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


async def test_nothing_new_has_no_history_key(shared: Sandbox, shared_token: str) -> None:
    start = await position(shared, shared_token)
    assert await since(shared, shared_token, start) == {"historyId": start}


async def test_a_trashed_thread_of_two_gives_two_records_with_states_after(
    sandbox: Sandbox, token: str
) -> None:
    first = await sandbox.control(f"{BOX}/mail", "POST", subject="One", body="x")
    root = first["messages"][0]["id"]
    second = await sandbox.control(f"{BOX}/mail", "POST", thread_id=root, body="y")
    answer = second["messages"][0]["id"]
    await sandbox.control(f"{BOX}/messages/{root}/labels", "POST", remove=["INBOX"])
    start = await position(sandbox, token)
    await sandbox.control(f"{BOX}/messages/{root}/trash", "POST", thread=True)
    trashed, moved = (await since(sandbox, token, start))["history"]
    assert [a["message"]["id"] for a in trashed["labelsAdded"]] == [root, answer]
    assert all(a["labelIds"] == ["TRASH"] for a in trashed["labelsAdded"])
    assert "INBOX" in trashed["labelsAdded"][1]["message"]["labelIds"]
    assert [r["message"]["id"] for r in moved["labelsRemoved"]] == [answer]
    assert moved["labelsRemoved"][0]["labelIds"] == ["INBOX"]
    assert "INBOX" not in moved["labelsRemoved"][0]["message"]["labelIds"]
    assert [m["id"] for m in trashed["messages"]] == [root, answer]
    assert int(start) < int(trashed["id"]) < int(moved["id"])


async def test_every_verb_is_told_with_its_own_kind(sandbox: Sandbox, token: str) -> None:
    start = await position(sandbox, token)
    mail = (await sandbox.control(f"{BOX}/mail", "POST", body="x"))["messages"][0]
    path = f"{BOX}/messages/{mail['id']}"
    await sandbox.control(f"{path}/read", "POST")
    await sandbox.control(f"{path}/labels", "POST", add=["STARRED"])
    await sandbox.control(f"{path}/delete", "POST")
    history = (await since(sandbox, token, start))["history"]
    kinds = [next(k for k in r if k not in ("id", "messages")) for r in history]
    assert kinds == ["messagesAdded", "labelsRemoved", "labelsAdded", "messagesDeleted"]
    assert history[0]["messagesAdded"][0]["message"]["labelIds"] == mail["labelIds"]
    assert "labelIds" not in history[3]["messagesDeleted"][0]["message"]
    gone = await sandbox.call(f"{MAIL}/messages/{mail['id']}", token=token)
    assert gone.status == 404
    only = await since(sandbox, token, start, historyTypes=["messageAdded", "messageDeleted"])
    assert [r["id"] for r in only["history"]] == [history[0]["id"], history[3]["id"]]
    starred = await since(sandbox, token, start, labelId="STARRED")
    assert [r["id"] for r in starred["history"]] == [history[2]["id"]]


async def test_pages_lead_to_the_same_records_as_one_page(sandbox: Sandbox, token: str) -> None:
    start = await position(sandbox, token)
    await sandbox.control(f"{BOX}/bustle", "POST", mail=150)
    whole = await since(sandbox, token, start, maxResults=500)
    ids: list[str] = []
    page = await since(sandbox, token, start, maxResults=20)
    while True:
        ids += [r["id"] for r in page["history"]]
        if "nextPageToken" not in page:
            break
        page = await since(sandbox, token, start, maxResults=20, pageToken=page["nextPageToken"])
    assert ids == [r["id"] for r in whole["history"]]
    assert page["historyId"] == whole["historyId"]
    gaps = [int(b) - int(a) for a, b in pairwise(ids)]
    assert min(gaps) >= 1
    assert max(gaps) > 1


async def test_replaying_history_gives_the_mailbox_as_it_is(sandbox: Sandbox, token: str) -> None:
    everything = (await sandbox.control(f"{BOX}/messages?all=true"))["messages"]
    held = {m["id"]: set(m["labelIds"]) for m in everything}
    start = await position(sandbox, token)
    await sandbox.control(f"{BOX}/bustle", "POST", mail=400, seed=5)
    for record in (await since(sandbox, token, start, maxResults=500)).get("history", []):
        for kind in ("messagesAdded", "labelsAdded", "labelsRemoved"):
            for entry in record.get(kind, []):
                held[entry["message"]["id"]] = set(entry["message"]["labelIds"])
        for entry in record.get("messagesDeleted", []):
            del held[entry["message"]["id"]]
    now = (await sandbox.control(f"{BOX}/messages?all=true"))["messages"]
    assert held == {m["id"]: set(m["labelIds"]) for m in now}


async def test_a_week_of_history_is_known_from_the_start(
    shared: Sandbox, shared_token: str
) -> None:
    entries = (await shared.control(f"{BOX}/messages?all=true"))["messages"]
    third = await shared.call(
        f"{MAIL}/messages/{entries[2]['id']}?format=minimal", token=shared_token
    )
    history = (await since(shared, shared_token, third.json["historyId"]))["history"]
    added = [r["messagesAdded"][0]["message"]["id"] for r in history]
    assert added == [entries[1]["id"], entries[0]["id"]]


async def test_a_position_too_old_is_404_and_nonsense_400(sandbox: Sandbox, token: str) -> None:
    async def status(start: str | None) -> int:
        params = {} if start is None else {"startHistoryId": start}
        return (await sandbox.call(f"{MAIL}/history", params=params, token=token)).status

    now = await position(sandbox, token)
    assert await status("1") == 404
    assert await status(str(int(now) + 10**6)) == 404
    for nonsense in (None, "x", "-1", "1.5", "٣", "9" * 30):
        assert await status(nonsense) == 400
    await sandbox.control("/history/expire", "POST", user=ADA)
    assert await status(now) == 404
    assert await status(await position(sandbox, token)) == 200
