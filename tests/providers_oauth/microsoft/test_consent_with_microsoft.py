"""The core's consent and the Microsoft identity platform together, over real HTTP."""

import json

import anyio
import pytest
from support.consent import Office, query_of
from support.interposed import Interposed
from support.microsoft_sign_in import OTHER_WORK, ScriptedMicrosoft, refusal
from support.time_and_chance import TurnedClock

from scp_server.consent.connect import Outcome
from scp_server.domain.errors import (
    ConsentLost,
    ConsentRefused,
    InvalidRequest,
    OperatorFault,
    StorageUnavailable,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_wire.rest import ImportedTokens, OpenSession
from scp_wire.stream_types import Provider, StreamType

NBF = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1604106651"}}})


@pytest.fixture
def office(clock: TurnedClock, authority: MicrosoftAuthority) -> Office:
    office = Office(
        clock=clock, provider=Provider.MICROSOFT, stream_type=StreamType.OUTLOOK_MESSAGES
    )
    office.authorities = {Provider.MICROSOFT: authority}
    office.sessions = Interposed(clock)
    return office


async def walked(office: Office, microsoft: ScriptedMicrosoft, url: str | None) -> Outcome:
    """A user opens our link, agrees at Microsoft and comes back. Microsoft sends no `iss`."""
    page = await office.page(url)
    code, state = microsoft.consent(page.redirect)
    return await office.answer(page, code=code, state=state, iss=None)


async def stored(office: Office, session: Session) -> Grant:
    grant = await office.sessions.grant(session.pk)
    assert grant is not None
    return grant


async def test_a_user_consents_and_the_session_can_be_used(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    outcome = await walked(office, microsoft, (await office.opened()).authorization_url)
    session = outcome.session
    assert session.state is SessionState.ACTIVE
    assert session.account is not None
    assert session.account.issuer == microsoft.issuer
    assert session.scopes >= {"Mail.Read", "User.Read"}
    token = await office.freshness().access_token(session.pk)
    assert token.reveal().startswith("EwB")


async def test_a_consent_without_offline_access_is_refused_with_the_mend(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    microsoft.granted = "openid profile Mail.Read"
    opened = await office.opened()
    with pytest.raises(ConsentRefused, match="offline_access"):
        await walked(office, microsoft, opened.authorization_url)
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.PENDING


async def test_an_answer_of_another_issuer_is_refused_before_any_code_is_redeemed(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    page = await office.page(None)
    code, state = microsoft.consent(page.redirect)
    with pytest.raises(ConsentRefused):
        await office.answer(page, code=code, state=state, iss="https://accounts.google.com")
    assert not microsoft.requests


async def test_each_refresh_keeps_the_new_refresh_token_and_the_next_one_uses_it(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    microsoft.strict = True
    session = (await walked(office, microsoft, None)).session
    freshness = office.freshness()
    for _ in range(4):
        before = await stored(office, session)
        clock.turn(3600)
        await freshness.access_token(session.pk)
        after = await stored(office, session)
        assert after.refresh_token not in {None, before.refresh_token}
    used = [form["refresh_token"] for form in microsoft.forms("refresh_token")]
    assert len(set(used)) == 4
    assert (await office.now(session)).state is SessionState.ACTIVE


async def test_two_hundred_callers_at_a_strictly_rotating_server_use_one_refresh_token(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    microsoft.strict = True
    session = (await walked(office, microsoft, None)).session
    clock.turn(3600)
    freshness = office.freshness()
    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(freshness.access_token, session.pk)
    assert len(microsoft.forms("refresh_token")) == 1


async def test_a_new_refresh_token_that_could_not_be_stored_is_stored_before_anything_else(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    microsoft.strict = True
    session = (await walked(office, microsoft, None)).session
    freshness = office.freshness()
    clock.turn(3600)

    async def the_database_goes() -> None:
        office.sessions.broken = True

    assert isinstance(office.sessions, Interposed)
    office.sessions.before = ("replace_grant", the_database_goes)
    with pytest.raises(StorageUnavailable):
        await freshness.access_token(session.pk)
    office.sessions.broken = False
    token = await freshness.access_token(session.pk)
    assert token == (await stored(office, session)).access_token
    assert len(microsoft.forms("refresh_token")) == 1
    clock.turn(3600)
    await freshness.access_token(session.pk)
    assert len(microsoft.forms("refresh_token")) == 2


async def test_what_could_not_be_stored_until_it_was_too_old_is_still_good_to_refresh_with(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    microsoft.strict = True
    session = (await walked(office, microsoft, None)).session
    freshness = office.freshness()
    clock.turn(3600)

    async def the_database_goes() -> None:
        office.sessions.broken = True

    assert isinstance(office.sessions, Interposed)
    office.sessions.before = ("replace_grant", the_database_goes)
    with pytest.raises(StorageUnavailable):
        await freshness.access_token(session.pk)
    office.sessions.broken = False
    clock.turn(7200)
    token = await freshness.access_token(session.pk)
    grant = await stored(office, session)
    assert token == grant.access_token
    assert grant.expires_at > clock.now()


async def test_after_a_crash_between_rotation_and_commit_the_old_token_is_tolerated(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock, authority: MicrosoftAuthority
) -> None:
    session = (await walked(office, microsoft, None)).session
    clock.turn(3600)
    await authority.refresh(await stored(office, session))  # and the process dies here
    await office.freshness().access_token(session.pk)
    assert (await office.now(session)).state is SessionState.ACTIVE


async def test_after_a_crash_an_old_token_that_is_refused_is_tried_once_and_never_again(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock, authority: MicrosoftAuthority
) -> None:
    microsoft.strict = True
    session = (await walked(office, microsoft, None)).session
    clock.turn(3600)
    await authority.refresh(await stored(office, session))  # and the process dies here
    freshness = office.freshness()
    for _ in range(5):
        with pytest.raises(ConsentLost, match="consent again"):
            await freshness.access_token(session.pk)
    assert len(microsoft.forms("refresh_token")) == 2
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT
    assert office.notices.heard.count(("consent_lost", session.pk)) == 1


async def test_a_refused_token_is_replaced_by_one_that_proves_what_was_demanded(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    session = (await walked(office, microsoft, None)).session
    freshness = office.freshness()
    token = await freshness.access_token(session.pk)
    await freshness.refused(session.pk, token, claims=NBF)
    assert await freshness.access_token(session.pk) != token
    (form,) = microsoft.forms("refresh_token")
    assert json.loads(form["claims"])["access_token"]["nbf"]["value"] == "1604106651"


async def test_a_challenge_that_only_the_user_can_meet_loses_the_consent_and_says_why(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    session = (await walked(office, microsoft, None)).session
    freshness = office.freshness()
    token = await freshness.access_token(session.pk)
    microsoft.answers = [refusal("interaction_required", 50076, claims="CANARY")]
    with pytest.raises(ConsentLost, match="multi-factor"):
        await freshness.refused(session.pk, token, claims=NBF)
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT
    assert office.audit.told()[-1] == ("consent.lost", "server", "TOKEN_EXPIRED")
    outcome = await walked(office, microsoft, await office.connect().renewal_url(session))
    assert outcome.renewed
    assert outcome.session.pk == session.pk


async def test_an_expired_client_secret_leaves_the_session_as_it_is(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    session = (await walked(office, microsoft, None)).session
    grant = await stored(office, session)
    freshness = office.freshness()
    clock.turn(3600)
    microsoft.answers = [refusal("invalid_client", 7000222, status=401)] * 2
    for _ in range(10):
        with pytest.raises(OperatorFault, match="operator"):
            await freshness.access_token(session.pk)
    assert len(microsoft.forms("refresh_token")) == 1
    assert (await office.now(session)).state is SessionState.ACTIVE
    assert await stored(office, session) == grant
    microsoft.answers = []
    clock.turn(41)
    assert await freshness.access_token(session.pk) != grant.access_token


async def test_a_renewal_in_another_directory_is_another_person(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    session = (await walked(office, microsoft, None)).session
    microsoft.tid = OTHER_WORK
    with pytest.raises(ConsentRefused, match="another account"):
        await walked(office, microsoft, await office.connect().renewal_url(session))


async def test_ending_the_session_says_that_microsoft_cannot_be_told(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    first = (await walked(office, microsoft, None)).session
    second = (await walked(office, microsoft, None)).session
    before = len(microsoft.requests)
    ended = await office.revoke().end(first, operator=False)
    assert ended.provider_revocation == "not_needed"
    ended = await office.revoke().end(second, operator=False)
    assert ended.provider_revocation == "unavailable"
    assert len(microsoft.requests) == before
    assert await office.sessions.grant(second.pk) is None


async def test_tokens_from_elsewhere_are_checked_at_microsoft_and_their_successors_used(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    microsoft.strict = True
    access, refresh = microsoft.issue("openid profile offline_access Mail.Read")
    tokens = ImportedTokens(
        access_token=access, refresh_token=refresh, expires_at=clock.now() - 1, scope="Mail.Read"
    )
    asked = OpenSession(provider="microsoft", stream_types=["outlook_messages"], tokens=tokens)
    opened = await office.connect().open(asked, operator=True)
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.account is not None
    assert session.account.issuer == microsoft.issuer
    clock.turn(3600)
    await office.freshness().access_token(session.pk)
    assert (await office.now(session)).state is SessionState.ACTIVE


async def test_tokens_from_elsewhere_without_a_refresh_token_cannot_be_told_apart(
    office: Office, microsoft: ScriptedMicrosoft, clock: TurnedClock
) -> None:
    access, _ = microsoft.issue("openid Mail.Read")
    tokens = ImportedTokens(access_token=access, expires_at=clock.now() + 60, scope="Mail.Read")
    asked = OpenSession(provider="microsoft", stream_types=["outlook_messages"], tokens=tokens)
    with pytest.raises(InvalidRequest, match="offline_access"):
        await office.connect().open(asked, operator=True)


async def test_no_secret_of_ours_is_in_any_address_the_browser_sees(
    office: Office, microsoft: ScriptedMicrosoft
) -> None:
    opened = await office.opened()
    page = await office.page(opened.authorization_url)
    code, state = microsoft.consent(page.redirect)
    await office.answer(page, code=code, state=state, iss=None)
    (form,) = microsoft.forms("authorization_code")
    seen = f"{opened.authorization_url} {page.redirect}"
    for hidden in (opened.session_id, page.cookie.reveal(), form["code_verifier"]):
        assert hidden not in seen
    assert "client_secret" not in query_of(page.redirect)
