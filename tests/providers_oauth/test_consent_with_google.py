"""The core's consent and Google's OAuth server together, over real HTTP."""

import anyio
import pytest
from support.consent import Office, query_of
from support.google_sign_in import ScriptedGoogle
from support.time_and_chance import TurnedClock

from scp_server.consent.connect import Outcome
from scp_server.domain.errors import ConsentLost, ConsentRefused, ProviderProtocolError
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_server.providers.google.oauth import GoogleAuthority
from scp_wire.rest import ImportedTokens, OpenSession
from scp_wire.stream_types import Provider

MAIL = "https://www.googleapis.com/auth/gmail.readonly"


@pytest.fixture
def office(clock: TurnedClock, authority: GoogleAuthority) -> Office:
    office = Office(clock=clock)
    office.authorities = {Provider.GOOGLE: authority}
    return office


async def walked(office: Office, google: ScriptedGoogle, url: str | None) -> Outcome:
    """A user opens our link, agrees at Google and comes back."""
    page = await office.page(url)
    code, state = google.consent(page.redirect)
    return await office.answer(page, code=code, state=state, iss=google.url)


async def test_a_user_consents_and_the_session_can_be_used(
    office: Office, google: ScriptedGoogle
) -> None:
    outcome = await walked(office, google, (await office.opened()).authorization_url)
    assert outcome.session.state is SessionState.ACTIVE
    assert outcome.session.account is not None
    assert outcome.session.account.issuer == google.url
    assert outcome.session.scopes == {"openid", "email", MAIL}
    token = await office.freshness().access_token(outcome.session.pk)
    assert token.reveal().startswith("ya29.")


async def test_two_people_with_one_address_are_two_accounts(
    office: Office, google: ScriptedGoogle
) -> None:
    first = await walked(office, google, None)
    google.subject = "sub-2"
    second = await walked(office, google, None)
    assert first.session.account is not None
    assert second.session.account is not None
    assert first.session.account.label == second.session.account.label
    assert first.session.account != second.session.account
    ended = await office.revoke().end(first.session, operator=False)
    assert ended.provider_revocation == "requested"


async def test_a_code_stolen_into_another_flow_is_refused_by_its_verifier(
    office: Office, google: ScriptedGoogle
) -> None:
    victim = await office.page((await office.opened()).authorization_url)
    thief = await office.page((await office.opened()).authorization_url)
    code, _ = google.consent(victim.redirect)
    with pytest.raises(ConsentRefused):
        await office.answer(thief, code=code, iss=google.url)


async def test_an_id_token_of_another_flow_is_refused_by_its_nonce(
    office: Office, google: ScriptedGoogle
) -> None:
    google.forged_id_token = google.id_token(nonce="of-another-flow")
    opened = await office.opened()
    with pytest.raises(ProviderProtocolError):
        await walked(office, google, opened.authorization_url)
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.PENDING


async def test_two_hundred_calls_at_an_expired_token_make_one_request_to_google(
    office: Office, google: ScriptedGoogle, clock: TurnedClock
) -> None:
    session = (await walked(office, google, None)).session
    before = google.calls("/token")
    clock.turn(3600)
    freshness = office.freshness()
    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(freshness.access_token, session.pk)
    assert google.calls("/token") - before == 1


async def test_a_user_who_withdraws_and_consents_again_keeps_the_session(
    office: Office, google: ScriptedGoogle, clock: TurnedClock
) -> None:
    session = (await walked(office, google, None)).session
    google.alive.clear()
    clock.turn(3600)
    with pytest.raises(ConsentLost):
        await office.freshness().access_token(session.pk)
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT
    outcome = await walked(office, google, await office.connect().renewal_url(session))
    assert outcome.renewed
    assert outcome.session.pk == session.pk
    token = await office.freshness().access_token(session.pk)
    assert token.reveal().startswith("ya29.")


async def test_tokens_from_elsewhere_are_checked_at_google_and_used(
    office: Office, google: ScriptedGoogle, clock: TurnedClock
) -> None:
    access, refresh = google.issue()
    tokens = ImportedTokens(
        access_token=access, refresh_token=refresh, expires_at=clock.now() - 1, scope=MAIL
    )
    opened = await office.connect().open(
        OpenSession(provider="google", stream_types=["gmail_messages"], tokens=tokens),
        operator=True,
    )
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.account is not None
    assert session.account.subject == "sub-1"
    assert (await office.freshness().access_token(session.pk)) != Secret(access)


async def test_ending_the_session_kills_the_grant_at_google(
    office: Office, google: ScriptedGoogle
) -> None:
    session = (await walked(office, google, None)).session
    assert google.alive
    await office.revoke().end(session, operator=False)
    assert not google.alive


async def test_no_secret_of_ours_is_in_any_address_the_browser_sees(
    office: Office, google: ScriptedGoogle
) -> None:
    opened = await office.opened()
    page = await office.page(opened.authorization_url)
    code, state = google.consent(page.redirect)
    await office.answer(page, code=code, state=state, iss=google.url)
    form = next(form for path, form in google.requests if path == "/token")
    seen = f"{opened.authorization_url} {page.redirect}"
    for hidden in (opened.session_id, page.cookie.reveal(), form["code_verifier"]):
        assert hidden not in seen
    assert "client_secret" not in query_of(page.redirect)
