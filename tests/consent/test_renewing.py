"""Consenting again: the same person, the same session, and nobody else's."""

import pytest
from support.consent import Office
from support.scripted_authority import ISSUER

from scp_server.domain.errors import ConsentLost, ConsentRefused
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, SessionState


async def test_the_same_address_with_another_subject_is_another_account(office: Office) -> None:
    session = await office.consented()
    page = await office.page(await office.connect().renewal_url(session))
    before = (await office.now(session), await office.sessions.grant(session.pk))
    office.google.account = Account(issuer=ISSUER, subject="sub-2", label="user@mail.example")
    with pytest.raises(ConsentRefused, match="another account") as caught:
        await office.answer(page)
    assert "user@mail.example" not in caught.value.message
    assert (await office.now(session), await office.sessions.grant(session.pk)) == before


async def test_the_same_subject_of_another_issuer_is_another_account(office: Office) -> None:
    session = await office.consented()
    page = await office.page(await office.connect().renewal_url(session))
    office.google.account = Account(issuer="https://other.example", subject="sub-1", label=None)
    with pytest.raises(ConsentRefused):
        await office.answer(page)


async def test_a_renewal_keeps_the_session_and_wakes_its_streams(office: Office) -> None:
    session = await office.consented()
    await office.sessions.set_state(session.pk, SessionState.NEEDS_CONSENT)
    office.google.account = Account(issuer=ISSUER, subject="sub-1", label="renamed@mail.example")
    outcome = await office.answer(await office.page(await office.connect().renewal_url(session)))
    assert outcome.renewed
    assert outcome.session.pk == session.pk
    assert outcome.session.state is SessionState.ACTIVE
    assert office.audit.told()[-1] == ("consent.renewed", "user", "ok")
    assert office.notices.heard[-1] == ("consent_renewed", session.pk)


async def test_a_renewal_without_a_refresh_token_keeps_the_old_one(office: Office) -> None:
    session = await office.consented()
    old = await office.sessions.grant(session.pk)
    office.google.refresh_token = None
    await office.answer(await office.page(await office.connect().renewal_url(session)))
    new = await office.sessions.grant(session.pk)
    assert old is not None
    assert new is not None
    assert new.refresh_token == old.refresh_token
    assert new.access_token != old.access_token


async def test_a_renewal_after_the_grant_died_does_not_revive_its_refresh_token(
    office: Office,
) -> None:
    session = await office.consented()
    office.google.failure = ConsentLost("withdrawn")
    office.clock.turn(3600)
    with pytest.raises(ConsentLost):
        await office.freshness().access_token(session.pk)
    office.google.failure = None
    office.google.refresh_token = None
    page = await office.page(await office.connect().renewal_url(session))
    with pytest.raises(ConsentRefused, match="no refresh token"):
        await office.answer(page)


async def test_two_tabs_of_two_people_cannot_share_one_session(office: Office) -> None:
    session = await office.sessions.find(Secret((await office.opened()).session_id))
    assert session is not None
    first = await office.page(await office.connect().renewal_url(session))
    second = await office.page(await office.connect().renewal_url(session))

    async def the_other_finishes_first() -> None:
        office.google.meanwhile = nothing
        mine = office.google.account
        office.google.account = Account(issuer=ISSUER, subject="sub-2", label=None)
        await office.answer(second)
        office.google.account = mine

    async def nothing() -> None:
        return

    office.google.meanwhile = the_other_finishes_first
    with pytest.raises(ConsentRefused, match="another account"):
        await office.answer(first)
    account = (await office.now(session)).account
    assert account is not None
    assert account.subject == "sub-2"
