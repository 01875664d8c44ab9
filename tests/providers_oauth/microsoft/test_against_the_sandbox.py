"""The core's consent and the sandboxed Microsoft: who certifies one certifies the other.

Whole servers, and streams over them, are in tests/e2e/test_microsoft_consent.py.
"""

import html
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import anyio
import pytest
from support.consent import Office, query_of
from support.time_and_chance import TurnedClock

from scp_sandbox import SandboxSettings, microsoft_endpoints, serve
from scp_server.config.provider_settings import MicrosoftSettings
from scp_server.config.registrations import microsoft_registration
from scp_server.consent.connect import LoginPage
from scp_server.domain.errors import ConsentLost, OperatorFault
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant, Session, SessionState
from scp_server.ports.authority import Authority
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_server.telemetry.clock import SystemClock
from scp_wire.stream_types import Provider, StreamType

HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass(slots=True)
class Walk:
    """An office whose Microsoft is a sandbox, and a browser."""

    office: Office
    base: str
    http: aiohttp.ClientSession

    async def order(self, verb: str, **details: object) -> dict[str, Any]:
        """Let something befall everybody at the sandbox; without details, look."""
        address = f"{self.base}/sandbox/outlook/{verb}"
        method = "GET" if verb == "ledger" else "POST"
        async with self.http.request(method, address, json=details) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def consented(self, url: str | None = None) -> Session:
        """A user opens our link (or begins by hand), agrees at the sandbox and comes back."""
        page = await self.office.page(url)
        brought = await self._agreed(page)
        outcome = await self.office.answer(
            page, code=brought["code"], state=brought["state"], iss=brought.get("iss")
        )
        return outcome.session

    async def stored(self, session: Session) -> Grant:
        """The session's tokens."""
        grant = await self.office.sessions.grant(session.pk)
        assert grant is not None
        return grant

    async def me(self, token: Secret) -> int:
        """The status with which Graph answers to a token."""
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        async with self.http.get(f"{self.base}/v1.0/me", headers=headers) as answer:
            return answer.status

    async def _agreed(self, page: LoginPage) -> dict[str, str]:
        async with self.http.get(page.redirect) as shown:
            text = await shown.text()
        (person, *_) = re.findall(r'name="user" value="([^"]+)"', text)
        scopes = re.findall(r'name="scope" value="([^"]+)"', text)
        fields = [(name, html.unescape(value)) for name, value in HIDDEN.findall(text)]
        fields += [("user", person), ("decision", "allow")]
        fields += [("scope", scope) for scope in scopes]
        there = page.redirect.partition("?")[0]
        form = aiohttp.FormData(fields)
        async with self.http.post(there, data=form, allow_redirects=False) as answer:
            assert answer.status == 302
            return query_of(answer.headers["Location"])


@pytest.fixture
async def base() -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = SandboxSettings(messages=3, events=3, contacts=3, files=3, base_url=base)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(serve, settings, host="127.0.0.1", port=0, sockets=[listening]))
        yield base
        tasks.cancel_scope.cancel()


def registered(base: str) -> MicrosoftSettings:
    """The settings that lead to the sandbox, as its options print them."""
    at = microsoft_endpoints(base)
    return MicrosoftSettings(
        client_id=at["client_id"],
        client_secret=Secret(at["client_secret"]),
        authorization_url=at["authorization_url"],
        token_url=at["token_url"],
        jwks_url=at["jwks_url"],
        issuer=at["issuer"],
        graph_url=at["graph_url"],
    )


@pytest.fixture
async def walk(base: str, http: aiohttp.ClientSession) -> Walk:
    registration = microsoft_registration(registered(base))
    assert registration is not None
    authority: Authority = MicrosoftAuthority(registration, http, SystemClock())
    clock = TurnedClock(now=SystemClock().now())
    office = Office(
        clock=clock,
        provider=Provider.MICROSOFT,
        stream_type=StreamType.OUTLOOK_MESSAGES,
        public_url="http://localhost:5000",  # the sandbox accepts any port of loopback
    )
    office.authorities = {Provider.MICROSOFT: authority}
    return Walk(office, base, http)


async def test_a_consent_brings_a_token_that_graph_accepts(walk: Walk) -> None:
    session = await walk.consented((await walk.office.opened()).authorization_url)
    assert session.state is SessionState.ACTIVE
    assert session.account is not None
    assert session.account.issuer.startswith(walk.base)
    assert session.scopes >= {"Mail.Read", "User.Read"}
    assert await walk.me(await walk.office.freshness().access_token(session.pk)) == 200


async def test_refresh_tokens_rotate_and_an_older_one_is_still_tolerated(walk: Walk) -> None:
    session = await walk.consented()
    freshness, seen = walk.office.freshness(), {(await walk.stored(session)).refresh_token}
    for _ in range(3):
        await freshness.refused(session.pk, await freshness.access_token(session.pk))
        seen.add((await walk.stored(session)).refresh_token)
    assert len(seen) == 4
    authority = walk.office.authorities[Provider.MICROSOFT]
    await authority.refresh(await walk.stored(session))  # and its answer is lost in a crash
    await freshness.refused(session.pk, await freshness.access_token(session.pk))
    assert await walk.me(await freshness.access_token(session.pk)) == 200
    assert (await walk.order("ledger"))["refreshes"] == 5


async def test_a_challenged_token_is_worth_nothing_until_the_claims_are_redeemed(
    walk: Walk,
) -> None:
    session = await walk.consented()
    freshness = walk.office.freshness()
    await walk.order("challenge")
    token = await freshness.access_token(session.pk)
    assert await walk.me(token) == 401
    await freshness.refused(session.pk, token)
    unproven = await freshness.access_token(session.pk)
    assert await walk.me(unproven) == 401
    claims = '{"access_token":{"nbf":{"essential":true,"value":"9999999999"}}}'
    await freshness.refused(session.pk, unproven, claims=claims)
    assert await walk.me(await freshness.access_token(session.pk)) == 200


async def test_a_withdrawn_consent_is_lost_and_can_be_given_again(walk: Walk) -> None:
    session = await walk.consented()
    freshness = walk.office.freshness()
    await walk.order("consent/revoke")
    with pytest.raises(ConsentLost, match="withdrawn"):
        await freshness.refused(session.pk, await freshness.access_token(session.pk))
    assert (await walk.office.now(session)).state is SessionState.NEEDS_CONSENT
    renewed = await walk.consented(await walk.office.connect().renewal_url(session))
    assert renewed.pk == session.pk
    assert await walk.me(await freshness.access_token(session.pk)) == 200


async def test_an_expired_secret_touches_no_consent(walk: Walk) -> None:
    session = await walk.consented()
    freshness = walk.office.freshness()
    await walk.order("secret", expired=True)
    with pytest.raises(OperatorFault, match="7000222"):
        await freshness.refused(session.pk, await freshness.access_token(session.pk))
    await walk.order("secret", expired=False)
    await freshness.refused(session.pk, await freshness.access_token(session.pk))
    assert (await walk.office.now(session)).state is SessionState.ACTIVE
