"""A consent given again with less in it ends the streams that need the rest, and no others."""

from support.engine_room import Room
from support.streaming import DIARY, MAIL
from support.virtual_time import settle

from scp_server.domain.errors import ConsentLost
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, Grant, Session
from scp_server.domain.streams import StreamState

ACCOUNT = Account(issuer="https://idp.example", subject="1", label=None)


async def regranted(room: Room, session: Session, *scopes: str) -> None:
    """The user consents again, to these scopes only."""
    grant = Grant(
        access_token=Secret("b"), refresh_token=None, expires_at=1e12, scopes=frozenset(scopes)
    )
    await room.sessions.activate(session.pk, ACCOUNT, grant, expires_at=1e12)


async def test_only_the_stream_that_loses_its_scope_ends_and_it_says_what_is_missing() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        mail = (await room.start(session, MAIL, real_time=True)).stream.stream_id
        diary = (await room.start(session, DIARY, real_time=True)).stream.stream_id
        eater = await room.attach(session)
        await eater.until_items(20)
        await regranted(room, session, "calendar")
        await room.engine.tidings.consent_renewed(session.pk)
        told = await eater.until("stream_error")
        assert told.stream_id == mail
        assert told.data["code"] == "INSUFFICIENT_SCOPE"
        assert told.data["fatal"] is True
        assert told.data["details"]["missing_scopes"] == ["mail"]
        lost, kept = await room.engine.status(mail), await room.engine.status(diary)
        assert lost.stream.state is StreamState.FAILED
        assert kept.stream.state is StreamState.ACTIVE
        assert eater.closed is None


async def test_the_place_of_a_stream_that_ended_so_is_kept_for_when_its_scope_is_back() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        eater = await room.attach(session)
        mail = (await room.start(session, MAIL, real_time=True)).stream.stream_id
        await eater.until_items(60)
        await settle()
        await regranted(room, session, "calendar")
        await room.engine.tidings.consent_renewed(session.pk)
        cursor = (await room.engine.status(mail)).cursor
        assert cursor is not None
        await regranted(room, session, "mail", "calendar")
        again = await room.sessions.get(session.pk)
        assert again is not None
        room.mail.happen("new-1")
        await room.start(again, MAIL, cursor=cursor, real_time=True)
        await eater.until_items(61)
        assert eater.ids == [*room.mail.ids[:60], "new-1"]


async def test_a_stream_that_waited_for_consent_and_lost_its_scope_ends_as_well() -> None:
    room = Room()
    room.mail.troubles["backfill"] = [ConsentLost("The grant was withdrawn.")]
    async with room.running():
        session = await room.consented()
        mail = (await room.start(session, MAIL)).stream.stream_id
        eater = await room.attach(session)
        await eater.until("stream_error")
        await regranted(room, session, "calendar")
        await room.engine.tidings.consent_renewed(session.pk)
        status = await room.engine.status(mail)
        assert status.stream.state_reason == "INSUFFICIENT_SCOPE"


async def test_a_restart_does_not_resume_what_is_no_longer_granted() -> None:
    room = Room()
    async with room.running():
        session = await room.consented()
        mail = (await room.start(session, MAIL, real_time=True)).stream.stream_id
        diary = (await room.start(session, DIARY, real_time=True)).stream.stream_id
        await settle()
    await regranted(room, session, "calendar")
    async with room.running():
        lost, kept = await room.engine.status(mail), await room.engine.status(diary)
        assert lost.stream.state_reason == "INSUFFICIENT_SCOPE"
        assert kept.stream.state is StreamState.ACTIVE
