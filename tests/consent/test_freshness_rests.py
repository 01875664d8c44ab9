"""When a refresh fails: who is left alone for how long, what is kept, and who is told."""

import pytest
from structlog.testing import capture_logs
from support.consent import Office
from support.interposed import Interposed

from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    ProviderError,
    ProviderUnavailable,
    StorageUnavailable,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState

HOUR = 3600.0


async def stored(office: Office, session: Session) -> Grant:
    grant = await office.sessions.grant(session.pk)
    assert grant is not None
    return grant


@pytest.fixture
async def session(office: Office) -> Session:
    return await office.consented()


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (ProviderUnavailable("busy", retry_after=120), 120),
        (ProviderUnavailable("busy", retry_after=3), 30),
        (ProviderUnavailable("busy", retry_after=10**9), 15 * 60),
        (OperatorFault("the secret has expired"), 30),
    ],
)
async def test_a_provider_that_said_how_long_is_not_asked_before_even_without_a_token(
    office: Office, session: Session, failure: ProviderError, seconds: float
) -> None:
    office.clock.turn(HOUR)
    office.google.failure = failure
    freshness = office.freshness()
    for _ in range(5):
        with pytest.raises(type(failure)):
            await freshness.access_token(session.pk)
    office.clock.turn(seconds - 1)
    with pytest.raises(type(failure)):
        await freshness.access_token(session.pk)
    assert office.google.calls.count("refresh") == 1
    office.google.failure = None
    office.clock.turn(12)
    assert await freshness.access_token(session.pk) == (await stored(office, session)).access_token
    assert office.google.calls.count("refresh") == 2


async def test_a_failure_that_may_be_over_by_now_is_tried_again_at_once_without_a_token(
    office: Office, session: Session
) -> None:
    office.clock.turn(HOUR)
    office.google.failure = ProviderUnavailable("reset")
    freshness = office.freshness()
    with pytest.raises(ProviderUnavailable):
        await freshness.access_token(session.pk)
    office.google.failure = None
    await freshness.access_token(session.pk)
    assert office.google.calls.count("refresh") == 2


async def test_a_renewal_by_the_user_ends_a_rest(office: Office, session: Session) -> None:
    office.clock.turn(HOUR)
    office.google.failure = ProviderUnavailable("busy", retry_after=600)
    freshness = office.freshness()
    with pytest.raises(ProviderUnavailable):
        await freshness.access_token(session.pk)
    office.google.failure = None
    await office.answer(await office.page(await office.connect().renewal_url(session)))
    assert await freshness.access_token(session.pk) == (await stored(office, session)).access_token


async def test_the_operator_is_told_once_of_what_only_the_operator_can_mend(
    office: Office, session: Session
) -> None:
    other = await office.consented()
    office.clock.turn(HOUR)
    office.google.failure = OperatorFault("The client secret has expired.")
    freshness = office.freshness()
    with capture_logs() as logs:
        for pk in (session.pk, other.pk, session.pk):
            with pytest.raises(OperatorFault):
                await freshness.access_token(pk)
    assert [(line["event"], line["message"]) for line in logs] == [
        ("operator_needed", "The client secret has expired.")
    ]
    office.google.failure = None
    office.clock.turn(41)
    await freshness.access_token(session.pk)
    assert (await office.now(session)).state is SessionState.ACTIVE
    office.clock.turn(HOUR)
    office.google.failure = OperatorFault("The client secret has expired.")
    with capture_logs() as logs, pytest.raises(OperatorFault):
        await freshness.access_token(session.pk)
    assert len(logs) == 1


async def test_what_a_token_must_prove_is_asked_of_the_provider(
    office: Office, session: Session
) -> None:
    freshness = office.freshness()
    token = await freshness.access_token(session.pk)
    await freshness.refused(session.pk, token, claims='{"access_token":{}}')
    await freshness.refused(session.pk, await freshness.access_token(session.pk))
    assert office.google.claims == ['{"access_token":{}}', None]


@pytest.fixture
def interposed(office: Office) -> Interposed:
    office.sessions = Interposed(office.clock)
    return office.sessions


async def test_a_grant_that_could_not_be_stored_is_forgotten_when_the_user_consents_again(
    interposed: Interposed, office: Office
) -> None:
    session = await office.consented()
    page = await office.page(await office.connect().renewal_url(session))
    office.clock.turn(599)
    freshness = office.freshness()

    async def the_database_goes() -> None:
        interposed.broken = True

    interposed.before = ("replace_grant", the_database_goes)
    token = (await stored(office, session)).access_token
    with pytest.raises(StorageUnavailable):
        await freshness.refused(session.pk, token)
    interposed.broken = False
    await office.answer(page)
    renewed = await stored(office, session)
    await freshness.refused(session.pk, renewed.access_token)
    assert (await stored(office, session)).version == renewed.version + 1
    assert office.google.calls.count("refresh") == 2


async def test_a_dead_grant_seen_before_its_session_says_so_is_not_asked_for_again(
    interposed: Interposed, office: Office
) -> None:
    session = await office.consented()
    office.clock.turn(HOUR)
    office.google.failure = ConsentLost("withdrawn")
    freshness = office.freshness()

    async def another_call_comes_in_between() -> None:
        with pytest.raises(ConsentLost):
            await freshness.access_token(session.pk)

    interposed.before = ("set_state", another_call_comes_in_between)
    with pytest.raises(ConsentLost):
        await freshness.access_token(session.pk)
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT
    assert (await stored(office, session)).access_token == Secret("")
    assert office.google.calls.count("refresh") == 1
