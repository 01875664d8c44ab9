"""Google's threads, people and files to items: as a reader expects them, and however odd."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Json, told

from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.streams import Position
from scp_server.ports.connector import Connector, Reading
from scp_server.providers.google.contacts import GoogleContacts, SyncPlace
from scp_server.providers.google.files import ChangesPlace, DriveFiles
from scp_server.providers.google.gmail_history import HistoryPlace
from scp_server.providers.google.gmail_threads import GmailThreads
from scp_server.providers.google.shapes_contact import contact, contact_version, former_ids
from scp_server.providers.google.shapes_file import drive_file, file_version
from scp_server.providers.google.shapes_thread import (
    MESSAGES_ROOM,
    mail_thread,
    thread_version,
)
from scp_server.providers.positions import written
from scp_wire.encode import ENVELOPE_ROOM, MAX_EVENT_BYTES
from scp_wire.filters import ContactFilters, FileFilters, MailFilters
from scp_wire.items import Contact, File, Thread

ODD_TEXT = st.text(alphabet=st.characters() | st.sampled_from("\ud800\x00\U0001f600"), max_size=20)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXT, inner, max_size=3),
    max_leaves=8,
)
MOMENTS = st.sampled_from(
    ["", "soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z"]
)


def odd(*fields: str) -> st.SearchStrategy[Json]:
    """An object whose fields hold what they should, or anything."""
    return st.dictionaries(st.sampled_from(fields), anything | MOMENTS, max_size=len(fields))


# -- threads ---------------------------------------------------------------------------------------


def mail(identity: str, *, at: str = "1777485134000", **headers: str) -> Json:
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]
    return {
        "id": identity,
        "threadId": "T",
        "labelIds": ["INBOX", identity.upper()],
        "historyId": "7",
        "internalDate": at,
        "snippet": f"About {identity}",
        "payload": {"mimeType": "text/plain", "headers": named, "body": {"data": "aGVsbG8="}},
    }


def test_a_thread_gathers_what_its_messages_say() -> None:
    body = {
        "id": "T",
        "historyId": "9",
        "messages": [
            mail("a", From="Ann <ann@x.example>", To="bo@y.example", Subject="Fish"),
            mail("b", at="1777485139000", From="BO@y.example", To="ann@x.example, cy@z.example"),
        ],
    }
    thread = mail_thread(body)
    assert (thread.id, thread.subject, thread.sender) == ("T", "Fish", "ann@x.example")
    assert thread.participants == ["ann@x.example", "bo@y.example", "cy@z.example"]
    assert (thread.message_count, thread.last_date) == (2, "2026-04-29T17:52:19Z")
    assert thread.labels == ["INBOX", "A", "B"]
    assert [message.snippet for message in thread.messages] == ["About a", "About b"]
    assert b"body_text" not in msgspec.json.encode(thread)
    assert thread_version(body) == "9.2"


def test_a_thread_that_would_not_fit_an_event_keeps_its_newest_messages() -> None:
    long = ", ".join(f"person{n}@a-rather-long-domain-name.example" for n in range(600))
    body = {"id": "T", "messages": [mail(f"m{n}", To=long, Cc=long) for n in range(40)]}
    thread = mail_thread(body)
    assert thread.message_count == 40
    assert 0 < len(thread.messages) < 40
    assert thread.messages[-1].id == "m39"
    spelled = msgspec.json.encode(thread)
    assert MESSAGES_ROOM / 2 < len(spelled) <= MAX_EVENT_BYTES - ENVELOPE_ROOM


ODD_MAIL = odd("threadId", "labelIds", "historyId", "internalDate", "snippet", "payload").map(
    lambda fields: {**fields, "id": "m"}
)


@given(odd("historyId", "snippet"), st.lists(ODD_MAIL, max_size=4))
def test_no_thread_with_ids_makes_its_shape_raise(fields: Json, messages: list[Json]) -> None:
    body = {**fields, "id": "T", "messages": messages}
    thread = mail_thread(body)
    spoken = json.loads(msgspec.json.encode(thread))
    assert msgspec.convert(spoken, Thread) == thread
    thread_version(body).encode()


@pytest.mark.parametrize("body", [{}, {"id": ""}, {"id": "T", "messages": {}}])
def test_a_thread_without_ids_or_messages_is_a_fault_of_the_provider(body: Json) -> None:
    with pytest.raises(ProviderProtocolError):
        mail_thread(body)


# -- contacts --------------------------------------------------------------------------------------


def test_a_person_has_every_field_as_a_reader_expects_it() -> None:
    body = {
        "resourceName": "people/c1",
        "etag": "%abc",
        "metadata": {"previousResourceNames": ["people/c0", "people/c1", "people/c0", 7]},
        "names": [
            {"displayName": "Nick"},
            {"displayName": "Ann Li", "metadata": {"primary": True}},
        ],
        "emailAddresses": [{"value": "ann@x.example"}, {"value": "ann@x.example"}, {}],
        "phoneNumbers": [{"value": "+44 20 7946 0000", "canonicalForm": "+442079460000"}],
        "organizations": [{"name": "ACME"}],
    }
    assert contact(body) == Contact(
        id="people/c1",
        subject="Ann Li",
        emails=["ann@x.example"],
        phones=["+44 20 7946 0000"],
        organisation="ACME",
    )
    assert contact_version(body) == "%abc"
    assert former_ids(body) == ["people/c0"]


@given(odd("etag", "metadata", "names", "emailAddresses", "phoneNumbers", "organizations"))
def test_no_person_with_a_name_makes_its_shape_raise(fields: Json) -> None:
    body = {**fields, "resourceName": "people/c1"}
    found = contact(body)
    assert msgspec.convert(json.loads(msgspec.json.encode(found)), Contact) == found
    contact_version(body).encode()
    former_ids(body)


@given(st.lists(st.fixed_dictionaries({}, optional={"value": anything}), max_size=5))
def test_odd_values_of_a_person_are_left_out(values: list[Json]) -> None:
    found = contact({"resourceName": "people/c1", "emailAddresses": values})
    assert all(found.emails)
    assert len(found.emails) == len(set(found.emails))


# -- files -----------------------------------------------------------------------------------------


def test_a_file_has_every_field_as_a_reader_expects_it() -> None:
    body = {
        "id": "f1",
        "name": "Budget",
        "mimeType": "text/plain",
        "size": "1024",
        "parents": ["p1"],
        "trashed": False,
        "createdTime": "2026-03-12T07:30:07.415Z",
        "modifiedTime": "2026-03-12T09:30:07+02:00",
        "owners": [{"emailAddress": "ann@x.example"}],
        "webViewLink": "https://drive.example/f1",
        "version": "12",
    }
    assert drive_file(body) == File(
        id="f1",
        subject="Budget",
        owner="ann@x.example",
        mime_type="text/plain",
        size=1024,
        parent_ids=["p1"],
        trashed=False,
        created="2026-03-12T07:30:07.415Z",
        modified="2026-03-12T07:30:07Z",
        url="https://drive.example/f1",
    )
    assert file_version(body) == "12"


@given(
    odd(
        *("name", "mimeType", "size", "parents", "trashed", "createdTime", "modifiedTime"),
        *("owners", "webViewLink", "version"),
    )
)
def test_no_file_with_an_id_makes_its_shape_raise(fields: Json) -> None:
    found = drive_file({**fields, "id": "f1"})
    assert msgspec.convert(json.loads(msgspec.json.encode(found)), File) == found
    file_version(fields).encode()


# -- whole answers ---------------------------------------------------------------------------------

FOLLOWED: list[tuple[Connector, Position]] = [
    (GmailThreads(MailFilters()), written(HistoryPlace(history=1))),
    (GoogleContacts(ContactFilters(query="a")), written(SyncPlace(token="t"))),
    (DriveFiles(FileFilters(query="a")), written(ChangesPlace(token="1"))),
]
_ENTRIES = st.lists(
    odd("id", "fileId", "resourceName", "removed", "file", "metadata", "messagesAdded"), max_size=3
)
_LISTS = ("connections", "files", "changes", "history", "threads", "messages")
_TOKENS = ("nextPageToken", "nextSyncToken", "newStartPageToken", "historyId")
_BODIES = st.dictionaries(st.sampled_from(_LISTS), _ENTRIES | anything, max_size=3).flatmap(
    lambda lists: st.dictionaries(
        st.sampled_from(_TOKENS), st.sampled_from(["1", "x", "", 7, None]), max_size=4
    ).map(lambda tokens: {**lists, **tokens})
)


@pytest.mark.parametrize(("connector", "since"), FOLLOWED)
@given(bodies=st.lists(_BODIES, min_size=1, max_size=4))
def test_whatever_is_answered_is_read_or_the_providers_fault(
    connector: Connector, since: Position, bodies: list[Json]
) -> None:
    """Nothing else is ever raised: the engine knows what to do about that, and only that."""
    _read_or_refused(connector.bookmark(), bodies)
    _read_or_refused(connector.backfill(None), bodies)
    _read_or_refused(connector.follow(since), bodies)


def _read_or_refused(reading: Reading[Any], bodies: list[Json]) -> None:
    left = list(bodies)
    try:
        told(reading, lambda _: left.pop(0) if left else {"odd": 1})
    except ProviderProtocolError:
        return
