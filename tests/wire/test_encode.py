"""Events as they are spelled: the guide's shapes, and batches of the very same items."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scp_wire import encode
from scp_wire.encode import Encoded, Envelope, encode_body
from scp_wire.events import (
    ChangeKind,
    EventType,
    Origin,
    RateLimitData,
    TokenRefreshData,
    UpdateData,
)
from scp_wire.items import Gone

texts = st.text(st.characters(codec="utf-8"), max_size=40)
updates = st.builds(
    UpdateData,
    data_type=st.just("gmail_messages_message"),
    payload=st.builds(Gone, id=texts),
    change=st.sampled_from(ChangeKind),
    origin=st.sampled_from(Origin),
    change_id=texts,
    reason=st.none() | texts,
    raw=st.none() | st.dictionaries(texts, texts, max_size=3),
    raw_omitted=st.booleans(),
)
GUIDE_KEYS = {"event_type", "session_id", "provider", "timestamp", "data"}


def encoded(data: UpdateData, offset: int, *, cursor: str | None = None) -> Encoded:
    envelope = Envelope(
        provider="google",
        timestamp=1640995200.0,
        event_id=f"abcdefabcdef-{offset + 10}",
        stream_id="stream-abc123",
        offset=offset,
        cursor=cursor,
        agent_id="an agent",
    )
    return encode.encode(EventType.DATA_UPDATE, envelope, encode_body(data))


def read(text: bytes) -> dict[str, Any]:
    """A JSON object without a name twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    value: dict[str, Any] = json.loads(text, object_pairs_hook=once)
    return value


@given(updates, st.integers(min_value=1, max_value=10**9), texts)
def test_an_update_has_the_guides_shape_and_the_additions(
    data: UpdateData, offset: int, shown: str
) -> None:
    event = read(encode.event(encoded(data, offset, cursor="c"), shown))
    assert set(event) == GUIDE_KEYS | {"event_id", "stream_id", "offset", "cursor", "agent_id"}
    assert event["event_type"] == "data_update"
    assert event["session_id"] == shown
    assert event["provider"] == "google"
    assert event["timestamp"] == 1640995200.0
    assert event["offset"] == offset
    assert event["data"]["data_type"] == "gmail_messages_message"
    assert event["data"]["payload"] == {"id": data.payload.id}
    assert event["data"]["change_id"] == data.change_id


def test_notices_are_exactly_as_the_guide_prints_them_but_for_the_name_of_the_limit() -> None:
    envelope = Envelope(provider="google", timestamp=1640995200.0)
    refreshed = encode_body(TokenRefreshData(new_expires_at=1640998800.0, expires_in=3600))
    assert read(
        encode.event(encode.encode(EventType.TOKEN_REFRESH, envelope, refreshed), "session-123")
    ) == {
        "event_type": "token_refresh",
        "session_id": "session-123",
        "provider": "google",
        "timestamp": 1640995200.0,
        "data": {"new_expires_at": 1640998800.0, "expires_in": 3600},
    }
    warned = encode_body(
        RateLimitData(
            remaining_quota=10,
            reset_time=1640995260.0,
            warning_message="Rate limit approaching. 10 requests remaining.",
            limit=100,
        )
    )
    assert read(
        encode.event(encode.encode(EventType.RATE_LIMIT_WARNING, envelope, warned), "session-123")
    ) == {
        "event_type": "rate_limit_warning",
        "session_id": "session-123",
        "provider": "google",
        "timestamp": 1640995200.0,
        "data": {
            "remaining_quota": 10,
            "reset_time": 1640995260.0,
            "warning_message": "Rate limit approaching. 10 requests remaining.",
            "limit": 100,
        },
    }


@given(st.lists(updates, min_size=1, max_size=8), st.integers(min_value=1, max_value=1000))
def test_a_batch_carries_what_its_single_events_say_and_their_offsets(
    datas: list[UpdateData], first: int
) -> None:
    items = [encoded(data, first + k) for k, data in enumerate(datas)]
    singles = [read(encode.event(item, "session-x")) for item in items]
    batch = read(encode.batch(items, "session-x"))
    assert batch["event_type"] == "data_batch"
    assert batch["data"] == {
        "items": [{**single["data"], "offset": single["offset"]} for single in singles]
    }
    last = singles[-1]
    for name in set(last) - {"event_type", "data"}:
        assert batch[name] == last[name], "it stands where its last item stands"


@given(updates, st.text(st.characters(codec="utf-8"), min_size=20, max_size=40))
def test_the_session_that_an_event_shows_is_no_part_of_what_is_kept(
    data: UpdateData, shown: str
) -> None:
    kept = encoded(data, 1)
    secret = f"session-{shown}".encode()
    assert secret not in kept.envelope + kept.body
    assert kept.size == len(kept.envelope) + len(kept.body)
