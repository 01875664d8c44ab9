"""The AsyncAPI document: committed as it is made, and what the engine encodes fits it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scp_server.api.asyncapi import DATA_OF, asyncapi
from scp_server.api.documents import asyncapi_text
from scp_wire import encode
from scp_wire.codes import ErrorCode
from scp_wire.events import (
    ChangeKind,
    EventType,
    GapData,
    NoticeData,
    Origin,
    RateLimitData,
    StreamData,
    StreamErrorData,
    TokenRefreshData,
    UpdateData,
)
from scp_wire.items import Gone, Message

COMMITTED = Path(__file__).parents[2] / "schema" / "asyncapi.json"
DOCUMENT = asyncapi()
MESSAGE = Message(
    id="m-1",
    thread_id="t-1",
    subject="Lunch",
    sender="ada@mail.example",
    from_name="Ada",
    to=["bo@mail.example"],
    cc=[],
    bcc=[],
    date="2026-11-23T07:45:00Z",
    date_original=None,
    labels=["INBOX"],
    unread=True,
    snippet=None,
    body_text=None,
    body_html=None,
    truncated=[],
    attachments=[],
)


def update(payload: Message | Gone, change: ChangeKind) -> UpdateData:
    return UpdateData(
        data_type="gmail_messages_message",
        payload=payload,
        change=change,
        origin=Origin.LIVE,
        change_id="c-1",
    )


ENDED = StreamData(stream_type="gmail_messages", status="stopped", items=3, reason="requested")
SAMPLES = [
    (EventType.DATA_UPDATE, update(MESSAGE, ChangeKind.CREATED)),
    (EventType.DATA_UPDATE, update(Gone(id="m-1"), ChangeKind.DELETED)),
    (EventType.TOKEN_REFRESH, TokenRefreshData(new_expires_at=2.0, expires_in=1)),
    (
        EventType.RATE_LIMIT_WARNING,
        RateLimitData(remaining_quota=10, reset_time=2.0, warning_message="Slow down.", limit=50),
    ),
    *((kind, ENDED) for kind, data in DATA_OF.items() if data is StreamData),
    (
        EventType.STREAM_ERROR,
        StreamErrorData(code=ErrorCode.PROVIDER_ERROR, message="It said no.", fatal=True),
    ),
    (
        EventType.STREAM_GAP,
        GapData(
            stream_id="stream-1",
            reason="window",
            after_event_id=None,
            reread=True,
            complete_listing=False,
        ),
    ),
    (EventType.SESSION_EXPIRED, NoticeData(message="Over.")),
    (EventType.SERVER_DRAINING, NoticeData(message="Soon.", resume_event_id="e-1")),
]


def fits(event: bytes) -> bool:
    payload = DOCUMENT["components"]["messages"]["streamEvent"]["payload"]
    schema: dict[str, Any] = {**payload, "components": DOCUMENT["components"]}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(json.loads(event)))


def encoded(kind: EventType, data: Any) -> encode.Encoded:  # noqa: ANN401  (any event's data)
    envelope = encode.Envelope(
        provider="google",
        timestamp=1.0,
        event_id="e-1",
        stream_id="stream-1",
        offset=1,
        cursor="c-1",
        agent_id="helper",
    )
    return encode.encode(kind, envelope, encode.encode_body(data))


def test_the_committed_document_is_the_one_the_code_makes() -> None:
    assert COMMITTED.read_bytes() == asyncapi_text(), "run `make schema`"


def test_every_event_type_is_described_and_sampled() -> None:
    assert {*DATA_OF, EventType.DATA_BATCH} == set(EventType)
    assert {kind for kind, _ in SAMPLES} == set(DATA_OF)


@pytest.mark.parametrize(("kind", "data"), SAMPLES)
def test_what_is_encoded_fits_the_document(kind: EventType, data: object) -> None:
    assert fits(encode.event(encoded(kind, data), "session-…abcd"))


def test_a_batch_fits_the_document() -> None:
    one = encoded(EventType.DATA_UPDATE, update(MESSAGE, ChangeKind.CREATED))
    assert fits(encode.batch([one, one], "session-…abcd"))


def test_an_event_of_another_shape_does_not_fit() -> None:
    wrong = encoded(EventType.TOKEN_REFRESH, NoticeData(message="not a refresh"))
    assert not fits(encode.event(wrong, "session-…abcd"))
