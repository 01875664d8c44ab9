"""ID tokens: every way one can be wrong, and that nothing but the right one passes."""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from providers_oauth.flow import NONCE, consented
from support.google_sign_in import CLIENT_ID, ScriptedGoogle
from support.time_and_chance import TurnedClock

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.google.oauth import GoogleAuthority


def spelled(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token written by hand, for what a library refuses to write."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def claims(google: ScriptedGoogle) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(
        google.id_token(nonce=NONCE), options={"verify_signature": False}
    )
    return decoded


async def is_refused(google: ScriptedGoogle, authority: GoogleAuthority) -> str:
    with pytest.raises(ProviderProtocolError) as caught:
        await consented(google, authority)
    assert "user@mail.example" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "other.apps.example"},
        {"aud": [CLIENT_ID, "other.apps.example"]},
        {"aud": None},
        {"azp": "other.apps.example"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"nonce": "another"},
        {"nonce": ""},
        {"nonce": None},
        {"nonce": 7},
        {"sub": ""},
        {"sub": None},
        {"sub": ["sub-1"]},
        {"exp": None},
        {"iat": None},
        {"exp": "never"},
        {"exp": 1},
        {"email": 7},
    ],
    ids=str,
)
async def test_a_wrong_claim_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority, wrong: dict[str, Any]
) -> None:
    google.claims = wrong
    await is_refused(google, authority)


async def test_an_issuer_that_only_begins_alike_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    for issuer in (f"{google.url}/", f"{google.url}.evil.example", google.url[:-1]):
        google.claims = {"iss": issuer}
        await is_refused(google, authority)


@pytest.mark.parametrize(
    ("times", "passes"),
    [
        ({"exp": -59}, True),
        ({"exp": -61}, False),
        ({"iat": 59}, True),
        ({"iat": 61}, False),
    ],
    ids=str,
)
async def test_clocks_may_differ_by_a_minute(
    google: ScriptedGoogle,
    authority: GoogleAuthority,
    clock: TurnedClock,
    times: dict[str, int],
    passes: bool,  # noqa: FBT001  (a column of the table)
) -> None:
    google.claims = {name: clock.now() + seconds for name, seconds in times.items()}
    if passes:
        assert (await consented(google, authority)).account.subject == "sub-1"
    else:
        await is_refused(google, authority)


async def test_an_unsigned_token_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    for alg in ("none", "None", "NONE", ""):
        google.forged_id_token = spelled({"alg": alg, "kid": google.kid}, claims(google))
        await is_refused(google, authority)
    assert google.calls("/certs") == 0


async def test_the_public_key_used_as_a_shared_secret_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    public = google.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"alg": "HS256", "kid": google.kid, "typ": "JWT"}
    unsigned = spelled(header, claims(google)).rsplit(".", 1)[0]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        unsigned.encode(), public
    )
    encoded = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    google.forged_id_token = f"{unsigned}.{encoded}"
    await is_refused(google, authority)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
async def test_other_algorithms_of_the_same_key_are_refused(
    google: ScriptedGoogle, authority: GoogleAuthority, alg: str
) -> None:
    google.forged_id_token = jwt.encode(
        claims(google), google.key, algorithm=alg, headers={"kid": google.kid}
    )
    await is_refused(google, authority)


async def test_a_foreign_signature_under_a_known_kid_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority, foreign_key: rsa.RSAPrivateKey
) -> None:
    google.forged_id_token = jwt.encode(
        claims(google), foreign_key, algorithm="RS256", headers={"kid": google.kid}
    )
    await is_refused(google, authority)


async def test_addresses_and_keys_in_the_header_are_not_followed(
    google: ScriptedGoogle, authority: GoogleAuthority, foreign_key: rsa.RSAPrivateKey
) -> None:
    own = jwt.algorithms.RSAAlgorithm.to_jwk(foreign_key.public_key(), as_dict=True)
    google.forged_id_token = jwt.encode(
        claims(google),
        foreign_key,
        algorithm="RS256",
        headers={"kid": google.kid, "jku": f"{google.url}/evil", "x5u": "x", "jwk": own},
    )
    await is_refused(google, authority)
    assert {path for path, _ in google.requests} == {"/token", "/certs"}


async def test_a_changed_claim_breaks_the_signature(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    header, body, signature = google.id_token(nonce=NONCE).split(".")
    padded = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    other = spelled({}, padded | {"sub": "sub-2"}).split(".")[1]
    google.forged_id_token = f"{header}.{other}.{signature}"
    await is_refused(google, authority)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "....",
        spelled({"alg": "RS256"}, {}),
        spelled({"alg": "RS256", "kid": 7}, {}),
        spelled({"alg": ["RS256"], "kid": "key-1"}, {}),
        spelled({"alg": "RS256", "kid": "key-1"}, {}),
        base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.e30",
        base64.urlsafe_b64encode(b"\xff").decode() + ".e30.e30",
    ],
)
async def test_what_is_no_token_is_refused(
    google: ScriptedGoogle, authority: GoogleAuthority, token: str
) -> None:
    google.forged_id_token = token
    await is_refused(google, authority)


async def test_the_keys_are_fetched_once_and_kept_for_an_hour(
    google: ScriptedGoogle, authority: GoogleAuthority, clock: TurnedClock
) -> None:
    for _ in range(3):
        await consented(google, authority)
    assert google.calls("/certs") == 1
    clock.turn(3601)
    await consented(google, authority)
    assert google.calls("/certs") == 2


async def test_when_google_turns_its_keys_they_are_fetched_again(
    google: ScriptedGoogle, authority: GoogleAuthority, foreign_key: rsa.RSAPrivateKey
) -> None:
    await consented(google, authority)
    google.kid, google.key = "key-2", foreign_key
    assert (await consented(google, authority)).account.subject == "sub-1"
    assert google.calls("/certs") == 2


async def test_an_unknown_key_is_looked_for_once_only(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    await consented(google, authority)
    google.forged_id_token = jwt.encode(
        claims(google), google.key, algorithm="RS256", headers={"kid": "unknown"}
    )
    assert "no such key" in await is_refused(google, authority)
    assert google.calls("/certs") == 2


@pytest.mark.parametrize(
    "keys",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": 7}',
        b'{"keys": [7]}',
        b'{"keys": []}',
        b'{"keys": [{"kty": "RSA", "kid": "key-1", "n": "", "e": ""}]}',
        b'{"keys": [{"kty": "RSA", "kid": "key-1", "n": 7, "e": 7}]}',
        b'{"keys": [{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}]}',
        b'{"keys": [{"kty": "RSA", "kid": ["key-1"], "n": "AQAB", "e": "AQAB"}]}',
        b'{"keys": ' + b"[" * 100_000,
    ],
)
async def test_a_damaged_key_set_refuses_every_token(
    google: ScriptedGoogle, authority: GoogleAuthority, keys: bytes
) -> None:
    google.key_set = keys
    await is_refused(google, authority)


async def test_a_key_for_another_use_does_not_sign(
    google: ScriptedGoogle, authority: GoogleAuthority
) -> None:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(google.key.public_key(), as_dict=True)
    for wrong in ({"use": "enc"}, {"alg": "RS512"}):
        google.key_set = json.dumps({"keys": [{**public, "kid": google.kid, **wrong}]}).encode()
        await is_refused(google, authority)


async def test_without_a_key_set_no_token_is_accepted(
    google: ScriptedGoogle, clock: TurnedClock
) -> None:
    at = replace(google.endpoints(), jwks_url=f"{google.url}/nowhere")
    async with aiohttp.ClientSession() as http:
        assert "HTTP 404" in await is_refused(google, GoogleAuthority(at, http, clock))
