"""A database that is held, full or failing under a running server: told by code, and got over."""

import sqlite3
from contextlib import closing

import anyio
from support.fault_room import Consumer, Room
from support.storage_faults import held, no_room
from support.worlds import CALENDAR_EVENTS, GMAIL_MESSAGES


async def told_what_is_wrong(room: Room, session: str, says: str) -> None:
    """A request that needs the database is refused as documented."""
    body = {"stream_type": "calendar_events", "session_id": session}
    refused = await room.call("/api/stream/start", body, key=session)
    assert refused.status == 503
    assert refused.body["error"]["code"] == "STORAGE_UNAVAILABLE"
    assert says in refused.body["error"]["message"]
    assert int(refused.headers["Retry-After"]) >= 1


def audited(consumer: Consumer) -> int:
    """Items whose delivery is in the audit trail."""
    with closing(sqlite3.connect(consumer.room.database)) as database:
        query = "SELECT sum(items) FROM audit WHERE action = 'delivered' AND stream_id = ?"
        ((count,),) = database.execute(query, (consumer.stream_id,)).fetchall()
    return int(count or 0)


async def nothing_comes(consumer: Consumer) -> None:
    """What cannot be audited is not delivered: the mailbox changes, and nobody is told."""
    before = consumer.mirror.changes
    consumer.bustle(20, seed=2)
    # Long enough for the server to look, read, and try to write its row several times.
    with anyio.move_on_after(2):
        await consumer.mirror.changed()
    assert consumer.mirror.changes == before


async def test_while_another_program_holds_the_database_nothing_goes_out_and_then_everything(
    room: Room,
) -> None:
    session = await room.session(GMAIL_MESSAGES, CALENDAR_EVENTS)
    async with room.consumer(GMAIL_MESSAGES, session) as consumer:
        await consumer.exact()
        with held(room.database):
            await told_what_is_wrong(room, consumer.session_id, "locked by another program")
            await nothing_comes(consumer)
        await consumer.exact()
        assert audited(consumer) >= consumer.mirror.changes


async def test_while_the_disk_takes_nothing_nothing_goes_out_and_then_everything(
    room: Room,
) -> None:
    session = await room.session(GMAIL_MESSAGES, CALENDAR_EVENTS)
    async with room.consumer(GMAIL_MESSAGES, session) as consumer:
        await consumer.exact()
        with no_room(room.lives.pid):
            await told_what_is_wrong(room, consumer.session_id, "disk of the database")
            await nothing_comes(consumer)
        await consumer.exact()
        assert audited(consumer) >= consumer.mirror.changes
