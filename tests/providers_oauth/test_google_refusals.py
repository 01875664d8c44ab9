"""What Google's OAuth server may refuse, fail at, or get wrong."""

import socket
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from providers_oauth.flow import NONCE, consented
from support.google_sign_in import ScriptedGoogle
from support.time_and_chance import TurnedClock

from scp_server.domain.errors import (
    ConsentLost,
    OperatorFault,
    ProviderError,
    ProviderProtocolError,
    ProviderUnavailable,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant
from scp_server.providers.google.oauth import GoogleAuthority
from scp_server.providers.oauth_transport import MAX_BODY


def refused(status: int, error: str) -> web.Response:
    return web.json_response({"error": error, "error_description": "CANARY"}, status=status)


def good(**changes: object) -> dict[str, object]:
    answer: dict[str, object] = {
        "access_token": "CANARY-a",
        "expires_in": 3599,
        "token_type": "Bearer",
    }
    return answer | changes


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_grant", ConsentLost),
        (403, "access_denied", ConsentLost),
        (400, "admin_policy_enforced", ConsentLost),
        (401, "invalid_client", OperatorFault),
        (401, "unauthorized_client", OperatorFault),
        (400, "deleted_client", OperatorFault),
        (400, "redirect_uri_mismatch", OperatorFault),
        (400, "invalid_scope", OperatorFault),
        (400, "temporarily_unavailable", ProviderUnavailable),
        (400, "never_heard_of", ProviderProtocolError),
        (500, "internal_failure", ProviderUnavailable),
        (503, "invalid_grant", ProviderUnavailable),
        (429, "rate_limit_exceeded", ProviderUnavailable),
    ],
)
async def test_refusals_become_errors_that_say_who_mends_them(
    google: ScriptedGoogle,
    authority: GoogleAuthority,
    status: int,
    error: str,
    kind: type[ProviderError],
) -> None:
    grant = (await consented(google, authority)).grant
    google.answers = [refused(status, error)]
    with pytest.raises(ProviderError) as caught:
        await authority.refresh(grant)
    assert type(caught.value) is kind
    assert "CANARY" not in caught.value.message


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        ("invalid_client", "SCP_GOOGLE__CLIENT_ID"),
        ("unauthorized_client", "SCP_GOOGLE__CLIENT_ID"),
        ("deleted_client", "restore it"),
        ("redirect_uri_mismatch", "/oauth/google/callback"),
    ],
)
async def test_the_operator_is_told_what_to_do(
    google: ScriptedGoogle, authority: GoogleAuthority, error: str, mend: str
) -> None:
    grant = (await consented(google, authority)).grant
    google.answers = [refused(400, error)]
    with pytest.raises(OperatorFault, match=mend):
        await authority.refresh(grant)


@pytest.mark.parametrize(
    "response",
    [
        web.Response(text="<html>CANARY</html>", content_type="text/html"),
        web.Response(body=b"", content_type="application/json"),
        web.Response(body=b"\xff\xfe", content_type="application/json"),
        web.Response(body=b'{"access_token":"CANARY\xff"}'),
        web.Response(body=b'{"access_token": "CANARY-a", "expires_in":'),
        web.Response(body=b'{"access_token":"a","expires_in":1e999}'),
        web.Response(body=b"[" * 200_000),
        web.Response(body=b'{"access_token": "a"}' + b" " * MAX_BODY),
        web.json_response(["CANARY"]),
        web.json_response({}),
        web.json_response(good(access_token="")),
        web.json_response(good(access_token=None)),
        web.json_response(good(access_token=7)),
        web.json_response(good(access_token="CANARY\r\nX: y")),
        web.json_response(good(access_token="CANARY é")),
        web.json_response(good(refresh_token=["CANARY"])),
        web.json_response(good(expires_in=0)),
        web.json_response(good(expires_in=-5)),
        web.json_response(good(expires_in="CANARY")),
        web.json_response(good(expires_in=True)),
        web.json_response(good(scope=7)),
        web.json_response(good(token_type="mac")),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        web.Response(status=404, text="CANARY"),
        web.json_response({"error": {"code": 403, "message": "CANARY"}}, status=403),
    ],
)
async def test_what_is_not_a_token_answer_is_a_protocol_error_that_repeats_nothing(
    google: ScriptedGoogle, authority: GoogleAuthority, response: web.Response
) -> None:
    grant = (await consented(google, authority)).grant
    google.answers = [response]
    with pytest.raises(ProviderProtocolError) as caught:
        await authority.refresh(grant)
    assert "CANARY" not in caught.value.message
    assert caught.value.__cause__ is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(body=st.binary(max_size=300), status=st.sampled_from([200, 201, 204, 400, 401, 403, 404]))
async def test_no_bytes_at_all_bring_anything_but_a_known_error(
    google: ScriptedGoogle, authority: GoogleAuthority, body: bytes, status: int
) -> None:
    grant = Grant(
        access_token=Secret("a"), refresh_token=Secret("r"), expires_at=0, scopes=frozenset()
    )
    google.answers = [web.Response(status=status, body=body)]
    with pytest.raises(ProviderProtocolError):
        await authority.refresh(grant)


async def test_an_exchange_without_an_id_token_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    google.answers = [web.json_response(good(scope="openid"))]
    with pytest.raises(ProviderProtocolError):
        await consented(google, authority)


async def test_an_exchange_without_scopes_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    google.answers = [web.json_response(good(id_token=google.id_token(nonce=NONCE)))]
    with pytest.raises(ProviderProtocolError):
        await consented(google, authority)


async def test_redirects_are_never_followed(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    grant = (await consented(google, authority)).grant
    google.answers = [web.Response(status=307, headers={"Location": f"{google.url}/revoke"})]
    with pytest.raises(ProviderProtocolError):
        await authority.refresh(grant)
    assert google.calls("/revoke") == 0


async def test_a_server_that_is_not_there_is_unavailable(
    google: ScriptedGoogle, clock: TurnedClock
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/token"
        async with aiohttp.ClientSession() as http:
            authority = GoogleAuthority(replace(google.endpoints(), token_url=gone), http, clock)
            with pytest.raises(ProviderUnavailable) as caught:
                await authority.refresh(
                    Grant(
                        access_token=Secret("a"),
                        refresh_token=Secret("CANARY"),
                        expires_at=0,
                        scopes=frozenset(),
                    )
                )
    assert "CANARY" not in caught.value.message
