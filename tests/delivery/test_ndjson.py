"""Lines of JSON: each event is one, whatever it holds, and a request can end by itself."""

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.http_room import HttpRoom
from support.scripted_provider import Source

from scp_server.delivery.forms import form_for
from scp_server.delivery.ndjson import NDJSON
from scp_server.delivery.sse import SSE
from scp_server.domain.event_ref import EventRef


@given(st.lists(st.text(), max_size=20))
def test_every_line_is_an_event_or_a_beat(texts: list[str]) -> None:
    body = NDJSON.opening(EventRef("abcdefabcdef", 3))
    for text in texts:
        body += NDJSON.spelled(msgspec.json.encode(text), None) + NDJSON.beat
    lines = body.split(b"\n")
    assert [msgspec.json.decode(line) for line in lines if line] == texts
    assert body == b"" or body.endswith(b"\n")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", NDJSON),
        ("*/*", NDJSON),
        ("application/json", NDJSON),
        ("application/x-ndjson", NDJSON),
        ("text/event-stream", SSE),
        ("Text/Event-Stream;q=0.5", SSE),
        ("text/event-stream, */*", SSE),
        ("text/event-stream;q=0.4, application/x-ndjson;q=0.6", NDJSON),
        ("text/event-stream;q=0", NDJSON),
        ("text/event-stream;q=x", NDJSON),
        ("text/event-streaming", NDJSON),
        (";;,,q=", NDJSON),
    ],
)
def test_accept_chooses_the_form(accept: str, form: object) -> None:
    assert form_for((SSE, NDJSON), accept) is form


async def test_bulk_is_read_in_batches_to_the_end() -> None:
    room = HttpRoom(mail=Source(items=250))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, batch_size=100)
        reply = await room.whole(stream_id, session, batch="true")
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert reply.ids == room.mail.ids
        assert reply.kinds[0] == "stream_started"
        assert reply.kinds[-1] == "stream_completed"
        assert reply.ended
        assert len(reply.events) < 60


async def test_a_request_ends_after_so_many_events_and_the_next_goes_on() -> None:
    room = HttpRoom(mail=Source(items=100))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        had: list[str] = []
        query: dict[str, str] = {}
        while (reply := await room.whole(stream_id, session, max_events=7, **query)).status == 200:
            assert len(reply.events) == 7 or reply.kinds[-1] == "stream_completed"
            assert reply.ended
            had += reply.ids
            query = {"last_event_id": reply.last}
        assert had == room.mail.ids
        assert reply.status == 204
        assert (await room.engine.status(stream_id)).stream.state == "completed"


async def test_a_request_ends_after_so_many_seconds() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        began = anyio.current_time()
        reply = await room.whole(stream_id, session, timeout="40.5")
        assert reply.ended
        assert anyio.current_time() - began == pytest.approx(40.5, abs=0.1)
        assert reply.ids == room.mail.ids
        assert [piece for _, piece in reply.pieces].count(b"\n") == 2


async def test_a_reader_that_cannot_be_audited_is_not_let_in() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        room.audit.refused_action = "consumer.connected"
        refused = await room.whole(stream_id, session)
        assert (refused.status, refused.code) == (503, "STORAGE_UNAVAILABLE")
        room.audit.refused_action = ""
        assert (await room.whole(stream_id, session)).ids == room.mail.ids
        assert [row.action for row in room.audit.rows if row.stream_id == stream_id][:2] == [
            "stream.started",
            "consumer.connected",
        ]


async def test_what_cannot_be_audited_is_not_sent_and_the_reader_is_told() -> None:
    room = HttpRoom(mail=Source(items=3))
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        room.audit.refused_action = "delivered"
        reply = await room.whole(stream_id, session)
        assert reply.ended
        assert reply.ids == []
        assert reply.events[-1].data["code"] == "STORAGE_UNAVAILABLE"
        assert reply.events[-1].data["fatal"] is False
        assert reply.events[-1].event_id is None
        room.audit.refused_action = ""
        assert (await room.whole(stream_id, session)).ids == room.mail.ids
