"""How a change becomes an event's body: within a mebibyte, and the same version the same id."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streaming import MAIL, change, config_of, message

from scp_server.domain.changes import Change
from scp_server.engine.spelling import change_id, update_body
from scp_wire.encode import ENVELOPE_ROOM, MAX_EVENT_BYTES
from scp_wire.events import ChangeKind, Origin
from scp_wire.items import BODY_HTML_LIMIT, BODY_TEXT_LIMIT

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)


def spelled(one: Change, *, include_raw: bool = False) -> dict[str, Any]:
    body = update_body(config_of(include_raw=include_raw), one, Origin.BACKFILL)
    assert len(body) + ENVELOPE_ROOM <= MAX_EVENT_BYTES
    data: dict[str, Any] = msgspec.json.decode(body)
    return data


@given(texts, texts, texts, texts)
def test_a_change_id_is_the_same_for_the_same_version_and_no_other(
    one: str, other: str, version: str, later: str
) -> None:
    first, second = change(one, version=version), change(other, version=later)
    same = (one, version) == (other, later)
    assert (change_id(MAIL, first) == change_id(MAIL, second)) == same
    updated = replace(first, kind=ChangeKind.UPDATED)
    assert change_id(MAIL, updated) == change_id(MAIL, first), "however it was found"


def test_the_raw_form_is_there_when_asked_for_and_told_of_when_too_large() -> None:
    one = replace(change("a"), raw={"id": "a", "snippet": "x" * 10})
    assert "raw" not in spelled(one)
    assert spelled(one, include_raw=True)["raw"] == one.raw
    large = spelled(replace(one, raw={"x": "y" * MAX_EVENT_BYTES}), include_raw=True)
    assert large["raw_omitted"] is True
    assert "raw" not in large
    assert large["payload"]["id"] == "a"


@pytest.mark.parametrize("letter", ["x", "\x01", '"', "é"])
def test_no_body_makes_an_event_too_large(letter: str) -> None:
    width = len(letter.encode())
    item = msgspec.structs.replace(
        message("a", text=letter * (BODY_TEXT_LIMIT // width)),
        body_html=letter * (BODY_HTML_LIMIT // width),
    )
    data = spelled(replace(change("a"), item=item))
    cut = letter == "\x01"
    assert (data["payload"]["body_html"] is None) == cut
    assert data["payload"]["truncated"] == (["body_html"] if cut else [])
    assert data["payload"]["body_text"] is not None
