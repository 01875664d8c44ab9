"""Graph's JSON to items: what is told, and that no shape of it can stop a stream."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.microsoft.html_text import text_of_html
from scp_server.providers.microsoft.shapes_calendar import calendar_event
from scp_server.providers.microsoft.shapes_contact import SELECT as CONTACT
from scp_server.providers.microsoft.shapes_contact import contact_of
from scp_server.providers.microsoft.shapes_file import SELECT as FILE
from scp_server.providers.microsoft.shapes_file import file_of
from scp_server.providers.microsoft.shapes_mail import SELECT as MAIL
from scp_server.providers.microsoft.shapes_mail import attachments_of, mail_message
from scp_server.providers.microsoft.shapes_recurrence import recurrence_lines
from scp_server.providers.microsoft.zones import WINDOWS, instant, zone_of
from scp_wire.items import BODY_HTML_LIMIT, BODY_TEXT_LIMIT, Attachment

Json = dict[str, Any]


def person(name: str, address: str) -> Json:
    return {"emailAddress": {"name": name, "address": address}}


MESSAGE: Json = {
    "id": "AAkALg",
    "changeKey": "CQAA",
    "receivedDateTime": "2026-05-04T09:47:53Z",
    "sentDateTime": "2026-05-04T09:47:50Z",
    "hasAttachments": True,
    "subject": "RE: Test",
    "bodyPreview": "Thank you\r\n",
    "parentFolderId": "AQMk",
    "conversationId": "AQQk",
    "categories": ["Red"],
    "isRead": False,
    "body": {"contentType": "html", "content": "<p>Thank <b>you</b></p><p>Ann</p>"},
    "from": person("Ann", "ann@mail.example"),
    "toRecipients": [person("Me", "me@mail.example"), person("List", "/O=EXCHANGE/CN=LIST")],
    "ccRecipients": [],
    "bccRecipients": [],
}


def test_a_message_is_told_in_full() -> None:
    files = [Attachment(id="1", name="a.pdf", mime_type="application/pdf", size=7)]
    item = mail_message(MESSAGE, "Inbox", files)
    assert msgspec.to_builtins(item) == {
        "id": "AAkALg",
        "thread_id": "AQQk",
        "subject": "RE: Test",
        "from": "ann@mail.example",
        "from_name": "Ann",
        "to": ["me@mail.example"],
        "cc": [],
        "bcc": [],
        "date": "2026-05-04T09:47:53Z",
        "date_original": None,
        "labels": ["Inbox", "Red"],
        "unread": True,
        "snippet": "Thank you\r\n",
        "body_text": "Thank you\nAnn",
        "body_html": "<p>Thank <b>you</b></p><p>Ann</p>",
        "truncated": [],
        "attachments": [{"id": "1", "name": "a.pdf", "mime_type": "application/pdf", "size": 7}],
    }


def test_bodies_are_cut_and_said_to_be() -> None:
    content = "<p>" + "é" * BODY_HTML_LIMIT + "</p>"
    body = {**MESSAGE, "body": {"contentType": "html", "content": content}}
    item = mail_message(body, None, [])
    assert item.truncated == ["body_text", "body_html"]
    assert len((item.body_text or "").encode()) <= BODY_TEXT_LIMIT
    assert len((item.body_html or "").encode()) <= BODY_HTML_LIMIT
    plain = {**MESSAGE, "body": {"contentType": "text", "content": "a\r\nb"}}
    assert mail_message(plain, None, []).body_text == "a\nb"
    assert mail_message(plain, None, []).body_html is None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<html><head><title>T</title><style>p{}</style></head><body>Hi</body></html>", "Hi"),
        ("<head><title>never closed<body>Hi", "Hi"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("a   b\n\n c&nbsp;&amp;&#233;", "a b c &é"),
        ("<script>alert('x')</script>ok<!-- no -->", "ok"),
        ("1 < 2 and <b>bold", "1 < 2 and bold"),
        ("<p>a</p><p></p><p></p><p></p><p>b</p>", "a\nb"),
        ("", ""),
    ],
)
def test_html_reads_as_people_see_it(source: str, text: str) -> None:
    assert text_of_html(source, 1000) == (text, True)


@given(st.text(alphabet=st.sampled_from("<>/!-abp&;#= \n\"'"), max_size=200))
def test_any_html_gives_some_text(source: str) -> None:
    text, complete = text_of_html(source, 50)
    assert complete
    assert text == text.strip()


def test_endless_html_is_not_read_to_its_end() -> None:
    text, complete = text_of_html("<b>x</b> " * 1_000_000, 100)
    assert not complete
    assert len(text) >= 100


EVENT: Json = {
    "id": "E1",
    "@odata.etag": 'W/"DwAA"',
    "type": "singleInstance",
    "subject": "Standup",
    "organizer": person("Ann", "ann@mail.example"),
    "start": {"dateTime": "2026-04-06T09:00:00.0000000", "timeZone": "UTC"},
    "end": {"dateTime": "2026-04-06T09:15:00.0000000", "timeZone": "UTC"},
    "originalStartTimeZone": "W. Europe Standard Time",
    "isAllDay": False,
    "isCancelled": False,
    "showAs": "busy",
    "location": {"displayName": "Room 1"},
    "attendees": [
        {**person("Bo", "bo@mail.example"), "status": {"response": "tentativelyAccepted"}},
        {**person("Cy", "cy@mail.example"), "status": {"response": "none"}},
    ],
    "recurrence": None,
    "seriesMasterId": None,
    "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
    "body": {"contentType": "html", "content": "<p>Daily</p>"},
}


def test_an_event_is_told_in_full() -> None:
    assert msgspec.to_builtins(calendar_event(EVENT, "C")) == {
        "id": "E1",
        "calendar_id": "C",
        "series_id": None,
        "subject": "Standup",
        "from": "ann@mail.example",
        "start": "2026-04-06T09:00:00Z",
        "end": "2026-04-06T09:15:00Z",
        "timezone": "Europe/Berlin",
        "all_day": False,
        "status": "confirmed",
        "location": "Room 1",
        "attendees": [
            {"email": "bo@mail.example", "name": "Bo", "response": "tentative"},
            {"email": "cy@mail.example", "name": "Cy", "response": "needs_action"},
        ],
        "recurrence": None,
        "body_text": "Daily",
    }


def test_a_whole_day_is_a_date_and_a_cancelled_event_is_cancelled() -> None:
    day = {"start": {"dateTime": "2026-06-15T00:00:00.0000000", "timeZone": "UTC"}}
    end = {"end": {"dateTime": "2026-06-16T00:00:00.0000000", "timeZone": "UTC"}}
    event = calendar_event({**EVENT, **day, **end, "isAllDay": True, "isCancelled": True}, None)
    assert (event.start, event.end, event.status) == ("2026-06-15", "2026-06-16", "cancelled")


@pytest.mark.parametrize(
    ("local", "zone", "at"),
    [
        ("2026-07-01T12:00:00.0000000", "Pacific Standard Time", "2026-07-01T19:00:00+00:00"),
        ("2026-01-01T12:00:00", "Europe/Paris", "2026-01-01T11:00:00+00:00"),
        ("2026-01-01T12:00:00+02:00", "UTC", "2026-01-01T10:00:00+00:00"),
        ("2026-01-01T12:00:00", "tzone://Microsoft/Utc", "2026-01-01T12:00:00+00:00"),
    ],
)
def test_times_of_all_zones_are_instants(local: str, zone: str, at: str) -> None:
    assert instant(local, zone) == datetime.fromisoformat(at)


def test_a_zone_nobody_knows_gives_no_time_and_all_zones_of_the_table_are_known() -> None:
    assert instant("2026-01-01T12:00:00", "Customized Time Zone") is None
    assert instant("0001-01-01T00:00:00", "Asia/Tokyo") is None
    assert [name for name in WINDOWS if zone_of(name) is None] == []


def recurring(pattern: Json, span: Json | None = None, **more: Any) -> Json:  # noqa: ANN401  (JSON)
    usual = {"type": "noEnd", "startDate": "2026-04-06", "recurrenceTimeZone": "Europe/Berlin"}
    return {"recurrence": {"pattern": pattern, "range": {**usual, **(span or {})}}, **more}


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ({"type": "daily", "interval": 1}, "FREQ=DAILY"),
        ({"type": "daily", "interval": 3}, "FREQ=DAILY;INTERVAL=3"),
        (
            {
                "type": "weekly",
                "interval": 2,
                "daysOfWeek": ["wednesday", "monday"],
                "firstDayOfWeek": "sunday",
            },
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU",
        ),
        ({"type": "absoluteMonthly", "dayOfMonth": 15}, "FREQ=MONTHLY;BYMONTHDAY=15"),
        (
            {"type": "absoluteMonthly", "dayOfMonth": 31},
            "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
        ),
        (
            {"type": "relativeMonthly", "index": "last", "daysOfWeek": ["friday"]},
            "FREQ=MONTHLY;BYDAY=-1FR",
        ),
        (
            {"type": "relativeMonthly", "index": "first", "daysOfWeek": ["saturday", "sunday"]},
            "FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=1",
        ),
        (
            {"type": "absoluteYearly", "month": 2, "dayOfMonth": 3},
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=3",
        ),
        (
            {"type": "relativeYearly", "month": 5, "index": "second", "daysOfWeek": ["sunday"]},
            "FREQ=YEARLY;BYMONTH=5;BYDAY=2SU",
        ),
    ],
)
def test_patterns_become_rules(pattern: Json, rule: str) -> None:
    assert recurrence_lines(recurring(pattern), None, all_day=False) == [f"RRULE:{rule}"]


@pytest.mark.parametrize(
    ("span", "all_day", "end"),
    [
        ({"type": "numbered", "numberOfOccurrences": 5}, False, ";COUNT=5"),
        ({"type": "endDate", "endDate": "2026-07-01"}, False, ";UNTIL=20260701T215959Z"),
        ({"type": "endDate", "endDate": "2026-07-01"}, True, ";UNTIL=20260701"),
        ({"type": "noEnd", "endDate": "0001-01-01"}, False, ""),
    ],
)
def test_ranges_bound_the_rule(span: Json, *, all_day: bool, end: str) -> None:
    body = recurring({"type": "daily", "interval": 1}, span)
    assert recurrence_lines(body, None, all_day=all_day) == [f"RRULE:FREQ=DAILY{end}"]


def test_occurrences_that_were_deleted_are_exceptions_to_the_rule() -> None:
    off: Json = {"cancelledOccurrences": ["OID.AAMk=.2026-04-07", "OID.AAMk=.2026-12-01", "odd"]}
    body = recurring({"type": "daily", "interval": 1}, **off)
    start = datetime(2026, 4, 6, 9, tzinfo=UTC)
    # Eleven o'clock in Berlin, in summer and in winter.
    assert recurrence_lines(body, start, all_day=False) == [
        "RRULE:FREQ=DAILY",
        "EXDATE:20260407T090000Z,20261201T100000Z",
    ]
    whole = recurrence_lines(body, start, all_day=True)
    assert whole == ["RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20260407,20261201"]


def test_a_contact_and_a_file_are_told_in_full() -> None:
    contact = contact_of(
        {
            "id": "C1",
            "displayName": "Ann Li",
            "companyName": "X",
            "businessPhones": ["+1 555"],
            "homePhones": [],
            "mobilePhone": "+1 556",
            "emailAddresses": [{"name": "Ann Li", "address": "ann@mail.example"}],
        }
    )
    assert (contact.subject, contact.emails) == ("Ann Li", ["ann@mail.example"])
    assert (contact.phones, contact.organisation) == (["+1 555", "+1 556"], "X")
    file = file_of(
        {
            "id": "F1",
            "name": "a.txt",
            "size": 39,
            "webUrl": "https://drive.example/a",
            "createdDateTime": "2026-06-03T15:05:03Z",
            "lastModifiedDateTime": "2026-06-03T15:12:21Z",
            "parentReference": {"id": "P"},
            "file": {"mimeType": "text/plain"},
            "createdBy": {"user": {"email": "a@mail.example"}},
        }
    )
    assert msgspec.to_builtins(file) == {
        "id": "F1",
        "subject": "a.txt",
        "from": "a@mail.example",
        "mime_type": "text/plain",
        "size": 39,
        "parent_ids": ["P"],
        "trashed": False,
        "created": "2026-06-03T15:05:03Z",
        "modified": "2026-06-03T15:12:21Z",
        "url": "https://drive.example/a",
    }
    assert file_of({"id": "D", "folder": {"childCount": 1}, "size": 4096}).size is None


KEYS = (
    "emailAddress address name dateTime timeZone contentType content pattern range type endDate "
    "daysOfWeek user id mimeType"
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=20),
        st.sampled_from(
            [
                "\ud800",
                "0001-01-01T00:00:00Z",
                "9999-12-31T23:59:59Z",
                "html",
                "UTC",
                "a@b",
                "daily",
            ]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS.split()),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
NAMES = sorted({*MAIL.split(","), *CONTACT.split(","), *FILE.split(","), *EVENT, "recurrence"})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), values, max_size=12))
def test_every_shape_of_json_is_an_item_or_has_no_id(body: Json) -> None:
    shapes = (
        lambda: mail_message(body, None, attachments_of({"value": body.get("categories")})),
        lambda: calendar_event(body, None),
        lambda: contact_of(body),
        lambda: file_of(body),
    )
    for shape in shapes:
        try:
            item = shape()
        except ProviderProtocolError:
            identity = body.get("id")
            assert not isinstance(identity, str) or not identity or not identity.isprintable()
        else:
            encoded = msgspec.json.encode(item)
            assert msgspec.json.decode(encoded, type=type(item)) == item
