"""What a status says was streamed and read never goes back, whatever is read again."""

from support.engine_room import Room
from support.scripted_provider import Source
from support.virtual_time import settle

from scp_server.engine.shares import ShareLimits
from scp_server.engine.views import StreamView

SMALL = ShareLimits(events=20)


def figures(view: StreamView) -> tuple[int, int]:
    return view.items_read, view.stream.items_streamed


async def test_a_winding_back_takes_nothing_back_of_what_was_counted() -> None:
    room = Room(mail=Source(items=300), share=SMALL)
    async with room.running():
        session = await room.consented()
        stream_id = (await room.start(session)).stream.stream_id
        first = await room.attach(session, eating=False)
        while len(first.ids) < 150:
            await first.bite()
        await settle()
        read, streamed = before = figures(await room.engine.status(stream_id))
        assert read > streamed >= 150
        late = await room.attach(session, place=first.events[40].event_id, eating=False)
        assert not (first.events[0].event_id or "").startswith(late.reader.epoch)
        after = figures(await room.engine.status(stream_id))
        assert after[0] >= before[0]
        assert after[1] >= before[1]
        assert room.ledger.streams[stream_id].items_streamed >= 120
        room.feed(first)
        room.feed(late)
        await late.until("stream_completed")
        await first.until("stream_completed")
        await settle()
        assert figures(await room.engine.status(stream_id)) == (300, 300)


async def test_a_restart_takes_nothing_back_of_what_was_written() -> None:
    room = Room(mail=Source(items=60), share=SMALL)
    async with room.running():
        session = await room.consented()
        stream_id = (await room.start(session)).stream.stream_id
        eater = await room.attach(session, proving=False)
        await eater.until_items(10)
        await settle()
        before = await room.engine.status(stream_id)
        assert before.stream.items_streamed == len(eater.ids) > 0
    saved = await room.ledger.latest(stream_id)
    assert saved is not None
    assert saved.items == 0, "nothing was proven"
    async with room.running():
        again = await room.engine.status(stream_id)
        assert again.stream.items_streamed == before.stream.items_streamed
        eater = await room.attach(session)
        await eater.until("stream_completed")
        await settle()
        assert figures(await room.engine.status(stream_id)) == (60, 60)
        assert set(eater.ids) == set(room.mail.ids)
