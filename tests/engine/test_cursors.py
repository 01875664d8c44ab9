"""Cursors open what they were made for, and nothing else opens anything."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.streaming import DIARY, PlainSeals, config_of

from scp_server.domain.errors import CursorInvalid
from scp_server.domain.event_ref import EventRef
from scp_server.engine.cursors import Cursors
from scp_wire.filters import MailFilters

CURSORS = Cursors(PlainSeals())
CONFIG = config_of()
refs = st.builds(
    EventRef,
    epoch=st.text("0123456789abcdef", min_size=12, max_size=12),
    n=st.integers(min_value=0, max_value=10**17),
)


@given(refs)
def test_a_cursor_opens_to_the_place_it_was_made_at(ref: EventRef) -> None:
    text = CURSORS.maker(7, "stream-a", CONFIG)(ref)
    assert CURSORS.open(text, 7, CONFIG) == ("stream-a", ref)
    assert CURSORS.place_of(text, 7, "stream-a") == ref


def test_a_cursor_goes_on_whatever_the_reading_is_delivered_like() -> None:
    text = CURSORS.maker(7, "stream-a", CONFIG)(EventRef("abcdefabcdef", 3))
    other = replace(CONFIG, batch_size=7, max_results=5, real_time=True, include_raw=True)
    assert CURSORS.open(text, 7, other)[0] == "stream-a"


@pytest.mark.parametrize(
    ("session", "config"),
    [
        (8, CONFIG),
        (7, config_of(DIARY)),
        (7, replace(CONFIG, filters=MailFilters(query="is:unread"))),
    ],
)
def test_a_cursor_of_another_session_type_or_filter_opens_nothing(
    session: int, config: object
) -> None:
    text = CURSORS.maker(7, "stream-a", CONFIG)(EventRef("abcdefabcdef", 3))
    with pytest.raises(CursorInvalid) as refused:
        CURSORS.open(text, session, config)  # type: ignore[arg-type]
    with pytest.raises(CursorInvalid) as forged:
        CURSORS.open("forged", 7, CONFIG)
    assert refused.value.message == forged.value.message, "always the same words"
    with pytest.raises(CursorInvalid):
        CURSORS.place_of(text, 7, "stream-b")


@given(st.text() | st.binary().map(lambda b: PlainSeals().seal("cursor", b)))
def test_no_text_makes_it_raise_anything_but_a_refusal(text: str) -> None:
    with contextlib.suppress(CursorInvalid):
        CURSORS.open(text, 7, CONFIG)
