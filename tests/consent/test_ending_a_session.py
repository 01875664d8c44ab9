"""The end of a session: what is destroyed, who is told, and what the provider hears."""

import pytest
from support.consent import Office

from scp_server.domain.errors import StorageUnavailable
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_wire.rest import SessionEnded

DAY = 86_400.0


async def test_ending_destroys_the_tokens_and_cuts_what_was_open(office: Office) -> None:
    session = await office.consented()
    ended = await office.revoke().end(session, operator=False)
    assert ended == SessionEnded(state="ended", provider_revocation="requested")
    assert (await office.now(session)).state is SessionState.ENDED
    assert await office.sessions.grant(session.pk) is None
    assert office.notices.heard[-1] == ("session_ended", session.pk)
    assert office.audit.told()[-1] == ("session.ended", "user", "ok")
    assert office.google.calls.count("revoke") == 1


async def test_while_another_session_needs_the_grant_the_provider_is_not_told(
    office: Office,
) -> None:
    first, second = await office.consented(), await office.consented()
    assert (await office.revoke().end(first, operator=False)).provider_revocation == "not_needed"
    assert "revoke" not in office.google.calls
    assert (await office.revoke().end(second, operator=False)).provider_revocation == "requested"


async def test_the_operator_can_demand_that_the_provider_is_told(office: Office) -> None:
    first, _ = await office.consented(), await office.consented()
    ended = await office.revoke().end(first, operator=True)
    assert ended.provider_revocation == "requested"
    assert office.audit.told()[-1] == ("session.ended", "operator", "ok")


async def test_a_provider_that_would_not_forget_is_told_as_failed(office: Office) -> None:
    session = await office.consented()
    office.google.forgets = False
    assert (await office.revoke().end(session, operator=False)).provider_revocation == "failed"


async def test_a_provider_that_cannot_be_told_is_said_to_be_so(office: Office) -> None:
    session = await office.consented()
    office.google.revokes = False
    ended = await office.revoke().end(session, operator=False)
    assert ended.provider_revocation == "unavailable"
    assert "revoke" not in office.google.calls
    assert await office.sessions.grant(session.pk) is None


async def test_tokens_are_revoked_only_where_they_were_given(office: Office) -> None:
    session = await office.consented()
    office.google.url = "https://moved.example"
    assert (await office.revoke().end(session, operator=False)).provider_revocation == "failed"
    assert "revoke" not in office.google.calls


async def test_a_session_that_never_had_a_grant_needs_no_revocation(office: Office) -> None:
    session = await office.sessions.find(Secret((await office.opened()).session_id))
    assert session is not None
    ended = await office.revoke().end(session, operator=True)
    assert ended.provider_revocation == "not_needed"
    assert (await office.now(session)).state is SessionState.ENDED


async def test_consumers_are_cut_off_even_when_the_audit_fails(office: Office) -> None:
    session = await office.consented()
    office.audit.broken = True
    with pytest.raises(StorageUnavailable):
        await office.revoke().end(session, operator=False)
    assert office.notices.heard[-1] == ("session_ended", session.pk)
    assert await office.sessions.grant(session.pk) is None


async def test_nothing_is_told_when_nothing_could_be_ended(office: Office) -> None:
    session = await office.consented()
    office.sessions.broken = True
    with pytest.raises(StorageUnavailable):
        await office.revoke().end(session, operator=False)
    assert ("session_ended", session.pk) not in office.notices.heard


async def test_sessions_whose_time_is_over_are_swept_away(office: Office) -> None:
    old = await office.consented()
    office.clock.turn(15 * DAY)
    young = await office.consented()
    office.clock.turn(15 * DAY)
    revoke = office.revoke()
    assert await revoke.sweep() == 1
    assert await revoke.sweep() == 0
    assert (await office.now(old)).state is SessionState.ENDED
    assert (await office.now(young)).state is SessionState.ACTIVE
    assert office.notices.heard[-1] == ("session_ended", old.pk)
    assert "revoke" not in office.google.calls
