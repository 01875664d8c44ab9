"""Tokens: fresh ahead of time, refreshed once, and lost without a loop."""

from dataclasses import replace

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st
from support.consent import Office

from scp_server.consent.freshness import Freshness
from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    ProviderError,
    ProviderProtocolError,
    ProviderUnavailable,
    StorageUnavailable,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState
from scp_wire.stream_types import Provider

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


async def test_a_young_token_is_given_without_asking_the_provider(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR - 301)
    token = await office.freshness().access_token(session.pk)
    assert token == (await stored(office, session)).access_token
    assert "refresh" not in office.google.calls


async def test_a_token_is_refreshed_five_minutes_ahead(office: Office, session: Session) -> None:
    old = await stored(office, session)
    office.clock.turn(HOUR - 299)
    token = await office.freshness().access_token(session.pk)
    new = await stored(office, session)
    assert token == new.access_token != old.access_token
    assert new.refresh_token == old.refresh_token
    assert new.version == old.version + 1
    assert office.meter.refreshes == [(Provider.GOOGLE, "ok")]
    assert office.notices.heard[-1] == ("token_refreshed", session.pk)
    assert office.audit.told()[-1] == ("token.refreshed", "server", "ok")


async def test_a_short_lived_token_is_refreshed_when_a_fifth_of_its_life_is_left(
    office: Office,
) -> None:
    office.google.lifetime = 60.0
    session = await office.consented()
    freshness = office.freshness()
    office.clock.turn(47)
    await freshness.access_token(session.pk)
    assert "refresh" not in office.google.calls
    office.clock.turn(2)
    await freshness.access_token(session.pk)
    await freshness.access_token(session.pk)
    assert office.google.calls.count("refresh") == 1


async def test_two_hundred_callers_at_an_expired_token_cause_one_refresh(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    office.google.meanwhile = a_few_turns
    freshness = office.freshness()
    got: list[Secret] = []

    async def ask() -> None:
        got.append(await freshness.access_token(session.pk))

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(ask)
    assert office.google.calls.count("refresh") == 1
    assert len(got) == 200
    assert set(got) == {(await stored(office, session)).access_token}
    assert [row[0] for row in office.audit.told()].count("token.refreshed") == 1


async def test_those_who_wait_share_a_failure_too(office: Office, session: Session) -> None:
    office.clock.turn(HOUR)
    office.google.meanwhile = a_few_turns
    office.google.failure = ProviderUnavailable("down")
    freshness = office.freshness()
    failed: list[ProviderError] = []

    async def ask() -> None:
        with pytest.raises(ProviderUnavailable) as caught:
            await freshness.access_token(session.pk)
        failed.append(caught.value)

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(ask)
    assert office.google.calls.count("refresh") == 1
    assert len(failed) == 200


async def test_sessions_do_not_wait_for_each_other(office: Office, session: Session) -> None:
    other = await office.consented()
    office.clock.turn(HOUR)
    freshness = office.freshness()

    async def the_other_first() -> None:
        office.google.meanwhile = checkpoint
        with anyio.fail_after(5):
            await freshness.access_token(other.pk)

    office.google.meanwhile = the_other_first
    await freshness.access_token(session.pk)
    assert office.google.calls.count("refresh") == 2


@pytest.mark.parametrize(
    "failure", [ProviderUnavailable("down"), OperatorFault("client"), ProviderProtocolError("?")]
)
async def test_a_token_still_good_is_used_while_refreshing_fails_and_retried_after_a_while(
    office: Office, session: Session, failure: ProviderError
) -> None:
    old = await stored(office, session)
    freshness = office.freshness()
    office.clock.turn(HOUR - 200)
    office.google.failure = failure
    for _ in range(10):
        assert await freshness.access_token(session.pk) == old.access_token
    assert office.google.calls.count("refresh") == 1
    office.clock.turn(29)
    await freshness.access_token(session.pk)
    assert office.google.calls.count("refresh") == 1
    office.clock.turn(12)
    office.google.failure = None
    assert await freshness.access_token(session.pk) != old.access_token
    assert office.google.calls.count("refresh") == 2


async def test_an_expired_token_is_not_used_while_refreshing_fails(
    office: Office, session: Session
) -> None:
    freshness = office.freshness()
    office.clock.turn(HOUR - 1)
    office.google.failure = ProviderUnavailable("down")
    await freshness.access_token(session.pk)
    office.clock.turn(1)
    with pytest.raises(ProviderUnavailable):
        await freshness.access_token(session.pk)
    assert (await office.now(session)).state is SessionState.ACTIVE


@pytest.mark.parametrize("broken", [False, True])
async def test_a_refresh_that_failed_leaves_a_row_and_is_not_held_up_by_it(
    office: Office, session: Session, *, broken: bool
) -> None:
    freshness = office.freshness()
    office.clock.turn(HOUR)
    office.google.failure = ProviderUnavailable("down")
    office.audit.broken = broken
    with pytest.raises(ProviderUnavailable):
        await freshness.access_token(session.pk)
    failed = ("token.refresh_failed", "server", "PROVIDER_UNAVAILABLE")
    assert (failed in office.audit.told()) is not broken


async def test_a_withdrawn_grant_is_noticed_once_and_never_asked_for_again(
    office: Office, session: Session
) -> None:
    freshness = office.freshness()
    office.clock.turn(HOUR - 100)
    office.google.failure = ConsentLost("withdrawn")
    for _ in range(20):
        with pytest.raises(ConsentLost):
            await freshness.access_token(session.pk)
        with pytest.raises(ConsentLost):
            await office.freshness().access_token(session.pk)
    assert office.google.calls.count("refresh") == 1
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT
    assert office.notices.heard.count(("consent_lost", session.pk)) == 1
    assert office.audit.told()[-1] == ("consent.lost", "server", "TOKEN_EXPIRED")
    assert office.meter.refreshes == [(Provider.GOOGLE, "TOKEN_EXPIRED")]


async def test_dead_tokens_are_not_kept(office: Office, session: Session) -> None:
    office.clock.turn(HOUR)
    office.google.failure = ConsentLost("withdrawn")
    with pytest.raises(ConsentLost):
        await office.freshness().access_token(session.pk)
    grant = await stored(office, session)
    assert (grant.access_token, grant.refresh_token) == (Secret(""), None)


async def test_a_renewal_makes_a_lost_session_fresh_again(office: Office, session: Session) -> None:
    freshness = office.freshness()
    office.clock.turn(HOUR)
    office.google.failure = ConsentLost("withdrawn")
    with pytest.raises(ConsentLost):
        await freshness.access_token(session.pk)
    office.google.failure = None
    await office.answer(await office.page(await office.connect().renewal_url(session)))
    token = await freshness.access_token(session.pk)
    assert token == (await stored(office, session)).access_token
    assert (await office.now(session)).state is SessionState.ACTIVE


async def test_a_grant_without_a_refresh_token_is_lost_when_it_expires(
    office: Office, session: Session
) -> None:
    grant = await stored(office, session)
    await office.sessions.replace_grant(
        session.pk, replace(grant, refresh_token=None, version=grant.version + 1)
    )
    freshness = office.freshness()
    office.clock.turn(HOUR)
    for _ in range(3):
        with pytest.raises(ConsentLost):
            await freshness.access_token(session.pk)
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT


async def test_a_refused_token_is_replaced(office: Office, session: Session) -> None:
    freshness = office.freshness()
    token = await freshness.access_token(session.pk)
    await freshness.refused(session.pk, token)
    assert await freshness.access_token(session.pk) != token
    assert office.google.calls.count("refresh") == 1


async def test_an_old_refusal_does_not_replace_a_new_token(
    office: Office, session: Session
) -> None:
    freshness = office.freshness()
    token = await freshness.access_token(session.pk)
    await freshness.refused(session.pk, token)
    newer = await freshness.access_token(session.pk)
    await freshness.refused(session.pk, token)
    assert await freshness.access_token(session.pk) == newer
    assert office.google.calls.count("refresh") == 1


async def test_fifty_refusals_of_one_token_cause_one_refresh(
    office: Office, session: Session
) -> None:
    office.google.meanwhile = a_few_turns
    freshness = office.freshness()
    token = await freshness.access_token(session.pk)
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(freshness.refused, session.pk, token)
    assert office.google.calls.count("refresh") == 1


async def test_an_ended_session_has_no_token(office: Office, session: Session) -> None:
    await office.revoke().end(session, operator=False)
    for pk in (session.pk, 999):
        with pytest.raises(ConsentLost):
            await office.freshness().access_token(pk)
        with pytest.raises(ConsentLost):
            await office.freshness().refused(pk, Secret("any"))


async def test_tokens_go_to_no_other_server_than_the_one_that_gave_them(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    office.google.url = "https://moved.example"
    with pytest.raises(OperatorFault, match="Set them back"):
        await office.freshness().access_token(session.pk)
    assert "refresh" not in office.google.calls


async def test_a_provider_gone_from_the_settings_is_the_operators_to_mend(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    office.authorities = {}
    with pytest.raises(OperatorFault, match="SCP_GOOGLE__CLIENT_ID"):
        await office.freshness().access_token(session.pk)


async def test_a_database_that_does_not_answer_is_told_as_such(
    office: Office, session: Session
) -> None:
    office.sessions.broken = True
    with pytest.raises(StorageUnavailable):
        await office.freshness().access_token(session.pk)


async def ask_all(freshness: Freshness, session: Session, callers: int) -> set[Secret | None]:
    got: set[Secret | None] = set()

    async def ask() -> None:
        try:
            got.add(await freshness.access_token(session.pk))
        except ProviderUnavailable:
            got.add(None)

    async with anyio.create_task_group() as tasks:
        for _ in range(callers):
            tasks.start_soon(ask)
    return got


@given(
    st.lists(
        st.tuples(st.floats(0, 2 * HOUR), st.integers(1, 5), st.booleans()), min_size=1, max_size=12
    )
)
async def test_whatever_happens_a_given_token_is_valid_and_each_round_refreshes_at_most_once(
    rounds: list[tuple[float, int, bool]],
) -> None:
    office = Office()
    session = await office.consented()
    office.google.meanwhile = a_few_turns
    freshness = office.freshness()
    for passed, callers, working in rounds:
        office.clock.turn(passed)
        office.google.failure = None if working else ProviderUnavailable("down")
        before = office.google.calls.count("refresh")
        got = await ask_all(freshness, session, callers)
        grant = await stored(office, session)
        assert office.google.calls.count("refresh") - before <= 1
        assert got == {grant.access_token if grant.expires_at > office.clock.now() else None}
