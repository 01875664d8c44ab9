"""Consent on the real store: what races and promises the one in memory might hide."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import anyio
import pytest
from support.consent import RETURN_TO, Office, query_of
from support.scripted_authority import ISSUER
from support.sql_stores import all_bytes, sql_stores
from support.stores import MemorySessions

from scp_server.domain.errors import ConsentLost, ConsentRefused, InvalidRequest
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, SessionState


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    office = Office()
    async with sql_stores(tmp_path / "scp.db", clock=office.clock) as stores:
        # The office is written for the fake; the port is the same.
        office.sessions = cast("MemorySessions", stores.sessions)
        yield office


async def test_consent_refresh_loss_and_renewal_keep_one_session(office: Office) -> None:
    session = await office.consented()
    freshness = office.freshness()
    first = await freshness.access_token(session.pk)
    office.clock.turn(3600)
    assert await freshness.access_token(session.pk) != first
    office.clock.turn(3600)
    office.google.failure = ConsentLost("withdrawn")
    with pytest.raises(ConsentLost):
        await freshness.access_token(session.pk)
    assert (await office.now(session)).state is SessionState.NEEDS_CONSENT
    office.google.failure = None
    outcome = await office.answer(await office.page(await office.connect().renewal_url(session)))
    assert outcome.renewed
    assert outcome.session.state is SessionState.ACTIVE
    assert await freshness.access_token(session.pk) != first


async def test_two_hundred_callers_in_four_processes_store_one_grant(office: Office) -> None:
    session = await office.consented()
    office.clock.turn(3600)
    processes = [office.freshness() for _ in range(4)]
    got: list[Secret] = []

    async def ask(number: int) -> None:
        got.append(await processes[number % 4].access_token(session.pk))

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(ask, number)
    stored = await office.sessions.grant(session.pk)
    assert stored is not None
    assert set(got) == {stored.access_token}
    # Processes share no memory: each may ask the provider, only one of them is believed.
    assert office.google.calls.count("refresh") <= 4
    assert [row[0] for row in office.audit.told()].count("token.refreshed") == 1


async def test_an_answer_delivered_fifty_times_at_once_is_taken_once(office: Office) -> None:
    page = await office.page((await office.opened()).authorization_url)
    results: list[str] = []

    async def deliver() -> None:
        try:
            await office.answer(page)
        except ConsentRefused:
            results.append("refused")
        else:
            results.append("taken")

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(deliver)
    assert sorted(results) == ["refused"] * 49 + ["taken"]
    assert len(office.google.exchanged) == 1


async def test_a_return_code_raced_for_ends_the_session(office: Office) -> None:
    opened = await office.opened(return_to=RETURN_TO)
    outcome = await office.answer(await office.page(opened.authorization_url))
    code = Secret(query_of(str(outcome.return_url))["code"])
    taken: list[Secret] = []

    async def redeem() -> None:
        try:
            taken.append(await office.connect().exchange(code))
        except (InvalidRequest, ConsentRefused):
            return

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(redeem)
    assert len(taken) <= 1
    assert (await office.now(outcome.session)).state is SessionState.ENDED


async def test_another_account_cannot_take_over_a_session(office: Office) -> None:
    session = await office.consented()
    page = await office.page(await office.connect().renewal_url(session))
    office.google.account = Account(issuer=ISSUER, subject="sub-2", label=None)
    with pytest.raises(ConsentRefused):
        await office.answer(page)
    account = (await office.now(session)).account
    assert account is not None
    assert account.subject == "sub-1"


async def test_no_secret_of_a_consent_is_on_the_disk(office: Office, tmp_path: Path) -> None:
    opened = await office.opened(return_to=RETURN_TO)
    page = await office.page(opened.authorization_url)
    outcome = await office.answer(page)
    secrets = [value for bits, value in office.chance.given if bits >= 128]
    stored = await office.sessions.grant(outcome.session.pk)
    assert stored is not None
    assert stored.refresh_token is not None
    secrets += [stored.access_token.reveal(), stored.refresh_token.reveal(), opened.session_id]
    written = all_bytes(tmp_path)
    assert b"mail-sorter" in written  # the label is no secret: the search does find things
    assert [secret for secret in secrets if secret.encode() in written] == []
