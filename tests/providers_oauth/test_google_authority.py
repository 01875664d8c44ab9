"""Google's OAuth server, asked over real HTTP."""

import socket
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from providers_oauth.flow import NONCE, REDIRECT_URI, VERIFIER, asked_url, consented
from support.consent import query_of
from support.google_sign_in import CLIENT_ID, CLIENT_SECRET, ScriptedGoogle
from support.time_and_chance import TurnedClock

from scp_server.domain.errors import (
    ConsentLost,
    ProviderProtocolError,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant
from scp_server.providers.google.oauth import GoogleAuthority
from scp_wire.stream_types import StreamType

AUTH = "https://www.googleapis.com/auth/"


async def test_the_authorization_url_asks_for_a_code_offline_with_s256(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    url = asked_url(authority)
    assert url.startswith(f"{google.url}/auth?")
    assert query_of(url) == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "email openid",
        "state": "state",
        "nonce": NONCE,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "true",
    }


@pytest.mark.parametrize(
    ("stream_type", "scopes"),
    [
        (StreamType.GMAIL_MESSAGES, {"gmail.readonly"}),
        (StreamType.GMAIL_THREADS, {"gmail.readonly"}),
        (
            StreamType.CALENDAR_EVENTS,
            {"calendar.events.readonly", "calendar.calendarlist.readonly"},
        ),
        (StreamType.CONTACTS, {"contacts.readonly"}),
        (StreamType.FILES, {"drive.metadata.readonly"}),
    ],
)
async def test_each_type_asks_for_the_least_that_serves_it(
    authority: GoogleAuthority, stream_type: StreamType, scopes: set[str]
) -> None:
    expected = {"openid", "email"} | {AUTH + scope for scope in scopes}
    assert authority.scopes((stream_type,)) == expected


async def test_the_endpoints_hold_addresses_and_no_credentials(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    assert authority.endpoints["gmail_url"] == f"{google.url}/g"
    assert authority.endpoints["token_url"] == f"{google.url}/token"
    shown = repr(authority.endpoints) + repr(google.endpoints())
    assert CLIENT_SECRET not in shown
    assert CLIENT_ID not in repr(authority.endpoints)


async def test_only_its_own_issuer_is_expected_to_the_letter(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    assert authority.expects_issuer(google.url)
    for issuer in (f"{google.url}/", google.url.upper(), "https://accounts.google.com", ""):
        assert not authority.expects_issuer(issuer)


async def test_a_code_brings_tokens_scopes_and_the_account(
    google: ScriptedGoogle, authority: GoogleAuthority, clock: TurnedClock
) -> None:
    got = await consented(google, authority)
    assert got.account.issuer == google.url
    assert (got.account.subject, got.account.label) == ("sub-1", "user@mail.example")
    assert got.grant.scopes == {"openid", "email"}
    assert got.grant.expires_at == clock.now() + 3599
    assert got.grant.lifetime == 3599
    assert got.grant.refresh_token is not None
    assert "CANARY" not in repr(got.grant)


async def test_the_client_authenticates_in_the_body_and_proves_the_flow_is_its_own(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    await consented(google, authority)
    path, form = google.requests[0]
    assert path == "/token"
    assert form.pop("code").startswith("4/0A")
    assert form == {
        "grant_type": "authorization_code",
        "code_verifier": VERIFIER.reveal(),
        "redirect_uri": REDIRECT_URI,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }


async def test_a_code_is_worth_nothing_with_another_verifier(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    code, _ = google.consent(asked_url(authority))
    with pytest.raises(ConsentLost):
        await authority.exchange(
            code=Secret(code),
            verifier=Secret("another-verifier-of-at-least-43-characters-0"),
            nonce=NONCE,
            redirect_uri=REDIRECT_URI,
        )


async def test_scopes_the_user_unticked_are_not_granted(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    google.granted = "openid"
    assert (await consented(google, authority)).grant.scopes == {"openid"}


async def test_a_missing_refresh_token_is_reported_as_missing(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    google.gives_refresh_token = False
    assert (await consented(google, authority)).grant.refresh_token is None


async def test_a_refresh_keeps_the_refresh_token_and_counts_the_version(
    google: ScriptedGoogle, authority: GoogleAuthority, clock: TurnedClock
) -> None:
    grant = (await consented(google, authority)).grant
    clock.turn(3000)
    fresh = await authority.refresh(grant)
    assert fresh.access_token != grant.access_token
    assert fresh.refresh_token == grant.refresh_token
    assert fresh.expires_at == clock.now() + 3599
    assert fresh.version == grant.version + 1


async def test_a_new_refresh_token_replaces_the_old_one(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    grant = (await consented(google, authority)).grant
    google.answers = [
        web.json_response({"access_token": "a", "expires_in": 60, "refresh_token": "new"})
    ]
    fresh = await authority.refresh(grant)
    assert fresh.refresh_token == Secret("new")
    assert fresh.scopes == grant.scopes
    assert fresh.lifetime == 60


async def test_without_a_refresh_token_google_is_not_asked(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    grant = (await consented(google, authority)).grant
    with pytest.raises(ConsentLost):
        await authority.refresh(replace(grant, refresh_token=None))
    assert google.calls("/token") == 1


async def test_a_token_that_claims_to_live_for_ever_is_refreshed_daily(
    google: ScriptedGoogle, authority: GoogleAuthority, clock: TurnedClock
) -> None:
    google.expires_in = 10**12
    assert (await consented(google, authority)).grant.expires_at == clock.now() + 86_400


async def test_revoking_kills_the_grant_at_google(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    grant = (await consented(google, authority)).grant
    assert await authority.revoke(grant)
    with pytest.raises(ConsentLost):
        await authority.refresh(grant)


async def test_revoking_what_is_gone_already_is_success(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    grant = replace((await consented(google, authority)).grant, refresh_token=Secret("gone"))
    assert await authority.revoke(grant)


async def test_a_revocation_that_fails_is_told_not_raised(
    google: ScriptedGoogle, clock: TurnedClock
) -> None:
    at = replace(google.endpoints(), revocation_url=f"{google.url}/nowhere")
    async with aiohttp.ClientSession() as http:
        authority = GoogleAuthority(at, http, clock)
        assert not await authority.revoke((await consented(google, authority)).grant)


async def test_whose_tokens_these_are_is_asked_with_the_access_token(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    access, refresh = google.issue()
    known = await authority.account_of(
        Grant(
            access_token=Secret(access),
            refresh_token=Secret(refresh),
            expires_at=0,
            scopes=frozenset(),
        )
    )
    assert (known.account.issuer, known.account.subject, known.account.label) == (
        google.url,
        "sub-1",
        "user@mail.example",
    )
    assert known.grant.refresh_token == Secret(refresh)


async def test_an_access_token_google_does_not_know_is_nobodys(
    authority: GoogleAuthority,
) -> None:
    with pytest.raises(ConsentLost, match="openid"):
        await authority.account_of(
            Grant(
                access_token=Secret("unknown"),
                refresh_token=None,
                expires_at=0,
                scopes=frozenset(),
            )
        )


async def test_a_userinfo_address_that_is_none_is_a_protocol_error(
    google: ScriptedGoogle, clock: TurnedClock
) -> None:
    at = replace(google.endpoints(), userinfo_url=f"{google.url}/nowhere")
    async with aiohttp.ClientSession() as http:
        authority = GoogleAuthority(at, http, clock)
        with pytest.raises(ProviderProtocolError):
            await authority.account_of((await consented(google, authority)).grant)


async def test_a_revocation_that_reaches_nobody_is_told_not_raised(
    google: ScriptedGoogle, clock: TurnedClock
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/revoke"
        at = replace(google.endpoints(), revocation_url=gone)
        async with aiohttp.ClientSession() as http:
            authority = GoogleAuthority(at, http, clock)
            assert not await authority.revoke((await consented(google, authority)).grant)
