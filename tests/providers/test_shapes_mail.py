"""Gmail's JSON to messages, however odd."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from providers.telling import Json, coded

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.charsets import decoded
from scp_server.providers.google.headers import mailboxes, readable
from scp_server.providers.google.shapes_mail import mail_message
from scp_wire.items import BODY_HTML_LIMIT, BODY_TEXT_LIMIT, Message

HEADERS = {
    "From": "=?utf-8?B?w4lsb2RpZQ==?= <elodie@mail.example>",
    "To": '"Doe, Jane" <jane@mail.example>, bare@mail.example',
    "Cc": "undisclosed-recipients:;",
    "Subject": "=?iso-8859-1?Q?Caf=E9?= =?iso-8859-1?Q?_au_lait?=",
    "Date": "Wed, 29 Apr 2026 19:52:14 +0200",
}


def part(mime_type: str, data: str | bytes | None = None, **more: object) -> Json:
    body: Json = {"size": len(data or "")}
    if data is not None:
        body["data"] = coded(data)
    return {"mimeType": mime_type, "filename": "", "headers": [], "body": body, **more}


def multi(kind: str, *parts: Json) -> Json:
    return {"mimeType": f"multipart/{kind}", "body": {"size": 0}, "parts": list(parts)}


def mail(payload: Json | None = None, **fields: object) -> Json:
    headers = [{"name": name, "value": value} for name, value in HEADERS.items()]
    return {
        "id": "m1",
        "threadId": "t1",
        "labelIds": ["UNREAD", "INBOX"],
        "snippet": "Fish &amp; chips",
        "historyId": "7",
        "internalDate": "1777485134000",
        "payload": {**(payload or part("text/plain", "hello")), "headers": headers},
        **fields,
    }


def test_a_plain_message_has_every_field_as_a_reader_expects_it() -> None:
    message = mail_message(mail())
    assert msgspec.to_builtins(message) == {
        "id": "m1",
        "thread_id": "t1",
        "subject": "Café au lait",
        "from": "elodie@mail.example",
        "from_name": "Élodie",
        "to": ["jane@mail.example", "bare@mail.example"],
        "cc": [],
        "bcc": [],
        "date": "2026-04-29T17:52:14Z",
        "date_original": "Wed, 29 Apr 2026 19:52:14 +0200",
        "labels": ["UNREAD", "INBOX"],
        "unread": True,
        "snippet": "Fish & chips",
        "body_text": "hello",
        "body_html": None,
        "truncated": [],
        "attachments": [],
    }


def test_texts_and_attachments_are_found_anywhere_in_the_tree() -> None:
    enclosed = {
        **part("message/rfc822"),
        "filename": "forwarded.eml",
        "partId": "2",
        "parts": [part("text/plain", "inner")],
    }
    payload = multi(
        "mixed",
        multi("alternative", part("text/plain", "one"), part("text/html", "<p>one</p>")),
        part("text/plain", "a file", filename="notes.txt", partId="1"),
        enclosed,
        part("image/png", None, partId="3"),
        part("text/plain", "two"),
    )
    message = mail_message(mail(payload))
    assert message.body_text == "one\ntwo"
    assert message.body_html == "<p>one</p>"
    assert [(a.id, a.name, a.mime_type) for a in message.attachments] == [
        ("1", "notes.txt", "text/plain"),
        ("2", "forwarded.eml", "message/rfc822"),
        ("3", None, "image/png"),
    ]


def test_an_attachments_id_is_its_place_where_gmail_names_none() -> None:
    payload = multi("mixed", part("text/plain", "x"), multi("mixed", part("image/png")))
    assert [a.id for a in mail_message(mail(payload)).attachments] == ["1.0"]


@pytest.mark.parametrize(
    ("charset", "octets", "text"),
    [
        ("utf-8", "żółw".encode(), "żółw"),
        ("iso-8859-2", "żółw".encode(), "żółw"),
        ("iso-8859-2", "żółw".encode("iso-8859-2"), "żółw"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("iso-2022-jp", "日本".encode(), "日本"),
        ("iso-2022-jp", b"plain", "plain"),
        ("utf-7", "日本".encode("utf-7"), "日本"),
        ("utf-16", "日本".encode("utf-16"), "日本"),
        ("no-such-charset", b"plain", "plain"),
        ("no-such-charset", b"\xff", "\ufffd"),
        ("base64", b"\xff", "\ufffd"),
        ("idna", b"\xff", "\ufffd"),
        (None, "żółw".encode(), "żółw"),
    ],
)
def test_text_is_decoded_whether_gmail_already_did_it_or_not(
    charset: str | None, octets: bytes, text: str
) -> None:
    assert decoded(octets, charset) == text


def test_the_declared_charset_of_a_part_is_used() -> None:
    headers = [{"name": "Content-Type", "value": 'text/plain; charset="ISO-8859-2"'}]
    payload = multi("mixed", part("text/plain", "żółw".encode("iso-8859-2"), headers=headers))
    assert mail_message(mail(payload)).body_text == "żółw"


@pytest.mark.parametrize(
    ("mime_type", "field", "limit"),
    [("text/plain", "body_text", BODY_TEXT_LIMIT), ("text/html", "body_html", BODY_HTML_LIMIT)],
)
@pytest.mark.parametrize("letter", ["x", "ż", "日", "🐢"])
def test_a_long_body_is_cut_between_characters_and_named(
    mime_type: str, field: str, limit: int, letter: str
) -> None:
    message = mail_message(mail(part(mime_type, letter * limit * 6)))
    body = getattr(message, field)
    assert message.truncated == [field]
    assert limit - 4 < len(body.encode()) <= limit
    assert set(body) == {letter}


def test_a_body_of_exactly_the_limit_is_whole() -> None:
    message = mail_message(mail(part("text/plain", "x" * BODY_TEXT_LIMIT)))
    assert message.truncated == []


def test_a_text_that_gmail_sends_apart_is_named_as_truncated() -> None:
    payload = {**part("text/plain"), "body": {"size": 9_000_000, "attachmentId": "A"}}
    message = mail_message(mail(payload))
    assert message.body_text is None
    assert message.truncated == ["body_text"]


@pytest.mark.parametrize("data", ["aGVsbG8", "aGVsbG8=", "aGVsbG8===", "aGVsbG8\n=="])
def test_padding_is_taken_as_it_comes(data: str) -> None:
    payload = {**part("text/plain"), "body": {"size": 5, "data": data}}
    assert mail_message(mail(payload)).body_text == "hello"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b=C3=A9?=", "a bé"),
        ("=?utf-8?B?w?=", "=?utf-8?B?w?="),
        ("=?utf-8?B?w4k=?= and =?utf-8?B?w4k=?=", "É and É"),
        ("=?utf-8?Q?=C3?= =?utf-8?Q?=89?=", "É"),
        ("=?x-none?Q?abc?=", "abc"),
        ("=?utf-8*en?Q?abc?=", "abc"),
        ("folded\r\n line", "folded line"),
        ("raw żółw", "raw żółw"),
        ("broken =?utf-8?B?", "broken =?utf-8?B?"),
    ],
)
def test_encoded_words_are_decoded_and_broken_ones_left_alone(value: str, expected: str) -> None:
    assert readable(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@mail.example", [("a@mail.example", None)]),
        ("A B <a@mail.example>", [("a@mail.example", "A B")]),
        ("'A B' <a@mail.example>", [("a@mail.example", "A B")]),
        ("=?utf-8?Q?Doe=2C_Jane?= <j@mail.example>", [("j@mail.example", "Doe, Jane")]),
        ("Doe, Jane <j@mail.example>", [("j@mail.example", "Jane")]),
        ("a@mail.example <b@mail.example>", [("b@mail.example", "a@mail.example")]),
        (
            '"x@y" <a@mail.example>, b@c <d@mail.example>',
            [("a@mail.example", "x@y"), ("d@mail.example", "b@c")],
        ),
        ("root", [("root", None)]),
        ("", []),
        ("undisclosed-recipients:;", []),
        (
            "Team: a@mail.example, b@mail.example;",
            [("a@mail.example", None), ("b@mail.example", None)],
        ),
    ],
)
def test_addresses_are_bare_and_names_decoded(
    value: str, expected: list[tuple[str, str | None]]
) -> None:
    assert [(box.address, box.name) for box in mailboxes(value)] == expected


def test_a_message_without_an_id_is_a_fault_of_the_provider() -> None:
    with pytest.raises(ProviderProtocolError):
        mail_message({"snippet": "x"})


def test_a_message_with_nothing_but_an_id_has_nulls() -> None:
    message = mail_message({"id": "m"})
    assert (message.subject, message.sender, message.date, message.body_text) == (None,) * 4
    assert message.labels == []


@pytest.mark.parametrize("date", ["9" * 19, "-9" * 8, "x", None, 12.5, {}])
def test_absurd_dates_are_null(date: object) -> None:
    headers: Json = {"headers": [{"name": "Date", "value": "Mon, 99 Foo 20000000 99:99"}]}
    assert mail_message({"id": "m", "internalDate": date, "payload": headers}).date is None


def test_a_tree_that_is_absurdly_deep_is_read_without_harm() -> None:
    payload = part("text/plain", "deep")
    for _ in range(20_000):
        payload = multi("mixed", payload)
    assert mail_message({"id": "m", "payload": payload}).id == "m"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
header = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["From", "To", "Subject", "Date", "Content-Type", "Message-ID"])
        | anything,
        "value": anything
        | st.text(alphabet='=?utf-8BQ_<>@,:;"()\\ é\ud800\x00\r\n', max_size=60)
        | st.binary(max_size=30).map(lambda raw: raw.decode("latin-1")),
    }
)
payload_of = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "mimeType": st.sampled_from(["text/plain", "text/html", "image/png"]) | anything,
            "filename": anything,
            "partId": anything,
            "headers": st.lists(header, max_size=4) | anything,
            "body": st.fixed_dictionaries(
                {}, optional={"data": st.text(max_size=30) | anything, "size": anything}
            )
            | anything,
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {"mimeType": st.just("multipart/mixed"), "parts": st.lists(inner | anything, max_size=3)}
    ),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"id": st.from_regex(r"[!-~]{1,40}", fullmatch=True)},
        optional={
            "threadId": anything,
            "labelIds": anything | st.lists(st.text()),
            "snippet": anything | st.text(),
            "historyId": anything,
            "internalDate": anything | st.integers().map(str),
            "payload": payload_of | anything,
        },
    )
)
def test_no_json_with_an_id_makes_the_shape_raise_or_the_item_unspeakable(body: Json) -> None:
    message = mail_message(body)
    spoken = json.loads(msgspec.json.encode(message))
    assert msgspec.convert(spoken, Message) == message


@given(st.text(alphabet='=?utf-8BQ_<>@,:;"()\\[] é\ud800\x00\r\n', max_size=200))
def test_no_header_makes_its_reader_raise(value: str) -> None:
    readable(value).encode()
    for box in mailboxes(value):
        (box.address + (box.name or "")).encode()


@pytest.mark.parametrize("value", ["(" * 40_000, "<" * 40_000, '"' * 40_000, "a@b," * 9000])
def test_absurd_headers_are_read_in_good_time(value: str) -> None:
    assert len(mailboxes(value)) <= 9000
