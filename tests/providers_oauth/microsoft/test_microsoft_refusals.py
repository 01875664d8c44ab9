"""What the Microsoft identity platform may refuse, fail at, or get wrong."""

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from providers_oauth.microsoft.walking import consented
from support.microsoft_sign_in import ScriptedMicrosoft, refusal
from support.time_and_chance import TurnedClock

from scp_server.domain.errors import (
    ConsentLost,
    ConsentRefused,
    OperatorFault,
    ProviderError,
    ProviderProtocolError,
    ProviderUnavailable,
    Remedy,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Grant
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_server.providers.oauth_transport import MAX_BODY

GRANT = Grant(access_token=Secret("a"), refresh_token=Secret("r"), expires_at=0, scopes=frozenset())


def good(**changes: object) -> dict[str, object]:
    return {"access_token": "CANARY-a", "expires_in": 3599, "token_type": "Bearer"} | changes


async def refused(microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await authority.refresh(GRANT)
    assert "CANARY" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (70000, "invalid_grant", "withdrawn"),
        (70008, "invalid_grant", "90 days"),
        (700082, "invalid_grant", "90 days"),
        (700084, "invalid_grant", "platform Web"),
        (70043, "invalid_grant", "sign-in frequency"),
        (50173, "invalid_grant", "password"),
        (50076, "interaction_required", "multi-factor"),
        (50076, "invalid_grant", "multi-factor"),
        (50079, "interaction_required", "multi-factor"),
        (50158, "interaction_required", "multi-factor"),
        (53003, "interaction_required", "Conditional Access"),
        (53000, "invalid_grant", "Conditional Access"),
        (65001, "invalid_grant", "withdrawn"),
        (65004, "access_denied", "declined"),
        (90094, "consent_required", "administrators"),
        (50020, "invalid_grant", "organisation"),
        (50034, "invalid_grant", "organisation"),
        (50057, "invalid_grant", "disabled"),
    ],
)
async def test_the_user_is_told_why_the_consent_is_gone(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    code: int,
    error: str,
    words: str,
) -> None:
    microsoft.answers = [refusal(error, code)]
    told = await refused(microsoft, authority)
    assert isinstance(told, ConsentLost)
    assert words in told.message
    assert f"AADSTS{code}" in told.message


@pytest.mark.parametrize(
    ("code", "error", "status", "mend"),
    [
        (7000215, "invalid_client", 401, "not its id"),
        (70002, "invalid_client", 401, "SCP_MICROSOFT__CLIENT_SECRET"),
        (7000222, "invalid_client", 401, "no user has to consent again"),
        (7000218, "invalid_client", 401, "SCP_MICROSOFT__CLIENT_SECRET"),
        (700016, "unauthorized_client", 400, "SCP_MICROSOFT__CLIENT_ID"),
        (7000112, "unauthorized_client", 400, "disabled"),
        (90002, "invalid_request", 400, "SCP_MICROSOFT__TENANT"),
        (50194, "invalid_request", 400, "SCP_MICROSOFT__TENANT"),
        (50011, "invalid_request", 400, "/oauth/microsoft/callback"),
        (650053, "invalid_client", 400, "permissions"),
    ],
)
async def test_the_operator_is_told_what_to_do_and_no_user_is_blamed(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    code: int,
    error: str,
    status: int,
    mend: str,
) -> None:
    microsoft.answers = [refusal(error, code, status=status)]
    told = await refused(microsoft, authority)
    assert isinstance(told, OperatorFault)
    assert told.remedy is Remedy.ASK_OPERATOR
    assert mend in told.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_grant", ConsentLost),
        ("interaction_required", ConsentLost),
        ("consent_required", ConsentLost),
        ("login_required", ConsentLost),
        ("invalid_client", OperatorFault),
        ("unauthorized_client", OperatorFault),
        ("invalid_scope", OperatorFault),
        ("temporarily_unavailable", ProviderUnavailable),
        ("server_error", ProviderUnavailable),
        ("never_heard_of", ProviderProtocolError),
    ],
)
async def test_a_number_that_is_not_known_leaves_it_to_the_error(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    error: str,
    kind: type[ProviderError],
) -> None:
    microsoft.answers = [refusal(error, 123456789)]
    assert type(await refused(microsoft, authority)) is kind


@pytest.mark.parametrize("codes", [[], None, "50173", [True], ["50173"], [-1], [10**30], [1.5]])
async def test_numbers_of_any_shape_do_not_hide_the_error(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, codes: object
) -> None:
    microsoft.answers = [
        web.json_response({"error": "invalid_grant", "error_codes": codes}, status=400)
    ]
    told = await refused(microsoft, authority)
    assert isinstance(told, ConsentLost)
    assert "AADSTS" not in told.message


@pytest.mark.parametrize("code", [90033, 90006, 50196, 90055])
async def test_what_passes_is_tried_again(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, code: int
) -> None:
    microsoft.answers = [refusal("invalid_grant", code)]
    assert isinstance(await refused(microsoft, authority), ProviderUnavailable)


@pytest.mark.parametrize("status", [429, 500, 503, 408])
@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17.0), ("nonsense", None), ("nan", None), ("-3", 0.0)]
)
async def test_a_busy_server_says_how_long(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    status: int,
    header: str,
    seconds: float | None,
) -> None:
    microsoft.answers = [web.Response(status=status, headers={"Retry-After": header})]
    told = await refused(microsoft, authority)
    assert isinstance(told, ProviderUnavailable)
    assert told.retry_after == seconds


async def test_a_busy_server_may_say_until_when(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, clock: TurnedClock
) -> None:
    until = format_datetime(datetime.fromtimestamp(int(clock.now()) + 90, UTC), usegmt=True)
    microsoft.answers = [web.Response(status=429, headers={"Retry-After": until})]
    told = await refused(microsoft, authority)
    assert isinstance(told, ProviderUnavailable)
    assert told.retry_after == pytest.approx(90, abs=1)


@pytest.mark.parametrize(
    "response",
    [
        web.Response(text="<html>CANARY</html>", content_type="text/html"),
        web.Response(body=b"", content_type="application/json"),
        web.Response(body=b"\xff\xfe"),
        web.Response(body=b'{"access_token": "CANARY-a", "expires_in":'),
        web.Response(body=b"[" * 200_000),
        web.Response(body=b'{"access_token": "a"}' + b" " * MAX_BODY),
        web.json_response({}),
        web.json_response(good(access_token="")),
        web.json_response(good(access_token="CANARY\r\nX: y")),
        web.json_response(good(refresh_token=["CANARY"])),
        web.json_response(good(expires_in=0)),
        web.json_response(good(token_type="pop")),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
        web.Response(status=404, text="CANARY"),
        web.json_response({"error": {"code": "CANARY"}}, status=400),
    ],
)
async def test_what_is_not_a_token_answer_is_a_protocol_error_that_repeats_nothing(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, response: web.Response
) -> None:
    microsoft.answers = [response]
    told = await refused(microsoft, authority)
    assert isinstance(told, ProviderProtocolError)
    assert told.__cause__ is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(body=st.binary(max_size=300), status=st.sampled_from([200, 201, 400, 401, 403, 404]))
async def test_no_bytes_at_all_bring_anything_but_a_known_error(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, body: bytes, status: int
) -> None:
    microsoft.answers = [web.Response(status=status, body=body)]
    assert isinstance(await refused(microsoft, authority), ProviderProtocolError)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    error=st.text(max_size=30),
    codes=st.lists(st.integers() | st.text(max_size=5) | st.none(), max_size=4),
)
async def test_no_refusal_at_all_brings_anything_but_a_provider_error(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    error: str,
    codes: list[int | str | None],
) -> None:
    said = json.dumps({"error": error, "error_codes": codes, "error_description": "CANARY"})
    microsoft.answers = [web.Response(status=400, text=said)]
    await refused(microsoft, authority)


@pytest.mark.parametrize(("code", "words"), [(53003, "Conditional"), (90094, "administrators")])
async def test_a_user_who_may_not_consent_is_told_why_and_not_that_the_code_was_old(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, code: int, words: str
) -> None:
    microsoft.answers = [refusal("invalid_grant", code)]
    with pytest.raises(ConsentRefused, match=words):
        await consented(microsoft, authority)


@pytest.mark.parametrize("code", [54005, 70008, 501481, 9002313])
async def test_a_code_that_is_used_old_or_foreign_is_a_refused_code(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority, code: int
) -> None:
    microsoft.answers = [refusal("invalid_grant", code)]
    with pytest.raises(ConsentLost):
        await consented(microsoft, authority)


async def test_an_expired_secret_is_the_operators_during_a_consent_too(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    microsoft.answers = [refusal("invalid_client", 7000222, status=401)]
    with pytest.raises(OperatorFault):
        await consented(microsoft, authority)


async def test_redirects_are_never_followed(
    microsoft: ScriptedMicrosoft, authority: MicrosoftAuthority
) -> None:
    there = f"{microsoft.url}/common/discovery/v2.0/keys"
    microsoft.answers = [web.Response(status=307, headers={"Location": there})]
    assert isinstance(await refused(microsoft, authority), ProviderProtocolError)
    assert len(microsoft.requests) == 1


async def test_a_server_that_is_not_there_is_unavailable(
    microsoft: ScriptedMicrosoft, http: aiohttp.ClientSession, clock: TurnedClock
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/token"
        at = replace(microsoft.endpoints(), token_url=gone)
        told = await refused(microsoft, MicrosoftAuthority(at, http, clock))
    assert isinstance(told, ProviderUnavailable)
