"""Validation errors name the field, the value where it is no secret, and the rule."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.api.validation import validate
from scp_server.domain.errors import InvalidRequest, StreamConfigError
from scp_wire.filters import EventFilters, MailFilters
from scp_wire.rest import ExchangeCode, OpenSession, StartStream


def refusal_of(document: object, shape: type[Any], within: str = "") -> StreamConfigError:
    with pytest.raises(StreamConfigError) as refusal:
        validate(document, shape, StreamConfigError, within=within)
    return refusal.value


@pytest.mark.parametrize(
    ("change", "details"),
    [
        ({"batch_size": 0}, {"field": "batch_size", "value": 0, "minimum": 1, "maximum": 1000}),
        ({"batch_size": "10"}, {"value": "10", "minimum": 1, "maximum": 1000}),
        ({"batch_size": None}, {"value": None}),
        ({"batch_size": 1.5}, {"value": 1.5}),
        ({"batch_size": True}, {"value": True}),
        ({"batch_size": 2**63}, {"value": "out of range"}),
        ({"max_results": -1}, {"field": "max_results", "value": -1}),
        ({"max_results": []}, {"field": "max_results"}),
        ({"real_time": "yes"}, {"field": "real_time", "allowed_values": [True, False]}),
        ({"stream_type": 7}, {"field": "stream_type", "value": 7}),
        ({"filters": []}, {"field": "filters"}),
        ({"agent_id": "x" * 129}, {"field": "agent_id", "max_length": 128, "value": "x" * 129}),
    ],
)
def test_a_field_of_a_start_that_is_wrong_is_named(
    change: dict[str, Any], details: dict[str, Any]
) -> None:
    error = refusal_of({"stream_type": "gmail_messages", **change}, StartStream)
    assert details.items() <= error.details.items()
    assert str(error.details["field"]) in error.message


def test_an_unknown_field_is_named_with_the_known_ones() -> None:
    error = refusal_of({"stream_type": "files", "batchsize": 5}, StartStream)
    assert error.details["field"] == "batchsize"
    assert "batch_size" in str(error.details["allowed_values"])
    assert "value" not in error.details


def test_a_missing_field_is_named_with_its_rule() -> None:
    error = refusal_of({}, StartStream)
    assert error.details == {"field": "stream_type"}
    assert error.message == "stream_type is missing: it must be a text of 1 to 256 characters."


def test_a_filter_is_named_with_its_path() -> None:
    assert refusal_of({"label_ids": ["A", 7]}, MailFilters, "filters").details == {
        "field": "filters.label_ids[1]",
        "value": 7,
        "min_length": 1,
        "max_length": 256,
    }
    assert refusal_of({"quary": "x"}, MailFilters, "filters").details["field"] == "filters.quary"
    error = refusal_of({"time_min": "yesterday"}, EventFilters, "filters")
    assert error.details == {"field": "filters.time_min", "value": "yesterday"}
    assert "RFC 3339" in error.message


def test_one_of_few_is_refused_with_the_few() -> None:
    error = refusal_of({"provider": "yahoo", "stream_types": ["files"]}, OpenSession)
    assert error.details == {
        "field": "provider",
        "value": "yahoo",
        "allowed_values": ["google", "microsoft"],
    }


@pytest.mark.parametrize(
    ("document", "shape"),
    [
        ({"stream_type": "files", "session_id": "CANARY" * 100}, StartStream),
        ({"stream_type": "files", "cursor": "CANARY" * 100}, StartStream),
        ({"stream_type": "session-CANARY" * 100}, StartStream),
        ({"code": "CANARY" * 100}, ExchangeCode),
        (
            {"provider": "google", "stream_types": ["files"], "tokens": {"access_token": 7}},
            OpenSession,
        ),
        ({"provider": "google", "stream_types": ["files"], "tokens": "CANARY"}, OpenSession),
    ],
)
def test_no_secret_is_repeated(document: dict[str, Any], shape: type[Any]) -> None:
    error = refusal_of(document, shape)
    assert "CANARY" not in repr(error.details) + error.message
    assert "value" not in error.details


@pytest.mark.parametrize("document", [None, [], "text", 7, True])
def test_what_is_no_object_is_refused_as_a_whole(document: object) -> None:
    error = refusal_of(document, StartStream)
    assert error.details["field"] == "body"
    assert error.message == "body must be an object."


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["stream_type", "session_id", "batch_size", "max_results", "filters", "real_time", "cursor"]
)


@given(st.dictionaries(_NAMES | st.text(), _ANY, max_size=5))
def test_any_object_is_a_start_or_is_refused(document: dict[str, Any]) -> None:
    with suppress(InvalidRequest):
        assert validate(document, StartStream, InvalidRequest).batch_size >= 1
