"""The identity platform: consent, tokens, rotation, and the refusals of Entra ID."""

import base64
import hashlib
import json

import jwt
import pytest
from sandbox.microsoft.calling import ADA, BRUNO, CHIYO, REDIRECT, Microsoft

from scp_sandbox import microsoft_endpoints
from scp_sandbox.microsoft.accounts import CONSUMERS, TENANT


async def test_a_consent_gives_tokens_and_an_id_token_that_verifies(resting: Microsoft) -> None:
    tokens = await resting.tokens(nonce="n-1")
    assert tokens["token_type"] == "Bearer"
    assert (tokens["expires_in"], tokens["ext_expires_in"]) == (3599, 3599)
    assert tokens["refresh_token"].startswith("0.AX")
    scopes = tokens["scope"].split()
    assert "offline_access" not in scopes
    assert {"Mail.Read", "User.Read", "openid", "profile", "email"} <= set(scopes)
    endpoints = microsoft_endpoints(resting.sandbox.base)
    keys = (await resting.sandbox.call("/common/discovery/v2.0/keys")).json["keys"]
    claims = jwt.decode(
        tokens["id_token"], jwt.PyJWK(keys[0]), ["RS256"], audience="sandbox-client"
    )
    assert claims["iss"] == endpoints["issuer"].replace("{tenantid}", claims["tid"])
    assert claims["tid"] == TENANT
    assert (claims["email"], claims["preferred_username"], claims["nonce"]) == (ADA, ADA, "n-1")
    assert claims["oid"] != claims["sub"]


async def test_without_offline_access_there_is_no_refresh_token(resting: Microsoft) -> None:
    tokens = await resting.tokens(scope="openid User.Read https://graph.microsoft.com/Mail.Read")
    assert "refresh_token" not in tokens
    assert tokens["scope"] == "User.Read Mail.Read openid"


async def test_each_use_gives_a_new_refresh_token_and_the_old_one_goes_on(
    resting: Microsoft,
) -> None:
    first = (await resting.tokens())["refresh_token"]
    second = (await resting.refresh(first)).json["refresh_token"]
    third = (await resting.refresh(second)).json["refresh_token"]
    again = await resting.refresh(first)
    assert len({first, second, third, again.json["refresh_token"]}) == 4
    assert again.status == 200


async def test_a_refresh_may_ask_for_less_and_not_for_more(resting: Microsoft) -> None:
    token = (await resting.tokens(scope="offline_access User.Read Mail.Read"))["refresh_token"]
    less = await resting.refresh(token, scope="Mail.Read")
    assert less.json["scope"] == "Mail.Read"
    whole = await resting.refresh(less.json["refresh_token"])
    assert whole.json["scope"] == "User.Read Mail.Read"


async def test_pkce_is_checked(resting: Microsoft) -> None:
    verifier = "v" * 50
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    page = await resting.page(code_challenge=challenge, code_challenge_method="S256")
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    code = (await resting.decide(page))["code"]
    wrong = await resting.token(code=code, code_verifier="w" * 50, **form)
    assert (wrong.status, wrong.json["error"]) == (400, "invalid_grant")
    assert wrong.json["error_codes"] == [501481]
    code = (await resting.decide(page))["code"]
    assert (await resting.token(code=code, code_verifier=verifier, **form)).status == 200
    twice = await resting.token(code=code, code_verifier=verifier, **form)
    assert twice.json["error_codes"] == [54005]


async def test_a_refusal_has_all_that_entra_sends(resting: Microsoft) -> None:
    refused = await resting.refresh("0.AXoAnonsense")
    assert refused.status == 400
    assert refused.json["error"] == "invalid_grant"
    assert refused.json["error_codes"] == [9002313]
    assert refused.json["error_description"].startswith("AADSTS9002313: ")
    for name in ("timestamp", "trace_id", "correlation_id", "error_uri"):
        assert refused.json[name]
    assert refused.json["trace_id"] in refused.json["error_description"]


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "stranger"}, 400, "unauthorized_client", 700016),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, 400, "invalid_request", 900144),
        ({"refresh_token": ""}, 400, "invalid_request", 900144),
    ],
)
async def test_what_an_operator_did_wrong_is_told_apart(
    resting: Microsoft, form: dict[str, str], status: int, error: str, code: int
) -> None:
    usual = {"grant_type": "refresh_token", "refresh_token": "x"}
    refused = await resting.token(**{**usual, **form})
    assert (refused.status, refused.json["error"]) == (status, error)
    assert refused.json["error_codes"] == [code]


async def test_an_expired_secret_refuses_everybody_until_it_is_renewed(
    microsoft: Microsoft,
) -> None:
    token = (await microsoft.tokens())["refresh_token"]
    await microsoft.control("/secret", "POST", expired=True)
    refused = await microsoft.refresh(token)
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")
    assert refused.json["error_codes"] == [7000222]
    await microsoft.control("/secret", "POST", expired=False)
    assert (await microsoft.refresh(token)).status == 200


async def test_a_revoked_consent_kills_refresh_tokens_in_each_kinds_words(
    microsoft: Microsoft,
) -> None:
    work, personal = await microsoft.tokens(BRUNO), await microsoft.tokens(CHIYO)
    assert personal["access_token"].startswith("EwB")
    await microsoft.control("/consent/revoke", "POST")
    refused = await microsoft.refresh(work["refresh_token"])
    assert refused.json["error"] == "invalid_grant"
    assert (refused.json["error_codes"], refused.json["suberror"]) == ([65001], "consent_required")
    refused = await microsoft.refresh(personal["refresh_token"])
    assert refused.json["error_codes"] == [70000]
    anew = await microsoft.tokens(BRUNO)
    assert (await microsoft.refresh(anew["refresh_token"])).status == 200
    assert (await microsoft.refresh(work["refresh_token"])).status == 400


async def test_a_second_factor_is_asked_for_until_the_user_signs_in_again(
    microsoft: Microsoft,
) -> None:
    token = (await microsoft.tokens())["refresh_token"]
    await microsoft.control("/mfa", "POST", user=ADA)
    refused = await microsoft.refresh(token)
    assert (refused.json["error"], refused.json["suberror"]) == (
        "interaction_required",
        "basic_action",
    )
    assert refused.json["error_codes"] == [50076]
    assert "capolids" in json.loads(refused.json["claims"])["access_token"]
    await microsoft.tokens(claims=refused.json["claims"])
    assert (await microsoft.refresh(token)).status == 200


async def test_a_challenged_token_is_refused_until_the_claims_are_redeemed(
    microsoft: Microsoft,
) -> None:
    tokens = await microsoft.tokens()
    graph = await microsoft.sign_in()
    await microsoft.control("/challenge", "POST", user=ADA)
    refused = await graph.get("/me/messages")
    assert refused.status == 401
    assert refused.json["error"]["code"] == "InvalidAuthenticationToken"
    header = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_claims"' in header
    claims = base64.b64decode(header.partition('claims="')[2].partition('"')[0]).decode()
    assert json.loads(claims)["access_token"]["nbf"]["essential"] is True
    ignored = (await microsoft.refresh(tokens["refresh_token"])).json["access_token"]
    answer = await microsoft.sandbox.call("/v1.0/me", token=ignored)
    assert answer.status == 401
    heeded = (await microsoft.refresh(tokens["refresh_token"], claims=claims)).json
    answer = await microsoft.sandbox.call("/v1.0/me", token=heeded["access_token"])
    assert answer.status == 200
    later = (await microsoft.refresh(heeded["refresh_token"])).json["access_token"]
    assert (await microsoft.sandbox.call("/v1.0/me", token=later)).status == 200
    assert (await graph.get("/me")).status == 401


async def test_a_refresh_token_unused_for_ninety_days_is_inactive(microsoft: Microsoft) -> None:
    token = (await microsoft.tokens())["refresh_token"]
    await microsoft.sandbox.control("/clock", "POST", advance=89 * 86_400)
    newer = (await microsoft.refresh(token)).json["refresh_token"]
    await microsoft.sandbox.control("/clock", "POST", advance=2 * 86_400)
    refused = await microsoft.refresh(token)
    assert refused.json["error_codes"] == [700082]
    assert (await microsoft.refresh(newer)).status == 200


@pytest.mark.parametrize(
    ("tenant", "shown"),
    [
        ("common", {ADA, BRUNO, CHIYO}),
        ("organizations", {ADA, BRUNO}),
        ("consumers", {CHIYO}),
        (TENANT, {ADA, BRUNO}),
        (CONSUMERS, {CHIYO}),
    ],
)
async def test_a_tenant_knows_its_own_accounts(
    resting: Microsoft, tenant: str, shown: set[str]
) -> None:
    there = Microsoft(resting.sandbox, tenant)
    page = await there.page()
    assert {user for user in (ADA, BRUNO, CHIYO) if f'value="{user}"' in page.text} == shown
    document = await resting.sandbox.call(f"/{tenant}/v2.0/.well-known/openid-configuration")
    endpoints = microsoft_endpoints(resting.sandbox.base, tenant)
    assert document.json["issuer"] == endpoints["issuer"]
    assert document.json["token_endpoint"] == endpoints["token_url"]
    assert document.json["authorization_endpoint"] == endpoints["authorization_url"]
    assert document.json["jwks_uri"] == endpoints["jwks_url"]
    assert "revocation_endpoint" not in document.json
    assert (await there.tokens(sorted(shown)[0]))["access_token"]


async def test_what_cannot_be_trusted_is_an_error_page(resting: Microsoft) -> None:
    for asked, words in (
        ({"redirect_uri": "https://elsewhere.example/cb"}, "AADSTS50011"),
        ({"client_id": "stranger"}, "AADSTS700016"),
        ({"scope": ""}, "AADSTS900144"),
    ):
        page = await resting.page(**asked)
        assert page.status == 400
        assert words in page.text
        assert "Location" not in page.headers
    nowhere = await Microsoft(resting.sandbox, "nowhere").page()
    assert "AADSTS90002" in nowhere.text


async def test_a_denial_comes_back_as_access_denied(resting: Microsoft) -> None:
    back = await resting.decide(await resting.page(), decision="deny")
    assert (back["error"], back["state"]) == ("access_denied", "xyz")
    assert back["error_description"].startswith("AADSTS65004")
    silent = await resting.page(prompt="none")
    assert "error=login_required" in silent.headers["Location"]


async def test_nothing_revokes_tokens(resting: Microsoft) -> None:
    answer = await resting.sandbox.call("/common/oauth2/v2.0/revoke", "POST", data={"token": "x"})
    assert answer.status == 404


async def test_me_and_userinfo_say_who_it_is(resting: Microsoft) -> None:
    tokens = await resting.tokens(CHIYO)
    me = await resting.sandbox.call("/v1.0/me", token=tokens["access_token"])
    assert (me.json["mail"], me.json["userPrincipalName"]) == (CHIYO, CHIYO)
    assert me.json["jobTitle"] is None
    info = await resting.sandbox.call("/oidc/userinfo", token=tokens["access_token"])
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (info.json["sub"], info.json["email"]) == (claims["sub"], CHIYO)
