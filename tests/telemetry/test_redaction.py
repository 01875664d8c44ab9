"""What is taken out of logs, and what stays readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.domain.errors import StorageUnavailable
from scp_server.domain.secrets import Secret
from scp_server.telemetry.redaction import redact_fields, redacted

SESSION = "session-CANARYabcdefghijklmnopqrstuvwxyz0123456789_-"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJCANARYIiOiIxIn0.CANARY-signature_x"


@pytest.mark.parametrize(
    "text",
    [
        SESSION,
        f"GET /api/session {SESSION} 200",
        f"x{SESSION}",
        "/socket.io/?EIO=4&session_id=CANARY&transport=websocket",
        f"/login?next=%2Fa%3Fsession_id%3D{SESSION}",
        "session_id%3DCANARY",
        "operator-CANARYCANARY",
        "agent-CANARYCANARYCANARYCANARY",
        "Authorization: Bearer CANARY",
        "authorization: bearer CANARY.x+/=",
        "Basic CANARY==",
        "token ya29.a0CANARY-x_y.z",
        "refresh 1//0eCANARY-x",
        "refresh=1%2F%2F0eCANARY",
        "code 4/0ACANARYCANARY",
        "4%2F0ACANARYCANARY",
        "GOCSPX-CANARY",
        JWT,
        f"id_token={JWT}&x=1",
        "/oauth/google/callback?state=CANARY&code=CANARY&iss=x",
        "/events?ticket=CANARY",
        "?access_token=CANARY",
        "?token=CANARY",
        "client_secret=CANARY&grant_type=x",
        '{"access_token": "CANARY", "expires_in": 3599}',
        "{'refresh_token': 'CANARY'}",
        "code_verifier=CANARY",
        "mail from CANARY@mail.example",
        "to CANARY.x%40mail.example",
        "<Task finished exception=ValueError('CANARY (a) \n b')>",
    ],
)
def test_nothing_secret_is_left_of(text: str) -> None:
    assert "CANARY" not in redacted(text)


def test_a_stream_s_id_is_shortened_to_its_first_eight_characters() -> None:
    assert redacted("the stream-abcdefghijklmnop stops") == "the stream-abcdefgh… stops"


@pytest.mark.parametrize(
    "text",
    [
        "session-…w4Xy",
        "3 streams of 2 sessions",
        "/api/stream/{stream_id}/status",
        "scp_server.storage.sql.sessions",
        "STREAM_NOT_FOUND",
        "gmail.messages.get ok",
        "state needs_consent",
        "Set SCP_TLS_CERT and SCP_TLS_KEY.",
        "http://localhost:5000/api/streams?status=active",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("char", ["\n", "\r", "\x1b", "\x00", "\x85", "\u2028", "\u202e", "\udfff"])
def test_characters_that_could_forge_or_hide_a_line_are_spelled_out(char: str) -> None:
    assert redacted(f"a{char}b") == f"a\\u{ord(char):04x}b"


@given(st.text())
def test_any_text_becomes_one_printable_line_that_can_be_written(text: str) -> None:
    line = redacted(text)
    assert len(line.splitlines()) <= 1
    line.encode()


@given(
    before=st.text("abc =:&?/\"'{", max_size=8),
    token=st.text(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=43, max_size=43
    ),
)
def test_a_session_id_is_found_wherever_it_stands(before: str, token: str) -> None:
    assert token not in redacted(f"{before}session-{token}")


def test_fields_are_redacted_by_name_value_and_depth() -> None:
    record = {
        "event": f"opened {SESSION}",
        "Authorization": "CANARY",
        "set-cookie": "CANARY",
        "session_id": "CANARY",
        "nested": {"list": [SESSION, ("x", {"client_secret": "CANARY"})]},
        SESSION: 1,
        "secret_value": Secret("CANARY"),
        "blob": b"CANARY",
        "exc": ValueError("CANARY"),
        "object": range(3),
        "n": 3,
        "ratio": 0.5,
        "flag": True,
        "nothing": None,
    }
    clean = redact_fields(None, "", record)
    assert "CANARY" not in str(clean)
    assert clean["blob"] == "(6 bytes)"
    assert clean["exc"] == "ValueError"
    assert clean["object"] == "range(0, 3)"
    assert (clean["n"], clean["ratio"], clean["flag"], clean["nothing"]) == (3, 0.5, True, None)


def test_our_own_errors_keep_their_message() -> None:
    clean = redact_fields(None, "", {"exc": StorageUnavailable("The disk is full.")})
    assert clean["exc"] == "StorageUnavailable: The disk is full."
