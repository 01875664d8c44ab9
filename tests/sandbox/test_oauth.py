"""OAuth: the consent page, codes, tokens, identity, as Google does them."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from sandbox.browsing import ADA, BRUNO, CALENDAR, GMAIL, REDIRECT, SECRETS, Sandbox
from sandbox.conftest import running

from scp_sandbox import SandboxSettings, google_endpoints

EMAIL = "https://www.googleapis.com/auth/userinfo.email"


async def test_a_consent_gives_tokens_and_an_id_token_that_verifies(sandbox: Sandbox) -> None:
    answer = await sandbox.redeem(await sandbox.code(nonce="n-1"))
    assert answer.status == 200
    assert answer.json["access_token"].startswith("ya29.")
    assert answer.json["refresh_token"].startswith("1//0e")
    assert answer.json["expires_in"] == 3599
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["scope"].split() == ["openid", EMAIL, GMAIL, CALENDAR]
    keys = (await sandbox.call("/oauth2/v3/certs")).json
    kid = jwt.get_unverified_header(answer.json["id_token"])["kid"]
    key = next(jwt.PyJWK(k) for k in keys["keys"] if k["kid"] == kid)
    claims = jwt.decode(
        answer.json["id_token"],
        key,
        ["RS256"],
        audience="sandbox-client",
        issuer=google_endpoints(sandbox.base)["issuer"],
    )
    assert (claims["email"], claims["email_verified"], claims["nonce"]) == (ADA, True, "n-1")
    assert claims["azp"] == "sandbox-client"
    digest = hashlib.sha256(answer.json["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def test_what_is_not_ticked_is_not_granted(shared: Sandbox) -> None:
    page = await shared.consent_page()
    back = await shared.decide(page, scope=[CALENDAR])
    assert back["state"] == "xyz"
    answer = await shared.redeem(back["code"])
    assert answer.json["scope"].split() == ["openid", EMAIL, CALENDAR]
    refused = await shared.call("/gmail/v1/users/me/profile", token=answer.json["access_token"])
    assert refused.status == 403
    assert refused.json["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert refused.json["error"]["errors"][0]["reason"] == "insufficientPermissions"


async def test_a_denial_comes_back_as_access_denied(shared: Sandbox) -> None:
    back = await shared.decide(await shared.consent_page(), decision="deny")
    assert back == {"error": "access_denied", "state": "xyz"}
    nothing = await shared.consent_page(scope=GMAIL)
    assert (await shared.decide(nothing, scope=[]))["error"] == "access_denied"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"client_id": "stranger"}, "invalid_client"),
        ({"redirect_uri": "https://elsewhere.example/cb"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://localhost@elsewhere.example/"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://localhost:1/#x"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://localhost:x/"}, "redirect_uri_mismatch"),
        ({"scope": "https://www.googleapis.com/auth/nonsense"}, "invalid_scope"),
        ({"scope": ""}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
    ],
)
async def test_a_request_that_cannot_be_trusted_is_an_error_page(
    shared: Sandbox, asked: dict[str, str], words: str
) -> None:
    page = await shared.consent_page(**asked)
    assert page.status == 400
    assert words in page.text
    assert "Location" not in page.headers


async def test_the_page_escapes_all_it_shows_and_needs_no_script(shared: Sandbox) -> None:
    evil = '"><script>alert(1)</script>'
    page = await shared.consent_page(state=evil, login_hint=evil, nonce=evil)
    assert page.status == 200
    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    broken = await shared.consent_page(scope=evil.replace(" ", ""))
    assert broken.status == 400
    assert "<script" not in broken.text
    assert (await shared.decide(page))["state"] == evil


async def test_a_forged_form_is_refused(shared: Sandbox) -> None:
    for ticket in ("", "AAAA", "é", "%00", "x" * 5000):
        form = {"ticket": ticket, "user": ADA, "scope": GMAIL, "decision": "allow"}
        assert (await shared.call("/o/oauth2/v2/auth", "POST", data=form)).status == 400


async def test_pkce_is_held_to(shared: Sandbox) -> None:
    verifier = "v" * 43
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    right = await shared.redeem(await shared.code(**asked), code_verifier=verifier)
    assert right.status == 200
    wrong = await shared.redeem(await shared.code(**asked), code_verifier="w" * 43)
    assert (wrong.status, wrong.json["error"]) == (400, "invalid_grant")
    none = await shared.redeem(await shared.code(**asked))
    assert (none.status, none.json["error"]) == (400, "invalid_grant")
    plain = await shared.code(code_challenge=verifier, code_challenge_method="plain")
    assert (await shared.redeem(plain, code_verifier=verifier)).status == 200


async def test_a_code_is_good_once_and_for_ten_minutes(sandbox: Sandbox) -> None:
    code = await sandbox.code()
    assert (await sandbox.redeem(code)).status == 200
    again = await sandbox.redeem(code)
    assert (again.status, again.json) == (
        400,
        {"error": "invalid_grant", "error_description": "Bad Request"},
    )
    late = await sandbox.code()
    await sandbox.control("/clock", "POST", advance=601)
    assert (await sandbox.redeem(late)).json["error"] == "invalid_grant"


async def test_the_redirect_uri_has_to_be_the_same(shared: Sandbox) -> None:
    answer = await shared.redeem(await shared.code(), redirect_uri="http://localhost:9/other")
    assert answer.json == {"error": "redirect_uri_mismatch", "error_description": "Bad Request"}


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "stranger"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "1//0enonsense"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "é"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "4/0Ano"}, 400, "invalid_grant"),
        ({}, 400, "invalid_request"),
    ],
)
async def test_the_token_endpoint_refuses_in_googles_words(
    shared: Sandbox, form: dict[str, str], status: int, error: str
) -> None:
    answer = await shared.token(**form)
    assert (answer.status, answer.json["error"]) == (status, error)


async def test_the_client_may_authenticate_by_basic(shared: Sandbox) -> None:
    pair = base64.b64encode(b"sandbox-client:sandbox-secret").decode()
    answer = await shared.call(
        "/token",
        "POST",
        data={
            "grant_type": "authorization_code",
            "code": await shared.code(),
            "redirect_uri": REDIRECT,
        },
        headers={"Authorization": f"Basic {pair}"},
    )
    assert answer.status == 200


async def test_a_refresh_token_comes_only_offline_and_only_at_first_or_when_asked(
    sandbox: Sandbox,
) -> None:
    online = await sandbox.redeem(await sandbox.code(access_type="online"))
    assert "refresh_token" not in online.json
    first = await sandbox.redeem(await sandbox.code())
    assert "refresh_token" in first.json
    second = await sandbox.redeem(await sandbox.code())
    assert "refresh_token" not in second.json
    asked = await sandbox.redeem(await sandbox.code(prompt="consent"))
    assert "refresh_token" in asked.json
    other = await sandbox.redeem(await sandbox.code(user=BRUNO))
    assert "refresh_token" in other.json


async def test_a_refresh_does_not_rotate_and_its_token_works(sandbox: Sandbox) -> None:
    first = (await sandbox.redeem(await sandbox.code())).json
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    fresh = await sandbox.token(**form)
    assert set(fresh.json) == {"access_token", "expires_in", "scope", "token_type"}
    assert fresh.json["access_token"] != first["access_token"]
    profile = await sandbox.call("/gmail/v1/users/me/profile", token=fresh.json["access_token"])
    assert profile.json["emailAddress"] == ADA
    assert (await sandbox.token(**form)).status == 200
    assert (await sandbox.control("/ledger"))["refreshes"] == 2


async def test_granted_scopes_may_be_included(sandbox: Sandbox) -> None:
    await sandbox.redeem(await sandbox.code(scope=GMAIL))
    both = await sandbox.redeem(await sandbox.code(scope=CALENDAR, include_granted_scopes="true"))
    assert set(both.json["scope"].split()) == {CALENDAR, GMAIL}
    alone = await sandbox.redeem(await sandbox.code(scope=CALENDAR))
    assert alone.json["scope"].split() == [CALENDAR]


async def test_prompt_none_never_shows_a_page(sandbox: Sandbox) -> None:
    async def silently(**asked: str) -> dict[str, list[str]]:
        answer = await sandbox.consent_page(prompt="none", **asked)
        assert answer.status == 302
        return parse_qs(urlsplit(answer.headers["Location"]).query)

    assert (await silently())["error"] == ["login_required"]
    assert (await silently(login_hint=ADA))["error"] == ["interaction_required"]
    await sandbox.code()
    granted = await silently(login_hint=ADA, scope=GMAIL)
    assert (await sandbox.redeem(granted["code"][0])).status == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_either_token_kills_the_whole_grant(sandbox: Sandbox, kind: str) -> None:
    tokens = (await sandbox.redeem(await sandbox.code())).json
    other = await sandbox.sign_in(BRUNO)
    gone = await sandbox.call("/revoke", "POST", data={"token": tokens[kind]})
    assert (gone.status, gone.json) == (200, {})
    refused = await sandbox.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.status == 400
    assert refused.json == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }
    path = "/gmail/v1/users/me/profile"
    assert (await sandbox.call(path, token=tokens["access_token"])).status == 401
    assert (await sandbox.call(path, token=other)).status == 200
    again = await sandbox.call("/revoke", "POST", data={"token": tokens[kind]})
    assert (again.status, again.json["error"]) == (400, "invalid_token")
    assert "refresh_token" in (await sandbox.redeem(await sandbox.code())).json


async def test_access_tokens_die_with_the_clock_and_on_order(sandbox: Sandbox) -> None:
    path = "/gmail/v1/users/me/profile"
    token = await sandbox.sign_in()
    assert (await sandbox.call(path, token=token)).status == 200
    await sandbox.control("/clock", "POST", advance=3600)
    dead = await sandbox.call(path, token=token)
    assert dead.status == 401
    assert dead.json["error"]["errors"][0] == {
        "message": "Invalid Credentials",
        "domain": "global",
        "reason": "authError",
        "location": "Authorization",
        "locationType": "header",
    }
    ada, bruno = await sandbox.sign_in(), await sandbox.sign_in(BRUNO)
    await sandbox.control("/tokens/expire", "POST", user=ADA)
    assert (await sandbox.call(path, token=ada)).status == 401
    assert (await sandbox.call(path, token=bruno)).status == 200
    await sandbox.control("/tokens/expire", "POST")
    assert (await sandbox.call(path, token=bruno)).status == 401


async def test_identity_is_told_at_userinfo_and_tokeninfo(shared: Sandbox) -> None:
    token = await shared.sign_in()
    told = await shared.call("/v1/userinfo", token=token)
    assert told.json["email"] == ADA
    assert told.json["email_verified"] is True
    info = await shared.call("/tokeninfo", params={"access_token": token})
    assert info.json["sub"] == told.json["sub"]
    assert info.json["aud"] == "sandbox-client"
    assert (await shared.call("/v1/userinfo", token="ya29.no")).status == 401
    assert (await shared.call("/tokeninfo", params={"access_token": "x"})).status == 400


async def test_discovery_names_the_endpoints_that_the_settings_name(shared: Sandbox) -> None:
    document = (await shared.call("/.well-known/openid-configuration")).json
    named = google_endpoints(shared.base)
    assert document["issuer"] == named["issuer"]
    assert document["token_endpoint"] == named["token_url"]
    assert document["authorization_endpoint"] == named["authorization_url"]
    assert document["jwks_uri"] == named["jwks_url"]
    assert document["userinfo_endpoint"] == named["userinfo_url"]
    assert document["revocation_endpoint"] == named["revocation_url"]


async def test_a_restarted_sandbox_honours_tokens_of_its_key() -> None:
    settings = SandboxSettings(messages=5, events=5, token_key=b"k" * 32)
    async with running(settings) as before:
        tokens = (await before.redeem(await before.code())).json
    path = "/gmail/v1/users/me/profile"
    async with running(settings) as after:
        assert (await after.call(path, token=tokens["access_token"])).status == 200
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await after.token(**form)).status == 200
    async with running(SandboxSettings(messages=5, events=5)) as stranger:
        assert (await stranger.call(path, token=tokens["access_token"])).status == 401
        assert (await stranger.token(**form)).json["error"] == "invalid_grant"


async def test_another_client_may_be_configured_and_tokens_are_bound_to_theirs() -> None:
    key = b"k" * 32
    async with running(SandboxSettings(messages=5, events=5, token_key=key)) as one:
        tokens = (await one.redeem(await one.code())).json
    other = SandboxSettings(messages=5, events=5, token_key=key, client_id="c2", client_secret="s2")
    async with running(other) as two:
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        foreign = await two.token(**form, client_id="c2", client_secret="s2")
        assert (foreign.status, foreign.json["error"]) == (401, "unauthorized_client")
        assert (await two.token(**form, **SECRETS)).json["error"] == "invalid_client"
