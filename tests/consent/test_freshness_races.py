"""What may happen between two steps of a refresh, and that no token is lost or revived by it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import pytest
from anyio.abc import TaskStatus
from anyio.lowlevel import checkpoint
from support.consent import Office
from support.interposed import Interposed

from scp_server.domain.errors import ConsentLost
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState

HOUR = 3600.0


async def stored(office: Office, session: Session) -> Grant:
    grant = await office.sessions.grant(session.pk)
    assert grant is not None
    return grant


async def a_few_turns() -> None:
    for _ in range(5):
        await checkpoint()


@pytest.fixture
async def session(office: Office) -> Session:
    return await office.consented()


async def test_one_who_leaves_during_a_refresh_does_not_fail_the_others(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    freshness = office.freshness()
    under_way = anyio.Event()
    got: list[Secret] = []

    async def nothing_comes() -> None:
        under_way.set()
        office.google.meanwhile = checkpoint
        await anyio.sleep_forever()

    async def ask() -> None:
        got.append(await freshness.access_token(session.pk))

    office.google.meanwhile = nothing_comes
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            leaders = await tasks.start(in_a_scope, ask)
            await under_way.wait()
            tasks.start_soon(ask)
            tasks.start_soon(ask)
            await a_few_turns()
            leaders.cancel()
    assert got == [(await stored(office, session)).access_token] * 2
    assert office.google.calls.count("refresh") == 2


async def in_a_scope(
    act: Callable[[], Awaitable[None]], *, task_status: TaskStatus[anyio.CancelScope]
) -> None:
    with anyio.CancelScope() as scope:
        task_status.started(scope)
        await act()


async def test_what_the_provider_gave_is_kept_though_the_asker_left(
    office: Office, session: Session
) -> None:
    old = await stored(office, session)
    office.clock.turn(HOUR)
    with anyio.CancelScope() as scope:

        async def stopped_as_the_answer_comes() -> None:
            scope.cancel()

        office.google.meanwhile = stopped_as_the_answer_comes
        await office.freshness().access_token(session.pk)
    assert (await stored(office, session)).version == old.version + 1


async def test_when_another_process_was_first_its_token_is_taken(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    theirs = replace(office.google.new_grant(), access_token=Secret("theirs"), version=1)

    async def another_process_refreshes() -> None:
        assert await office.sessions.replace_grant(session.pk, theirs)

    office.google.meanwhile = another_process_refreshes
    assert await office.freshness().access_token(session.pk) == Secret("theirs")
    assert (await stored(office, session)) == theirs
    assert "token_refreshed" not in {kind for kind, _ in office.notices.heard}


async def test_when_another_process_used_up_the_refresh_token_its_grant_is_taken(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    theirs = replace(office.google.new_grant(), access_token=Secret("theirs"), version=1)
    office.google.failure = ConsentLost("used before")

    async def another_process_refreshes() -> None:
        await office.sessions.replace_grant(session.pk, theirs)

    office.google.meanwhile = another_process_refreshes
    assert await office.freshness().access_token(session.pk) == Secret("theirs")
    assert (await office.now(session)).state is SessionState.ACTIVE


async def test_a_consent_renewed_during_a_refresh_is_not_overwritten(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    page = await office.page(await office.connect().renewal_url(session))
    renewed: list[Grant] = []

    async def the_user_renews() -> None:
        office.google.meanwhile = checkpoint
        await office.answer(page)
        renewed.append(await stored(office, session))

    office.google.meanwhile = the_user_renews
    token = await office.freshness().access_token(session.pk)
    assert [token] == [grant.access_token for grant in renewed]
    assert await stored(office, session) == renewed[0]


async def test_a_session_ended_during_a_refresh_gets_nothing(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)

    async def ended() -> None:
        await office.revoke().end(session, operator=False)

    office.google.meanwhile = ended
    with pytest.raises(ConsentLost):
        await office.freshness().access_token(session.pk)
    assert await office.sessions.grant(session.pk) is None


@pytest.fixture
def interposed(office: Office) -> Interposed:
    office.sessions = Interposed(office.clock)
    return office.sessions


async def test_a_token_replaced_just_before_its_refresh_is_not_refreshed_again(
    interposed: Interposed, office: Office
) -> None:
    session = await office.consented()
    token = (await stored(office, session)).access_token
    theirs = replace(office.google.new_grant(), access_token=Secret("theirs"), version=1)

    async def first_read_over() -> None:
        interposed.before = ("grant", another_process_refreshes)

    async def another_process_refreshes() -> None:
        await interposed.replace_grant(session.pk, theirs)

    interposed.before = ("grant", first_read_over)
    await office.freshness().refused(session.pk, token)
    assert await stored(office, session) == theirs
    assert "refresh" not in office.google.calls


async def test_a_refusal_of_the_newer_token_is_not_content_with_an_older_refresh(
    interposed: Interposed, office: Office
) -> None:
    session = await office.consented()
    freshness = office.freshness()
    older = (await stored(office, session)).access_token
    newer = replace(office.google.new_grant(), access_token=Secret("newer"), version=1)

    async def first_read_over() -> None:
        interposed.before = ("grant", newer_is_stored_and_refused)

    async def newer_is_stored_and_refused() -> None:
        await interposed.replace_grant(session.pk, newer)
        tasks.start_soon(freshness.refused, session.pk, newer.access_token)
        await a_few_turns()

    interposed.before = ("grant", first_read_over)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(freshness.refused, session.pk, older)
    assert (await stored(office, session)).access_token not in {older, newer.access_token}


async def test_a_session_ended_just_before_its_refresh_is_not_refreshed(
    interposed: Interposed, office: Office
) -> None:
    session = await office.consented()
    office.clock.turn(HOUR)

    async def ended() -> None:
        await office.revoke().end(session, operator=False)

    interposed.before = ("get", ended)
    with pytest.raises(ConsentLost, match="has ended"):
        await office.freshness().access_token(session.pk)
    assert "refresh" not in office.google.calls


async def test_a_consent_renewed_just_as_the_old_one_is_found_dead_stays(
    interposed: Interposed, office: Office
) -> None:
    session = await office.consented()
    page = await office.page(await office.connect().renewal_url(session))
    office.clock.turn(100)
    token = (await stored(office, session)).access_token
    office.google.failure = ConsentLost("withdrawn")

    async def the_user_renews() -> None:
        office.google.failure = None
        await office.answer(page)

    interposed.before = ("set_state", the_user_renews)
    await office.freshness().refused(session.pk, token)
    assert (await office.now(session)).state is SessionState.ACTIVE
    assert (await stored(office, session)).expires_at == office.clock.now() + HOUR
    assert ("consent_lost", session.pk) not in office.notices.heard
