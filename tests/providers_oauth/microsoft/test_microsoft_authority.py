"""The Microsoft identity platform, asked over real HTTP."""

import json
from dataclasses import replace

import aiohttp
import aiohttp.web
import pytest
from providers_oauth.flow import NONCE, VERIFIER
from providers_oauth.microsoft.walking import MAIL, REDIRECT_URI, asked_url, consented
from support.consent import query_of
from support.microsoft_sign_in import (
    CLIENT_ID,
    CLIENT_SECRET,
    OID,
    OTHER_WORK,
    PERSONAL,
    WORK,
    ScriptedMicrosoft,
)
from support.time_and_chance import TurnedClock

from scp_server.domain.errors import ConsentLost, ProviderProtocolError
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_wire.stream_types import StreamType

CAPABLE = {"access_token": {"xms_cc": {"values": ["cp1"]}}}
NBF = {"access_token": {"nbf": {"essential": True, "value": "1604106651"}}}
IDENTITY = {"openid", "profile", "email", "offline_access", "User.Read"}


def imported(access: str, refresh: str | None, *scopes: str) -> Grant:
    return Grant(
        access_token=Secret(access),
        refresh_token=None if refresh is None else Secret(refresh),
        expires_at=0,
        scopes=frozenset(scopes),
    )


async def test_the_authorization_url_asks_for_a_code_with_s256_and_lets_the_user_choose(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    url = asked_url(authority)
    assert url.startswith(f"{microsoft.url}/common/oauth2/v2.0/authorize?")
    query = query_of(url)
    assert json.loads(query.pop("claims")) == CAPABLE
    assert query == {
        "response_type": "code",
        "response_mode": "query",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "Mail.Read User.Read email offline_access openid profile",
        "state": "state",
        "nonce": NONCE,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "prompt": "select_account",
    }


@pytest.mark.parametrize(
    ("stream_type", "scope"),
    [
        (StreamType.OUTLOOK_MESSAGES, "Mail.Read"),
        (StreamType.OUTLOOK_EVENTS, "Calendars.Read"),
        (StreamType.CONTACTS, "Contacts.Read"),
        (StreamType.FILES, "Files.Read"),
    ],
)
async def test_each_type_asks_for_the_least_that_serves_it(
    authority: MicrosoftAuthority, stream_type: StreamType, scope: str
) -> None:
    assert authority.scopes((stream_type,)) == IDENTITY | {scope}


async def test_the_endpoints_are_the_tenants_and_hold_no_credentials(
    microsoft: ScriptedMicrosoft, http: aiohttp.ClientSession, clock: TurnedClock
) -> None:
    microsoft.tenant = WORK
    authority = MicrosoftAuthority(microsoft.endpoints(), http, clock)
    assert authority.endpoints["token_url"] == f"{microsoft.url}/{WORK}/oauth2/v2.0/token"
    assert authority.endpoints["graph_url"] == f"{microsoft.url}/graph"
    shown = repr(authority.endpoints) + repr(microsoft.endpoints())
    assert CLIENT_SECRET not in shown
    assert CLIENT_ID not in repr(authority.endpoints)


async def test_a_code_brings_tokens_scopes_and_the_account(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, clock: TurnedClock
) -> None:
    got = await consented(microsoft, authority)
    assert (got.account.issuer, got.account.subject) == (f"{microsoft.url}/{WORK}/v2.0", OID)
    assert got.account.label == "user@contoso.example"
    assert got.grant.scopes == {"Mail.Read", "User.Read", "email", "profile"}
    assert got.grant.expires_at == clock.now() + 3599
    assert got.grant.lifetime == 3599
    assert got.grant.refresh_token is not None
    assert "CANARY" not in repr(got)


async def test_the_client_authenticates_in_the_body_and_proves_the_flow_is_its_own(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    await consented(microsoft, authority)
    path, form = microsoft.requests[0]
    assert path == "/common/oauth2/v2.0/token"
    assert form.pop("code").startswith("0.AXoA")
    assert json.loads(form.pop("claims")) == CAPABLE
    assert form == {
        "grant_type": "authorization_code",
        "code_verifier": VERIFIER.reveal(),
        "redirect_uri": REDIRECT_URI,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }


async def test_a_code_is_worth_nothing_with_another_verifier(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    with pytest.raises(ConsentLost):
        await consented(
            microsoft, authority, verifier=Secret("another-verifier-of-at-least-43-characters-0")
        )


async def test_scopes_are_known_in_whichever_form_microsoft_answers_them(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.prefixed = True
    got = await consented(microsoft, authority)
    assert got.grant.scopes >= {"Mail.Read", "User.Read"}


async def test_a_scope_that_we_never_ask_for_is_kept_as_it_came(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.granted = "openid offline_access Mail.ReadWrite api://other.example/Read"
    got = await consented(microsoft, authority)
    assert got.grant.scopes == {"Mail.ReadWrite", "api://other.example/Read"}


async def test_without_offline_access_the_missing_refresh_token_is_reported_as_missing(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.granted = "openid profile Mail.Read"
    assert (await consented(microsoft, authority)).grant.refresh_token is None


async def test_without_openid_nobody_is_known_and_nothing_is_kept(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.granted = "offline_access Mail.Read"
    with pytest.raises(ProviderProtocolError, match="no ID token"):
        await consented(microsoft, authority)


async def test_a_refresh_brings_a_new_refresh_token_and_counts_the_version(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, clock: TurnedClock
) -> None:
    grant = (await consented(microsoft, authority)).grant
    clock.turn(3000)
    fresh = await authority.refresh(grant)
    assert fresh.access_token != grant.access_token
    assert fresh.refresh_token not in {None, grant.refresh_token}
    assert fresh.scopes == grant.scopes
    assert fresh.expires_at == clock.now() + 3599
    assert fresh.version == grant.version + 1
    (form,) = microsoft.forms("refresh_token")
    assert json.loads(form["claims"]) == CAPABLE
    assert "scope" not in form


async def test_the_previous_refresh_token_goes_on_working_at_microsoft(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    grant = (await consented(microsoft, authority)).grant
    await authority.refresh(grant)
    assert (await authority.refresh(grant)).refresh_token != grant.refresh_token


async def test_a_refresh_that_brings_no_refresh_token_keeps_the_old_one(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    grant = (await consented(microsoft, authority)).grant
    microsoft.answers = [aiohttp.web.json_response({"access_token": "a", "expires_in": 60})]
    fresh = await authority.refresh(grant)
    assert fresh.refresh_token == grant.refresh_token
    assert fresh.scopes == grant.scopes
    assert fresh.lifetime == 60


async def test_demanded_claims_are_passed_on_beside_what_we_can(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    grant = (await consented(microsoft, authority)).grant
    await authority.refresh(grant, claims=json.dumps(NBF))
    (form,) = microsoft.forms("refresh_token")
    asked = json.loads(form["claims"])
    assert asked == {"access_token": NBF["access_token"] | CAPABLE["access_token"]}


@pytest.mark.parametrize("claims", ['{"id_token":{"acrs":null}}', '{"access_token":null}', "{}"])
async def test_claims_of_any_form_keep_what_they_are_and_gain_what_we_can(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, claims: str
) -> None:
    grant = (await consented(microsoft, authority)).grant
    await authority.refresh(grant, claims=claims)
    asked = json.loads(microsoft.forms("refresh_token")[0]["claims"])
    assert asked == json.loads(claims) | CAPABLE


async def test_without_a_refresh_token_microsoft_is_not_asked(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    grant = (await consented(microsoft, authority)).grant
    with pytest.raises(ConsentLost, match="offline_access"):
        await authority.refresh(replace(grant, refresh_token=None))
    assert not microsoft.forms("refresh_token")


async def test_a_token_of_twenty_eight_hours_is_refreshed_daily(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, clock: TurnedClock
) -> None:
    microsoft.expires_in = 28 * 3600
    assert (await consented(microsoft, authority)).grant.expires_at == clock.now() + 86_400


async def test_there_is_no_revocation_and_none_is_pretended(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    grant = (await consented(microsoft, authority)).grant
    before = len(microsoft.requests)
    assert not authority.revokes
    assert not await authority.revoke(grant)
    assert len(microsoft.requests) == before


async def test_whose_imported_tokens_are_is_told_by_a_refresh_whose_grant_is_kept(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.strict = True
    access, refresh = microsoft.issue("openid profile offline_access Mail.Read")
    known = await authority.account_of(
        imported(access, refresh, "https://graph.microsoft.com/mail.read")
    )
    assert (known.account.issuer, known.account.subject) == (microsoft.issuer, OID)
    assert known.grant.refresh_token is not None
    assert known.grant.refresh_token.reveal() in microsoft.alive
    assert "Mail.Read" in known.grant.scopes
    (form,) = microsoft.forms("refresh_token")
    assert set(form["scope"].split()) == {
        "openid", "profile", "email", "offline_access", "Mail.Read",
    }  # fmt: skip


async def test_whose_tokens_without_a_refresh_token_are_cannot_be_told(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    access, _ = microsoft.issue("openid Mail.Read")
    with pytest.raises(ConsentLost):
        await authority.account_of(imported(access, None, "Mail.Read"))
    assert not microsoft.requests


async def test_a_personal_account_is_known_by_the_directory_of_all_personal_accounts(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.tid, microsoft.claims = PERSONAL, {"email": "someone@live.example"}
    got = await consented(microsoft, authority)
    assert got.account.issuer == f"{microsoft.url}/{PERSONAL}/v2.0"
    assert got.account.label == "someone@live.example"


@pytest.mark.parametrize(
    ("tenant", "tid", "admitted"),
    [
        ("common", WORK, True),
        ("common", PERSONAL, True),
        ("organizations", WORK, True),
        ("organizations", PERSONAL, False),
        ("consumers", PERSONAL, True),
        ("consumers", WORK, False),
        (WORK, WORK, True),
        (WORK, OTHER_WORK, False),
        (WORK, PERSONAL, False),
    ],
)
async def test_a_tenant_admits_its_own_accounts_and_no_others(
    microsoft: ScriptedMicrosoft,
    http: aiohttp.ClientSession,
    clock: TurnedClock,
    tenant: str,
    tid: str,
    admitted: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    microsoft.tenant, microsoft.tid = tenant, tid
    authority = MicrosoftAuthority(microsoft.endpoints(), http, clock)
    assert authority.expects_issuer(f"{microsoft.url}/{tid}/v2.0") == admitted
    if admitted:
        got = await consented(microsoft, authority)
        assert got.account.issuer == f"{microsoft.url}/{tid}/v2.0"
    else:
        with pytest.raises(ProviderProtocolError, match="SCP_MICROSOFT__TENANT"):
            await consented(microsoft, authority)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tid": None},
        {"tid": "common"},
        {"tid": OTHER_WORK},
        {"tid": f"{WORK}/v2.0/../{WORK}"},
        {"tid": ["x"]},
        {"iss": "https://login.microsoftonline.com/" + WORK + "/v2.0"},
        {"iss": None},
        {"oid": None},
        {"oid": ""},
        {"aud": "another-app"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
    ],
    ids=str,
)
async def test_a_wrong_claim_is_refused_and_not_repeated(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, wrong: dict[str, object]
) -> None:
    microsoft.claims = wrong
    with pytest.raises(ProviderProtocolError) as caught:
        await consented(microsoft, authority)
    assert "user@contoso.example" not in caught.value.message
    assert OID not in caught.value.message


async def test_an_issuer_of_the_right_directory_must_be_its_issuer_to_the_letter(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    right = microsoft.issuer
    for issuer in (f"{right}/", right.replace("v2.0", "v1.0"), f"{right}?{WORK}", WORK, ""):
        assert not authority.expects_issuer(issuer)
        microsoft.claims = {"iss": issuer}
        with pytest.raises(ProviderProtocolError):
            await consented(microsoft, authority)
    assert authority.expects_issuer(right)


async def test_two_directories_may_have_users_of_the_same_id(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    first = await consented(microsoft, authority)
    microsoft.tid = OTHER_WORK
    second = await consented(microsoft, authority)
    assert first.account.subject == second.account.subject
    assert first.account != second.account


@pytest.mark.parametrize(
    ("issuer", "good"),
    [
        ("{url}/{{tenantid}}/v2.0", True),
        ("{url}/" + WORK + "/v2.0", True),
        ("{url}/" + PERSONAL + "/v2.0", False),
        ("https://other.example/{{tenantid}}/v2.0", False),
    ],
)
async def test_a_key_signs_only_for_the_issuer_that_the_key_set_names(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    issuer: str,
    good: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    microsoft.key_issuer = issuer.format(url=microsoft.url)
    if good:
        assert (await consented(microsoft, authority)).account.subject == OID
    else:
        with pytest.raises(ProviderProtocolError, match="another issuer"):
            await consented(microsoft, authority)


async def test_the_scopes_of_a_session_are_what_was_asked_for_as_microsoft_spells_it(
    authority: MicrosoftAuthority,
) -> None:
    assert query_of(asked_url(authority, authority.scopes(MAIL)))["scope"].split() == sorted(
        IDENTITY | {"Mail.Read"}
    )
