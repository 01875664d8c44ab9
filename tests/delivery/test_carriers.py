"""Credentials of a connecting client: from wherever they come, and never two."""

import contextlib
from collections.abc import Mapping
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.delivery.carriers import Hello, read_hello
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef
from scp_server.domain.secrets import Secret
from scp_socketio import Handshake

ONE, OTHER = "session-one", "session-other"


def hello(
    auth: object = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    allow_query: bool = True,
) -> Hello:
    asked = parse_qs(query, keep_blank_values=True)
    handshake = Handshake(
        query={name: tuple(values) for name, values in asked.items()},
        headers=headers or {},
        address="192.0.2.1",
    )
    return read_hello(auth, handshake, allow_query=allow_query)


CARRIERS: dict[str, dict[str, object]] = {
    "auth": {"auth": {"session_id": "%s"}},
    "query": {"query": "EIO=4&session_id=%s"},
    "header": {"headers": {"x-session-id": "%s"}},
    "bearer": {"headers": {"authorization": "Bearer %s"}},
}


def carried(name: str, session_id: str) -> dict[str, object]:
    def put(value: object) -> object:
        if isinstance(value, dict):
            return {key: put(inner) for key, inner in value.items()}
        return str(value).replace("%s", session_id)

    return {key: put(value) for key, value in CARRIERS[name].items()}


def together(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    both = {**first, **second}
    if "headers" in first and "headers" in second:
        both["headers"] = {**first["headers"], **second["headers"]}  # type: ignore[dict-item]
    return both


@pytest.mark.parametrize("name", CARRIERS)
def test_a_session_id_is_found_in_each_carrier(name: str) -> None:
    said = hello(**carried(name, ONE))  # type: ignore[arg-type]
    assert said.credentials.session_id == Secret(ONE)
    assert said.credentials.key is None


@pytest.mark.parametrize("first", CARRIERS)
@pytest.mark.parametrize("second", CARRIERS)
def test_two_carriers_must_agree(first: str, second: str) -> None:
    if first == second:
        return
    same = together(carried(first, ONE), carried(second, ONE))
    assert hello(**same).credentials.session_id == Secret(ONE)  # type: ignore[arg-type]
    different = together(carried(first, ONE), carried(second, OTHER))
    with pytest.raises(InvalidRequest) as refused:
        hello(**different)  # type: ignore[arg-type]
    assert refused.value.details == {"field": "session_id"}
    assert ONE not in refused.value.message


def test_the_same_query_field_twice_must_agree_as_well() -> None:
    with pytest.raises(InvalidRequest):
        hello(query=f"session_id={ONE}&session_id={OTHER}")


def test_a_switched_off_query_is_not_looked_at() -> None:
    assert hello(query=f"session_id={ONE}", allow_query=False).credentials.session_id is None


def test_a_key_travels_beside_a_session() -> None:
    headers = {"authorization": "Bearer operator-key", "x-session-id": ONE}
    said = hello(headers=headers)
    assert said.credentials.key == Secret("operator-key")
    assert said.credentials.session_id == Secret(ONE)


def test_an_agents_name_and_place_are_taken_along() -> None:
    auth = {"agent_id": "a", "last_event_id": "abcdefabcdef-7", "cursors": {"stream-1": "c"}}
    said = hello(auth, "agent_id=a&unknown=1")
    assert said.arrival.agent_id == "a"
    assert said.arrival.place == EventRef("abcdefabcdef", 7)
    assert said.arrival.cursors == {"stream-1": "c"}
    assert said.arrival.wanted is None


@pytest.mark.parametrize(
    "auth",
    [
        {"session_id": 7},
        {"session_id": "x" * 257},
        {"agent_id": ""},
        {"agent_id": "a" * 129},
        {"last_event_id": "7"},
        {"last_event_id": "abcdefabcdef-07"},
        {"last_event_id": "abcdefabcdef--1"},
        {"last_event_id": "ABCDEFABCDEF-1"},
        {"last_event_id": "abcdefabcdef-" + "9" * 30},
        {"last_event_id": ["abcdefabcdef-1"]},
        {"cursors": []},
        {"cursors": {"stream-1": ""}},
        {"cursors": {"stream-1": "c" * 513}},
        {"cursors": {f"stream-{k}": "c" for k in range(33)}},
        [ONE],
        "text",
        7,
    ],
    ids=lambda a: repr(a)[:50],
)
def test_a_wrong_auth_is_refused_with_the_field_named(auth: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        hello(auth)
    assert refused.value.details["field"]


def test_a_label_in_the_query_is_bounded_as_the_one_in_auth_is() -> None:
    with pytest.raises(InvalidRequest):
        hello(query="agent_id=" + "a" * 129)


@given(
    st.none() | st.text() | st.dictionaries(st.text(), st.text() | st.integers()),
    st.dictionaries(
        st.sampled_from(["session_id", "agent_id", "x"]), st.lists(st.text(), min_size=1).map(tuple)
    ),
    st.dictionaries(st.sampled_from(["authorization", "x-session-id"]), st.text()),
)
def test_nothing_a_client_says_raises_anything_but_a_refusal(
    auth: object, query: dict[str, tuple[str, ...]], headers: dict[str, str]
) -> None:
    handshake = Handshake(query=query, headers=headers, address="")
    with contextlib.suppress(InvalidRequest):
        said = read_hello(auth, handshake, allow_query=True)
        assert "session-" not in repr(said)


KEY, OTHER_KEY = "agent-one", "agent-other"


def test_a_key_is_found_in_auth_and_in_the_header_and_the_two_must_agree() -> None:
    for key in (KEY, "operator-one"):
        for spelled in (
            {"auth": {"session_id": ONE, "agent_key": key}},
            {"auth": {"session_id": ONE}, "headers": {"authorization": f"Bearer {key}"}},
            {
                "auth": {"session_id": ONE, "agent_key": key},
                "headers": {"authorization": f"Bearer {key}"},
            },
        ):
            credentials = hello(**spelled).credentials  # type: ignore[arg-type]
            assert (credentials.session_id, credentials.key) == (Secret(ONE), Secret(key))
    with pytest.raises(InvalidRequest) as refused:
        hello({"agent_key": KEY}, headers={"authorization": f"Bearer {OTHER_KEY}"})
    assert refused.value.details["field"] == "agent_key"


def test_a_session_id_is_no_key() -> None:
    with pytest.raises(InvalidRequest):
        hello({"agent_key": ONE})
    assert hello(headers={"authorization": f"Bearer {ONE}"}).credentials.key is None


def test_what_is_no_key_is_looked_up_as_a_session_and_a_provider_s_token_is_none() -> None:
    credentials = hello(headers={"authorization": "Bearer ya29.token"}).credentials
    assert (credentials.session_id, credentials.key) == (Secret("ya29.token"), None)


def test_the_scheme_is_bearer_in_any_case_and_nothing_else() -> None:
    assert hello(headers={"authorization": f"bEARER {ONE}"}).credentials.session_id == Secret(ONE)
    for wrong in ("Basic dXNlcjpwYXNz", "Bearer", "Bearer  ", ONE, ""):
        with pytest.raises(InvalidRequest) as refused:
            hello({"session_id": ONE}, headers={"authorization": wrong})
        assert refused.value.details["field"] == "Authorization"
