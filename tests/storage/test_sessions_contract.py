"""What SessionStore promises, kept alike by the SQL one and by the one other tests use."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.sql_stores import (
    ACCOUNT,
    DAY,
    NOW,
    SESSION_ID,
    a_grant,
    consented,
    pending,
    sql_stores,
)
from support.stores import MemorySessions
from support.time_and_chance import TurnedClock

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, ConsentRequest, SessionState
from scp_server.ports.sessions import SessionStore
from scp_wire.stream_types import Provider, StreamType

OTHER_ID = Secret("session-" + "R" * 43)
TOKEN = Secret("request-token")


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock(NOW)


@pytest.fixture(params=["sql", "memory"])
async def sessions(
    request: pytest.FixtureRequest, tmp_path: Path, clock: TurnedClock
) -> AsyncIterator[SessionStore]:
    if request.param == "memory":
        yield MemorySessions(clock)
        return
    async with sql_stores(tmp_path / "scp.db", clock=clock) as stores:
        yield stores.sessions


def a_request(session_pk: int, expires_at: float = NOW + 600) -> ConsentRequest:
    return ConsentRequest(
        session_pk=session_pk,
        provider=Provider.GOOGLE,
        renewal=True,
        by_hand=True,
        session_id=SESSION_ID,
        return_to="https://app.example/done",
        expires_at=expires_at,
        code_verifier=Secret("verifier"),
        nonce="nonce",
    )


async def test_a_new_session_is_pending_and_found_by_its_id_only(sessions: SessionStore) -> None:
    opened = await pending(sessions)
    assert opened.state is SessionState.PENDING
    assert opened.last4 == "QQQQ"
    assert opened.stream_types == (StreamType.GMAIL_MESSAGES, StreamType.CALENDAR_EVENTS)
    assert opened.endpoints == {"gmail_url": "https://gmail.example"}
    assert (opened.account, opened.scopes, opened.agent_id) == (None, frozenset(), "helper")
    assert (opened.created_at, opened.last_used_at, opened.expires_at) == (NOW, NOW, NOW + 600)
    assert await sessions.find(SESSION_ID) == opened
    assert await sessions.get(opened.pk) == opened
    assert await sessions.find(OTHER_ID) is None
    assert await sessions.get(opened.pk + 1) is None
    assert await sessions.grant(opened.pk) is None


async def test_consent_brings_account_scopes_and_tokens(
    sessions: SessionStore, clock: TurnedClock
) -> None:
    opened = await pending(sessions)
    clock.turn(60)
    await sessions.activate(opened.pk, ACCOUNT, a_grant(), expires_at=NOW + DAY)
    assert await sessions.find(SESSION_ID) == replace(
        opened,
        state=SessionState.ACTIVE,
        account=ACCOUNT,
        scopes=frozenset({"mail.readonly"}),
        last_used_at=NOW + 60,
        expires_at=NOW + DAY,
    )
    grant = await sessions.grant(opened.pk)
    assert grant is not None
    assert replace(grant, version=0) == a_grant()


async def test_refreshed_tokens_are_stored_only_after_the_version_they_follow(
    sessions: SessionStore,
) -> None:
    session = await consented(sessions)
    first = await sessions.grant(session.pk)
    assert first is not None
    second = replace(a_grant(first.version + 1), access_token=Secret("second"))
    for wrong in (first.version - 1, first.version, first.version + 2):
        assert not await sessions.replace_grant(session.pk, replace(second, version=wrong))
    assert await sessions.grant(session.pk) == first
    assert await sessions.replace_grant(session.pk, second)
    assert await sessions.grant(session.pk) == second
    assert not await sessions.replace_grant(session.pk, second)


async def test_a_refresh_under_way_does_not_overwrite_a_renewal(sessions: SessionStore) -> None:
    session = await consented(sessions)
    before = await sessions.grant(session.pk)
    assert before is not None
    await sessions.activate(session.pk, ACCOUNT, a_grant(access="renewed"), expires_at=NOW + DAY)
    late = replace(a_grant(access="late"), version=before.version + 1)
    assert not await sessions.replace_grant(session.pk, late)
    after = await sessions.grant(session.pk)
    assert after is not None
    assert after.access_token == Secret("renewed")


async def test_tokens_cannot_be_stored_before_consent(sessions: SessionStore) -> None:
    session = await pending(sessions)
    assert not await sessions.replace_grant(session.pk, a_grant(1))


async def test_a_session_that_needs_consent_keeps_its_tokens(sessions: SessionStore) -> None:
    session = await consented(sessions)
    await sessions.set_state(session.pk, SessionState.NEEDS_CONSENT)
    found = await sessions.find(SESSION_ID)
    assert found is not None
    assert found.state is SessionState.NEEDS_CONSENT
    assert await sessions.grant(session.pk) is not None


async def test_an_ended_session_has_no_tokens_and_stays_ended(sessions: SessionStore) -> None:
    session = await consented(sessions)
    await sessions.set_state(session.pk, SessionState.ENDED)
    await sessions.set_state(session.pk, SessionState.ACTIVE)
    await sessions.touch(session.pk, now=NOW + 1, expires_at=NOW + DAY)
    found = await sessions.find(SESSION_ID)
    assert found is not None
    assert (found.state, found.last_used_at) == (SessionState.ENDED, session.last_used_at)
    assert await sessions.grant(session.pk) is None
    assert not await sessions.replace_grant(session.pk, a_grant(1))


async def test_a_use_moves_the_end(sessions: SessionStore) -> None:
    session = await consented(sessions)
    await sessions.touch(session.pk, now=NOW + 5, expires_at=NOW + 31 * DAY)
    found = await sessions.find(SESSION_ID)
    assert found == replace(session, last_used_at=NOW + 5, expires_at=NOW + 31 * DAY)


async def test_others_of_an_account_are_those_with_tokens_issuer_and_subject_alike(
    sessions: SessionStore,
) -> None:
    mine = await consented(sessions)
    assert await sessions.others_of_account(mine.pk) == 0
    renamed = replace(ACCOUNT, label="other@mail.example")
    twin = await consented(sessions, OTHER_ID, renamed)
    for number, account in enumerate(
        (
            replace(ACCOUNT, subject="subject-2"),
            replace(ACCOUNT, issuer="https://other.example"),
            Account(issuer=ACCOUNT.issuer + "subject", subject="-1", label=ACCOUNT.label),
        )
    ):
        await consented(sessions, Secret(f"session-{number}"), account)
    await pending(sessions, Secret("session-pending"))
    assert await sessions.others_of_account(mine.pk) == 1
    await sessions.set_state(twin.pk, SessionState.ENDED)
    assert await sessions.others_of_account(mine.pk) == 0


async def test_others_of_an_account_can_still_be_asked_for_a_session_that_has_ended(
    sessions: SessionStore,
) -> None:
    # Whether the provider must be asked to revoke may be looked up after the end.
    mine = await consented(sessions)
    await consented(sessions, OTHER_ID)
    await sessions.set_state(mine.pk, SessionState.ENDED)
    assert await sessions.others_of_account(mine.pk) == 1


async def test_overdue_are_those_past_their_end_that_have_not_ended(
    sessions: SessionStore,
) -> None:
    active = await consented(sessions)
    waiting = await pending(sessions, OTHER_ID)
    gone = await pending(sessions, Secret("session-gone"))
    await sessions.set_state(gone.pk, SessionState.ENDED)
    assert await sessions.overdue(now=NOW + 599) == []
    assert await sessions.overdue(now=NOW + 600) == [waiting]
    assert [each.pk for each in await sessions.overdue(now=NOW + 30 * DAY)] == [
        active.pk,
        waiting.pk,
    ]


async def test_a_consent_request_can_be_taken_once(sessions: SessionStore) -> None:
    session = await pending(sessions)
    request = a_request(session.pk)
    await sessions.open_request(TOKEN, request)
    assert await sessions.take_request(Secret("other"), now=NOW) is None
    assert await sessions.take_request(TOKEN, now=NOW + 599) == request
    assert await sessions.take_request(TOKEN, now=NOW + 599) is None


async def test_a_consent_request_without_secrets_comes_back_as_it_was(
    sessions: SessionStore,
) -> None:
    session = await pending(sessions)
    request = replace(
        a_request(session.pk), session_id=None, return_to=None, code_verifier=None, nonce=None
    )
    await sessions.open_request(TOKEN, request)
    assert await sessions.take_request(TOKEN, now=NOW) == request


async def test_an_expired_consent_request_is_gone(sessions: SessionStore) -> None:
    session = await pending(sessions)
    await sessions.open_request(TOKEN, a_request(session.pk, expires_at=NOW + 600))
    assert await sessions.take_request(TOKEN, now=NOW + 600) is None
    assert await sessions.take_request(TOKEN, now=NOW) is None
