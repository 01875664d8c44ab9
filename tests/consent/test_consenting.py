"""A browser's way through login and callback, and every wrong turn it can take."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.consent import PUBLIC_URL, Office, query_of
from support.scripted_authority import ISSUER, ScriptedAuthority

from scp_server.domain.errors import (
    ConsentLost,
    ConsentRefused,
    OperatorFault,
    ProviderNotConfigured,
    ProviderProtocolError,
    ProviderUnavailable,
    ScpError,
    StorageUnavailable,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_wire.stream_types import Provider, StreamType


async def test_the_page_names_who_asks_and_for_what(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    assert page.agent_id == "mail-sorter"
    assert page.stream_types == (StreamType.GMAIL_MESSAGES,)


async def test_the_provider_is_asked_for_the_least_scopes_at_our_own_callback(
    office: Office,
) -> None:
    asked = query_of((await office.page((await office.opened()).authorization_url)).redirect)
    assert asked["scope"] == "email gmail_messages openid"
    assert asked["redirect_uri"] == f"{PUBLIC_URL}/oauth/google/callback"


async def test_an_answer_makes_the_session_active_for_thirty_days(office: Office) -> None:
    opened = await office.opened()
    outcome = await office.answer(await office.page(opened.authorization_url))
    session = await office.sessions.find(Secret(opened.session_id))
    assert session == outcome.session
    assert session is not None
    assert session.state is SessionState.ACTIVE
    assert session.account == office.google.account
    assert session.scopes == office.google.granted
    assert session.expires_at == office.clock.now() + 30 * 86_400
    assert (outcome.shown_id, outcome.return_url, outcome.renewed) == (None, None, False)
    assert office.audit.told() == [("consent.granted", "user", "ok")]
    assert office.notices.heard == [("consent_renewed", session.pk)]


async def test_the_verifier_is_the_one_whose_challenge_was_sent_and_never_in_the_url(
    office: Office,
) -> None:
    page = await office.page((await office.opened()).authorization_url)
    await office.answer(page)
    ((_, verifier, nonce, redirect_uri),) = office.google.exchanged
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    asked = query_of(page.redirect)
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert asked["code_challenge_method"] == "S256"
    assert 43 <= len(verifier.reveal()) <= 128
    assert verifier.reveal() not in page.redirect
    assert (asked["nonce"], asked["redirect_uri"]) == (nonce, redirect_uri)


async def test_a_thousand_flows_have_a_thousand_secrets(office: Office) -> None:
    opened = await office.opened()
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    seen: set[str] = set()
    for _ in range(1000):
        page = await office.page(await office.connect().renewal_url(session))
        asked = query_of(page.redirect)
        seen |= {asked["state"], asked["nonce"], asked["code_challenge"], page.cookie.reveal()}
    assert len(seen) == 4000
    assert all(bits >= 128 for bits, _ in office.chance.given)


async def test_a_login_link_works_once(office: Office) -> None:
    opened = await office.opened()
    await office.page(opened.authorization_url)
    with pytest.raises(ConsentRefused, match="new one"):
        await office.page(opened.authorization_url)


async def test_a_login_link_works_for_ten_minutes(office: Office) -> None:
    opened = await office.opened()
    office.clock.turn(600)
    with pytest.raises(ConsentRefused):
        await office.page(opened.authorization_url)


async def test_a_login_link_is_of_no_use_at_another_provider(office: Office) -> None:
    office.authorities = {
        Provider.GOOGLE: office.google,
        Provider.MICROSOFT: ScriptedAuthority(office.clock),
    }
    link = query_of(str((await office.opened()).authorization_url))["request"]
    with pytest.raises(ConsentRefused):
        await office.connect().login(Provider.MICROSOFT, Secret(link))


async def test_a_provider_that_is_not_set_up_has_no_login(office: Office) -> None:
    with pytest.raises(ProviderNotConfigured):
        await office.connect().login(Provider.MICROSOFT, None)


async def test_by_hand_a_session_of_all_readable_types_is_opened_and_its_id_shown_once(
    office: Office,
) -> None:
    page = await office.page(None)
    assert page.agent_id is None
    assert page.stream_types == (StreamType.GMAIL_MESSAGES, StreamType.CALENDAR_EVENTS)
    outcome = await office.answer(page)
    assert outcome.shown_id is not None
    found = await office.sessions.find(outcome.shown_id)
    assert found == outcome.session
    renewal = await office.page(await office.connect().renewal_url(outcome.session))
    assert (await office.answer(renewal)).shown_id is None


async def test_an_answer_is_taken_once(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    await office.answer(page)
    with pytest.raises(ConsentRefused):
        await office.answer(page)
    assert len(office.google.exchanged) == 1


async def test_an_answer_in_another_browser_finds_nothing_and_spoils_nothing(
    office: Office,
) -> None:
    page = await office.page((await office.opened()).authorization_url)
    other = await office.page((await office.opened()).authorization_url)
    for cookie in (other.cookie.reveal(), "", None):
        with pytest.raises(ConsentRefused):
            await office.answer(page, cookie=cookie)
    assert office.google.exchanged == []
    assert (await office.answer(page)).session.state is SessionState.ACTIVE


async def test_an_answer_after_ten_minutes_is_refused(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    office.clock.turn(600)
    with pytest.raises(ConsentRefused):
        await office.answer(page)


@given(st.data())
async def test_a_single_changed_character_of_state_or_cookie_is_refused(
    data: st.DataObject,
) -> None:
    office = Office()
    page = await office.page((await office.opened()).authorization_url)
    right = {"state": query_of(page.redirect)["state"], "cookie": page.cookie.reveal()}
    name = data.draw(st.sampled_from(["state", "cookie"]))
    place = data.draw(st.integers(0, len(right[name]) - 1))
    char = data.draw(st.characters().filter(lambda char: char != right[name][place]))
    changed = right[name][:place] + char + right[name][place + 1 :]
    with pytest.raises(ConsentRefused):
        await office.answer(page, **{name: changed})
    assert office.google.exchanged == []


async def test_state_and_cookie_cannot_be_cut_at_another_place(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    state, cookie = query_of(page.redirect)["state"], page.cookie.reveal()
    with pytest.raises(ConsentRefused):
        await office.answer(page, state=state[:-1], cookie=state[-1] + cookie)
    with pytest.raises(ConsentRefused):
        await office.answer(page, state=f"{state}.{cookie}", cookie="")


async def test_an_answer_delivered_to_another_providers_callback_asks_for_no_token(
    office: Office,
) -> None:
    other = ScriptedAuthority(office.clock)
    office.authorities = {Provider.GOOGLE: office.google, Provider.MICROSOFT: other}
    page = await office.page((await office.opened()).authorization_url)
    with pytest.raises(ConsentRefused):
        await office.connect().callback(
            Provider.MICROSOFT,
            code=Secret("code"),
            state=Secret(query_of(page.redirect)["state"]),
            cookie=page.cookie,
            error=None,
            iss=None,
        )
    assert office.google.calls + other.calls == []


@pytest.mark.parametrize("iss", ["https://evil.example", f"{ISSUER}/", ISSUER.upper(), ""])
async def test_an_answer_of_another_issuer_asks_for_no_token(office: Office, iss: str) -> None:
    page = await office.page((await office.opened()).authorization_url)
    with pytest.raises(ConsentRefused):
        await office.answer(page, iss=iss)
    assert office.google.calls == []


async def test_an_answer_may_come_without_an_issuer(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    assert (await office.answer(page, iss=None)).session.state is SessionState.ACTIVE


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "not granted"),
        ("admin_policy_enforced", "administrator"),
        ("consent_required", "administrators"),
        ("interaction_required", "second proof"),
        ("login_required", "sign in"),
        ("some_new_error", r"\(some_new_error\)"),
        ("<script>alert(1)</script>", "refused the consent, so"),
    ],
)
async def test_a_refusal_is_explained_audited_and_changes_nothing(
    office: Office, error: str, words: str
) -> None:
    opened = await office.opened()
    page = await office.page(opened.authorization_url)
    with pytest.raises(ConsentRefused, match=words) as caught:
        await office.answer(page, error=error, code="ignored")
    assert "<script>" not in caught.value.message
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.PENDING
    assert office.google.calls == []
    assert office.audit.told() == [("consent.refused", "user", "INVALID_REQUEST")]


async def test_after_a_refusal_a_fresh_link_still_works(office: Office) -> None:
    opened = await office.opened()
    with pytest.raises(ConsentRefused):
        await office.answer(await office.page(opened.authorization_url), error="access_denied")
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    page = await office.page(await office.connect().renewal_url(session))
    assert (await office.answer(page)).session.state is SessionState.ACTIVE


async def test_an_answer_without_a_code_is_refused(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    with pytest.raises(ConsentRefused):
        await office.answer(page, code=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failure", "seen"),
    [
        (ConsentLost("bad code"), ConsentRefused),
        (ProviderUnavailable("down"), ProviderUnavailable),
        (OperatorFault("wrong client"), OperatorFault),
        (ProviderProtocolError("bad ID token"), ProviderProtocolError),
    ],
)
async def test_a_failed_exchange_leaves_the_session_as_it_was(
    office: Office, failure: ProviderUnavailable, seen: type[ScpError]
) -> None:
    session = await office.consented()
    before = (await office.now(session), await office.sessions.grant(session.pk))
    page = await office.page(await office.connect().renewal_url(session))
    office.google.failure = failure
    with pytest.raises(seen):
        await office.answer(page)
    assert (await office.now(session), await office.sessions.grant(session.pk)) == before
    assert office.audit.told()[-1][0] == "consent.refused"


async def test_a_first_consent_without_a_refresh_token_tells_the_mend(office: Office) -> None:
    office.google.refresh_token = None
    opened = await office.opened()
    page = await office.page(opened.authorization_url)
    with pytest.raises(ConsentRefused, match="Remove this app"):
        await office.answer(page)
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.PENDING
    assert await office.sessions.grant(session.pk) is None


async def test_what_the_user_unticked_is_not_in_the_session(office: Office) -> None:
    office.google.granted = frozenset({"openid"})
    assert (await office.consented()).scopes == {"openid"}


async def test_a_session_ended_meanwhile_takes_no_consent(office: Office) -> None:
    opened = await office.opened()
    page = await office.page(opened.authorization_url)
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None

    async def ended() -> None:
        await office.revoke().end(session, operator=False)

    office.google.meanwhile = ended
    with pytest.raises(ConsentRefused, match="has ended"):
        await office.answer(page)
    assert await office.sessions.grant(session.pk) is None


async def test_a_session_nobody_consented_to_within_an_hour_is_over(office: Office) -> None:
    session = await office.sessions.find(Secret((await office.opened()).session_id))
    assert session is not None
    office.clock.turn(3599)
    url = await office.connect().renewal_url(session)
    office.clock.turn(1)
    with pytest.raises(ConsentRefused, match="has ended"):
        await office.page(url)


async def test_a_session_made_at_another_sign_in_server_is_not_sent_to_this_one(
    office: Office,
) -> None:
    session = await office.consented()
    office.google.url = "https://moved.example"
    with pytest.raises(ConsentRefused, match="another sign-in server"):
        await office.page(await office.connect().renewal_url(session))


async def test_without_an_audit_row_no_consent_is_kept(office: Office) -> None:
    opened = await office.opened()
    page = await office.page(opened.authorization_url)
    office.audit.broken = True
    with pytest.raises(StorageUnavailable):
        await office.answer(page)
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.PENDING


async def test_no_page_outcome_or_refusal_shows_a_secret(office: Office) -> None:
    page = await office.page(None)
    outcome = await office.answer(page, code="CANARY-code")
    with pytest.raises(ConsentRefused) as caught:
        await office.answer(page, code="CANARY-code")
    shown = repr(
        (page.cookie, outcome, caught.value, caught.value.details, office.google.exchanged)
    )
    assert "CANARY" not in shown
    assert outcome.shown_id is not None
    assert outcome.shown_id.reveal() not in shown
