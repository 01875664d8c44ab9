"""Requests that open or continue a session, and those that cannot."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio import Refusal, Request, Settings
from scp_socketio.engine.handshake import Opening, read_request
from scp_socketio.engine.session import TransportName

SETTINGS = Settings()


def asked(
    query: str,
    method: str = "GET",
    *headers: tuple[str, str],
    path: str = "/socket.io/",
    settings: Settings = SETTINGS,
    carrier: TransportName = "polling",
) -> Opening | Refusal:
    request = Request(
        path=path,
        query=query.encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in headers),
        method=method,
        address="192.0.2.1",
    )
    return read_request(request, settings, carrier)


def refused(opening: Opening | Refusal) -> tuple[int, int]:
    assert isinstance(opening, Refusal)
    return opening.status, json.loads(opening.body)["code"]


def test_a_new_session_is_asked_for_by_revision_and_transport() -> None:
    opening = asked("EIO=4&transport=polling&t=abc&x=1&x=2", "GET", ("x-a", "1"), ("x-a", "2"))
    assert isinstance(opening, Opening)
    assert (opening.sid, opening.transport) == (None, "polling")
    assert opening.handshake.query["x"] == ("1", "2")
    assert opening.handshake.headers == {"x-a": "1, 2"}
    assert opening.handshake.address == "192.0.2.1"


@pytest.mark.parametrize("path", ["/socket.io/", "/socket.io"])
def test_the_last_slash_may_be_left_out(path: str) -> None:
    assert isinstance(asked("EIO=4&transport=polling", path=path), Opening)


@pytest.mark.parametrize(
    ("query", "method", "status", "code"),
    [
        ("EIO=4", "GET", 400, 0),
        ("EIO=4&transport=abc", "GET", 400, 0),
        ("EIO=4&transport=constructor", "GET", 400, 0),
        ("EIO=4&transport=websocket", "GET", 400, 3),
        ("EIO=4&transport=polling", "POST", 400, 2),
        ("EIO=4&transport=polling", "PUT", 400, 2),
        ("EIO=4&transport=polling&sid=a", "PUT", 400, 2),
        ("transport=polling", "GET", 400, 5),
        ("EIO=3&transport=polling", "GET", 400, 5),
        ("EIO=abc&transport=polling", "GET", 400, 5),
        ("&".join(f"a{n}=1" for n in range(65)), "GET", 400, 3),
        ("transport=é", "GET", 400, 3),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_the_codes_of_node(
    query: str, method: str, status: int, code: int
) -> None:
    assert refused(asked(query, method)) == (status, code)


def test_a_transport_that_is_switched_off_is_unknown() -> None:
    settings = Settings(transports=("websocket",))
    assert refused(asked("EIO=4&transport=polling", settings=settings)) == (400, 0)


def test_another_path_is_not_found() -> None:
    assert refused(asked("EIO=4&transport=polling", path="/socket.io/x"))[0] == 404


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://app.example", True),
        ("https://server.example", True),
        ("http://SERVER.example", True),
        ("https://server.example.evil.example", False),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_only_pages_of_listed_origins_and_of_the_host_itself_connect(
    origin: str | None, *, allowed: bool
) -> None:
    settings = Settings(origins=frozenset({"https://app.example"}))
    headers = [("host", "server.example")] + ([] if origin is None else [("origin", origin)])
    opening = asked("EIO=4&transport=polling", "GET", *headers, settings=settings)
    assert isinstance(opening, Opening) if allowed else refused(opening) == (403, 4)


@given(st.binary(max_size=40), st.sampled_from(["GET", "POST", "PUT"]))
def test_any_query_is_read_or_refused(query: bytes, method: str) -> None:
    request = Request(path="/socket.io/", query=query, headers=(), method=method)
    read_request(request, SETTINGS, "polling")
