"""Server-sent events: what a browser makes of them."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from support.http_room import HttpRoom

from scp_server.delivery.sse import SSE
from scp_server.domain.event_ref import EventRef


class Browser:
    """The parser of the WHATWG's HTML standard, section 9.2.6, as far as it decides anything."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry: int | None = None
        self.messages: list[tuple[str, str]] = []
        """(last event id, data) of each message that a page would see."""

    def feed(self, body: str) -> None:
        buffer, data, kind = self.last_id, "", ""
        for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line == "":
                self.last_id = buffer
                if data:
                    assert kind == "", "events have no name"
                    self.messages.append((self.last_id, data.removesuffix("\n")))
                data = kind = ""
            elif name == "data":
                data += value + "\n"
            elif name == "id" and "\0" not in value:
                buffer = value
            elif name == "event":
                kind = value
            elif name == "retry":
                self.retry = int(value)


EVENTS = st.lists(
    st.tuples(st.text(), st.none() | st.integers(min_value=1, max_value=10**17)), max_size=20
)


@given(EVENTS)
def test_a_browser_sees_every_event_with_the_id_to_come_back_with(
    told: list[tuple[str, int | None]],
) -> None:
    browser = Browser()
    body = SSE.opening(EventRef("abcdefabcdef", 0))
    for text, n in told:
        place = None if n is None else EventRef("abcdefabcdef", n)
        body += SSE.spelled(msgspec.json.encode({"t": text}), place) + SSE.beat
    browser.feed(body.decode())
    assert browser.retry == 2000
    assert [msgspec.json.decode(data)["t"] for _, data in browser.messages] == [t for t, _ in told]
    at = "abcdefabcdef-0"
    for (text, n), (shown, _) in zip(told, browser.messages, strict=True):
        at = at if n is None else f"abcdefabcdef-{n}"
        assert shown == at, text


def test_what_it_begins_with_is_no_message_but_the_id_is_kept() -> None:
    browser = Browser()
    browser.feed(SSE.opening(EventRef("abcdefabcdef", 7)).decode())
    assert browser.messages == []
    assert browser.last_id == "abcdefabcdef-7"
    browser = Browser()
    browser.feed(SSE.opening(None).decode())
    assert (browser.last_id, browser.retry) == ("", 2000)


async def test_a_browser_reads_a_whole_stream_and_comes_back_with_its_last_id() -> None:
    room = HttpRoom()
    async with room.serving():
        session, _ = await room.session_id()
        stream_id = await room.begin(session)
        reply = await room.whole(stream_id, session, headers={"Accept": "text/event-stream"})
        browser = Browser()
        browser.feed(reply.body.decode())
        assert [msgspec.json.decode(data)["event_id"] for _, data in browser.messages] == [
            at for at, _ in browser.messages
        ]
        assert browser.last_id == reply.last
        assert reply.headers["scp-last-event-id"].endswith("-0")
        again = await room.whole(stream_id, session, headers={"Last-Event-ID": browser.last_id})
        assert again.status == 204, "a browser comes no more"
