"""Address books and drives: what the control API does to them, and what always holds."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox.browsing import ADA, BRUNO, Sandbox
from sandbox.conftest import running

from scp_sandbox import SandboxSettings
from scp_sandbox.clock import Clock
from scp_sandbox.world.addressbook import AddressBook
from scp_sandbox.world.bustle import contact_change, file_change
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.people import USERS

BOX = f"/users/{ADA}"


def still() -> Clock:
    return Clock(lambda: 1_800_000_000.0)


async def test_as_many_are_there_as_the_settings_say() -> None:
    chosen = SandboxSettings(messages=1, events=1, contacts=7, files=23)
    async with running(chosen) as sandbox:
        for user in (await sandbox.control("/state"))["users"]:
            assert (user["contacts"], user["files"]) == (7, 23)
        everything = await sandbox.control(f"{BOX}/files?all=true")
        assert everything["count"] == 23


async def test_contacts_are_made_changed_and_deleted(sandbox: Sandbox) -> None:
    made = await sandbox.control(
        f"{BOX}/contacts", "POST", given="Zoë", family="Ng", emails=["z@new.example"], title="Cook"
    )
    assert (made["name"], made["emails"]) == ("Zoë Ng", ["z@new.example"])
    by_name = made["resourceName"].removeprefix("people/")
    changed = await sandbox.control(f"{BOX}/contacts/{by_name}/update", "POST", phones=["1"])
    assert (changed["id"], changed["phones"], changed["title"]) == (made["id"], ["1"], "Cook")
    renamed = await sandbox.control(f"{BOX}/contacts/{made['id']}/rename", "POST")
    assert renamed["resourceName"] != made["resourceName"]
    await sandbox.control(f"{BOX}/contacts/{by_name}/delete", "POST")
    assert (await sandbox.control(f"{BOX}/contacts"))["count"] == 200
    assert (await sandbox.control(f"/users/{BRUNO}/contacts"))["count"] == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/contacts", {}, 400),
        ("/contacts", {"given": "A", "shoe": 3}, 400),
        ("/contacts/nope/delete", {}, 404),
        ("/contacts/c1/merge", {"other": "c2"}, 404),
        ("/contacts/nope/merge", {}, 404),
        ("/files", {}, 400),
        ("/files", {"name": "A", "size": -1}, 400),
        ("/files", {"name": "A", "parent": "nope"}, 404),
        ("/files/nope/trash", {}, 404),
        ("/files/nope/edit", {"words": "x"}, 404),
        ("/bustle", {"files": -1}, 400),
    ],
)
async def test_orders_that_make_no_sense_are_refused(
    shared: Sandbox, path: str, body: dict[str, Any], status: int
) -> None:
    answer = await shared.call(f"/sandbox{BOX}{path}", "POST", json=body)
    assert answer.status == status
    assert answer.json["error"]


async def test_files_are_not_put_where_they_cannot_be(sandbox: Sandbox) -> None:
    folder = "application/vnd.google-apps.folder"
    outer = await sandbox.control(f"{BOX}/files", "POST", name="A", mime_type=folder)
    inner = await sandbox.control(
        f"{BOX}/files", "POST", name="B", mime_type=folder, parent=outer["id"]
    )
    given = await sandbox.control(f"{BOX}/files", "POST", name="C", shared_by="x@y.example")
    root = (await sandbox.control(f"{BOX}/files"))["root"]
    for identity, verb, body, status in (
        (outer["id"], "move", {"parent": inner["id"]}, 404),
        (outer["id"], "move", {"parent": outer["id"]}, 404),
        (outer["id"], "move", {"parent": given["id"]}, 404),
        (given["id"], "move", {"parent": "root"}, 400),
        (outer["id"], "edit", {"words": "x"}, 400),
        (root, "delete", {}, 404),
    ):
        path = f"/sandbox{BOX}/files/{identity}/{verb}"
        assert (await sandbox.call(path, "POST", json=body)).status == status


async def test_bustle_stirs_contacts_and_files(sandbox: Sandbox) -> None:
    done = (await sandbox.control(f"{BOX}/bustle", "POST", contacts=40, files=60, seed=5))["done"]
    assert len(done) == 100
    assert {line.split()[0] for line in done[:40]} >= {"create", "edit", "delete"}
    assert {line.split()[0] for line in done[40:]} >= {"create", "rename", "move", "trash"}


def test_the_same_seed_gives_the_same_books_and_drives() -> None:
    for user in USERS:
        one, two = (AddressBook(user, seed=3, count=50, clock=still()) for _ in range(2))
        assert list(one) == list(two)
        here, there = (Drive(user, seed=3, count=50, clock=still()) for _ in range(2))
        assert list(here) == list(there)
        assert here.root == there.root
    other = AddressBook(USERS[0], seed=4, count=50, clock=still())
    assert list(other) != list(AddressBook(USERS[0], seed=3, count=50, clock=still()))


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), changes=st.integers(1, 60))
def test_who_applies_the_changes_of_a_book_knows_it_as_it_is(seed: int, changes: int) -> None:
    book = AddressBook(USERS[0], seed=1, count=12, clock=still())
    known = {contact.id: contact for contact in book}
    rng = random.Random(seed)
    since = book.change
    for place in range(changes):
        contact_change(rng, book)
        if place % 7 == 0:
            since = _apply(known, book, since)
    _apply(known, book, since)
    assert known == {contact.id: contact for contact in book}


def _apply(known: dict[str, Any], source: AddressBook | Drive, since: int) -> int:
    for item in source.changed_since(since):
        assert item.change > since
        if getattr(item, "deleted", False) or getattr(item, "removed", False):
            known.pop(item.id, None)
        else:
            known[item.id] = item
    return source.change


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), changes=st.integers(1, 80))
def test_who_applies_the_changes_of_a_drive_knows_it_as_it_is(seed: int, changes: int) -> None:
    drive = Drive(USERS[0], seed=1, count=15, clock=still())
    known = {node.id: node for node in drive}
    rng = random.Random(seed)
    since = drive.change
    for place in range(changes):
        file_change(rng, drive)
        if place % 7 == 0:
            since = _apply(known, drive, since)
    _apply(known, drive, since)
    assert known == {node.id: node for node in drive}
    _check_tree(drive)


def _check_tree(drive: Drive) -> None:
    reached = {node.id for node in drive.below(drive.root.id)}
    for node in drive:
        if node.shared_us is not None:
            assert node.parent is None
            continue
        assert node.id in reached
        assert node.parent is not None
        above = drive.get(node.parent)
        assert above is not None
        assert above.is_folder
        assert node.trashed == (node.binned or above.trashed)
