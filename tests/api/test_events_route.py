"""A stream and its tickets over HTTP: who may, what may be asked, what is refused."""

from typing import Any

import anyio
import pytest
from support import virtual_time
from support.api_server import OPERATOR_KEY
from support.http_room import HttpRoom
from support.scripted_provider import Source
from support.virtual_time import settle


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """No socket is involved: time can be virtual."""
    return virtual_time.BACKEND


def short() -> HttpRoom:
    return HttpRoom(mail=Source(items=3))


async def test_the_events_show_the_session_id_that_was_presented() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        for carrier in (
            {"headers": {"X-Session-ID": session}},
            {"session_id": session},
            {"headers": {"Authorization": f"Bearer {session}"}},
        ):
            reply = await room.whole(stream_id, None, max_events=2, **carrier)
            assert reply.status == 200
            assert {event.session_id for event in reply.events} == {session}


@pytest.mark.parametrize("require", [True, False])
async def test_a_stream_id_alone_opens_no_content(require: bool) -> None:  # noqa: FBT001
    room = short()
    async with room.serving(require_session=require):
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        for who in ({}, {"Authorization": f"Bearer {OPERATOR_KEY}"}):
            reply = await room.whole(stream_id, None, headers=who)
            assert (reply.status, reply.code) == (401, "SESSION_REQUIRED")
        assert (await room.engine.status(stream_id)).stream.items_streamed == 0


async def test_what_is_foreign_is_unknown() -> None:
    room = short()
    async with room.serving():
        mine, _ = await room.session_id()
        theirs, _ = await room.session_id()
        stream_id = await room.begin(theirs)
        answers = [
            await room.whole(which, mine)
            for which in (stream_id, "stream-unknown", "odd", "stream-" + "A" * 22)
        ]
        assert {(one.status, one.code) for one in answers} == {(404, "STREAM_NOT_FOUND")}
        assert len({one.body for one in answers}) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "xml"),
        ("format", ""),
        ("batch", "1"),
        ("batch", "True"),
        ("max_events", "0"),
        ("max_events", "-1"),
        ("max_events", "1.5"),
        ("max_events", "1e3"),
        ("max_events", "1_0"),
        ("max_events", "²"),
        ("max_events", "9" * 400),
        ("timeout", "0"),
        ("timeout", "nan"),
        ("timeout", "inf"),
        ("timeout", "86401"),
        ("timeout", " 5"),
        ("last_event_id", "session-x"),
        ("last_event_id", "abcdefabcdef-01"),
        ("last_event_id", "\x00"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_by_its_name(field: str, value: str) -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        reply = await room.whole(stream_id, session, **{field: value})
        assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
        assert reply.json["error"]["details"]["field"] == field
        assert room.readers is not None
        assert not room.readers._open


async def test_a_place_that_was_never_given_out_is_refused() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        reply = await room.whole(stream_id, session, max_events=1)
        epoch = reply.last.split("-")[0]
        future = await room.whole(stream_id, session, last_event_id=f"{epoch}-999")
        assert (future.status, future.code) == (400, "INVALID_REQUEST")
        assert room.readers is not None
        assert not room.readers._open


async def test_the_header_goes_before_the_query_and_the_format_before_accept() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        all_four = await room.whole(stream_id, session, max_events=4)
        at = [event.event_id or "" for event in all_four.events]
        reply = await room.whole(
            stream_id,
            session,
            headers={"Last-Event-ID": at[1], "Accept": "text/event-stream"},
            last_event_id=at[0],
            format="ndjson",
            max_events=2,
        )
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert reply.headers["scp-last-event-id"] == at[1]
        assert [event.event_id for event in reply.events] == at[2:]


async def test_head_and_options_answer_and_attach_nobody() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        head = room.read(stream_id, session, method="HEAD", format="sse")
        await head.done.wait()
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
        asked = room.read(stream_id, None, method="OPTIONS")
        await asked.done.wait()
        assert (asked.status, asked.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
        refused = room.read(stream_id, session, method="POST")
        await refused.done.wait()
        assert (refused.status, refused.code) == (405, "METHOD_NOT_ALLOWED")
        assert (await room.engine.status(stream_id)).stream.items_streamed == 0


async def test_pages_of_allowed_origins_can_read_where_it_began() -> None:
    room = short()
    async with room.serving(allowed_origins=frozenset({"https://app.example"})):
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        page = {"Origin": "https://app.example"}
        reply = room.read(stream_id, session, headers=page, max_events=1)
        await reply.done.wait()
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        assert "SCP-Last-Event-ID" in reply.headers["access-control-expose-headers"]
        other = {"Origin": "https://evil.example"}
        refused = await room.whole(stream_id, session, headers=other)
        assert (refused.status, refused.code) == (403, "FORBIDDEN")


async def test_a_sixth_reader_is_one_too_many_until_one_is_gone() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        other, _ = await room.session_id()
        stream_id = await room.begin(session, real_time=True)
        replies = [room.read(stream_id, session) for _ in range(5)]
        await settle()
        sixth = await room.whole(stream_id, session)
        assert (sixth.status, sixth.code) == (429, "RATE_LIMIT_EXCEEDED")
        assert sixth.headers["retry-after"] == "5"
        assert sixth.json["error"]["details"]["limit"] == 5
        theirs = await room.begin(other)
        assert (await room.whole(theirs, other)).status == 200
        replies[2].go()
        await replies[2].done.wait()
        assert (await room.whole(stream_id, session, timeout=1)).status == 200
        # They are no Socket.IO connections.
        listed = room.ask("/api/streams", session=session)
        await listed.done.wait()
        assert listed.json["data"]["websocket_statistics"]["active_connections"] == 0


# -- tickets ---------------------------------------------------------------------------------------


async def ticket_of(room: HttpRoom, session: str) -> str:
    reply = room.ask("/api/tickets", method="POST", session=session)
    await reply.done.wait()
    assert reply.status == 200
    assert reply.json["data"]["expires_at"] == pytest.approx(room.clock.now() + 30, abs=1)
    return str(reply.json["data"]["ticket"])


async def test_a_ticket_reads_once_and_shows_no_session_id() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        ticket = await ticket_of(room, session)
        first = await room.whole(stream_id, None, ticket=ticket, format="sse")
        assert first.ids == room.mail.ids
        assert {event.session_id for event in first.events} == {f"session-…{session[-4:]}"}
        assert session.encode() not in first.body
        again = await room.whole(stream_id, None, ticket=ticket)
        assert (again.status, again.code) == (404, "SESSION_NOT_FOUND")


async def test_a_ticket_is_good_for_thirty_seconds_and_for_its_own_session() -> None:
    room = short()
    async with room.serving():
        session, _ = await room.session_id()
        other, _ = await room.session_id()
        stream_id = await room.begin(session)
        late = await ticket_of(room, session)
        await anyio.sleep(30)
        theirs = await ticket_of(room, other)
        for ticket, presented, expected in (
            (late, None, (404, "SESSION_NOT_FOUND")),
            (theirs, None, (404, "STREAM_NOT_FOUND")),
            ("ticket-" + "A" * 43, None, (404, "SESSION_NOT_FOUND")),
            ("odd", None, (404, "SESSION_NOT_FOUND")),
            (session, None, (404, "SESSION_NOT_FOUND")),
            (await ticket_of(room, other), session, (400, "INVALID_REQUEST")),
        ):
            reply = await room.whole(stream_id, presented, ticket=ticket)
            assert (reply.status, reply.code) == expected
        good = await ticket_of(room, session)
        elsewhere = room.ask("/api/streams", ticket=good)
        await elsewhere.done.wait()
        assert elsewhere.status == 401, "it reads events and nothing else"
        assert (await room.whole(stream_id, session, ticket=good)).status == 200


async def test_a_ticket_needs_a_session() -> None:
    room = short()
    async with room.serving():
        for who in (None, OPERATOR_KEY):
            reply = room.ask("/api/tickets", method="POST", session=who)
            await reply.done.wait()
            assert (reply.status, reply.code) == (401, "SESSION_REQUIRED")
