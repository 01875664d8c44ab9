"""A consumer that comes back wanting more than before is given what nobody has had yet."""

from support.engine_room import Room
from support.streaming import DIARY, MAIL, Eater
from support.virtual_time import settle

ONLY_MAIL = frozenset({MAIL})


async def read_all_mail(room: Room) -> tuple[Eater, str]:
    """A consumer of mail alone, beside a diary that nobody wants; and its last event."""
    session = await room.consented()
    await room.start(session, DIARY, batch_size=30)
    await settle()
    await room.start(session)
    narrow = await room.attach(session, types=ONLY_MAIL)
    await narrow.until_items(len(room.mail.ids))
    await settle()
    assert set(narrow.ids) == set(room.mail.ids)
    room.lose(session, narrow, seat=False)
    return narrow, narrow.events[-1].event_id or ""


async def test_a_place_does_not_stand_for_what_was_not_wanted_when_it_was_reached() -> None:
    room = Room()
    async with room.running():
        _, place = await read_all_mail(room)
        (session,) = await room.sessions.overdue(now=1e18)
        wide = await room.attach(session, place=place)
        await wide.until_items(len(room.diary.ids))
        await settle()
        assert wide.ids == room.diary.ids, "all of the diary, and no mail again"
        assert wide.reader.epoch == place.rpartition("-")[0], "nothing had to be read again"


async def test_what_was_given_to_another_is_not_given_to_who_names_a_later_place() -> None:
    room = Room()
    async with room.running():
        _, place = await read_all_mail(room)
        (session,) = await room.sessions.overdue(now=1e18)
        other = await room.attach(session, types=frozenset({DIARY}), proving=False)
        await settle()
        had = len(other.ids)
        assert had > 0
        place = other.events[-1].event_id or place
        room.lose(session, other, seat=False)
        wide = await room.attach(session, place=place)
        await wide.until_items(len(room.diary.ids) - had)
        await settle()
        assert [*other.ids, *wide.ids] == room.diary.ids


async def test_a_narrow_subscription_comes_back_to_its_place_and_gets_nothing_else() -> None:
    room = Room()
    async with room.running():
        _, place = await read_all_mail(room)
        (session,) = await room.sessions.overdue(now=1e18)
        again = await room.attach(session, place=place, types=ONLY_MAIL)
        await settle()
        assert again.ids == []
