"""Who is asking: carriers that agree pass, carriers that do not are refused, nothing leaks."""

from itertools import combinations_with_replacement

import pytest
from support.api_server import AS_OPERATOR, OPERATOR_KEY, House, serving
from yarl import URL

from scp_server.domain.secrets import Secret

CARRIERS = ("bearer", "header", "query", "body")


def carried(carriers: dict[str, str]) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Headers, query and body that carry these values."""
    headers, query, body = {}, {}, {}
    for carrier, value in carriers.items():
        match carrier:
            case "bearer":
                headers["Authorization"] = f"Bearer {value}"
            case "header":
                headers["X-Session-ID"] = value
            case "query":
                query["session_id"] = value
            case _:
                body["session_id"] = value
    return headers, query, body


async def stop(house: House, stream_id: str, carriers: dict[str, str]) -> tuple[int, str]:
    headers, query, body = carried(carriers)
    answer = await house.ask(
        "POST",
        f"/api/stream/{stream_id}/stop",
        headers=headers,
        params=query,
        json=body or None,
    )
    for value in carriers.values():
        assert value not in answer.text, "a credential was repeated"
    return answer.status, "" if answer.json["success"] else answer.code


async def test_every_carrier_works_and_any_two_must_agree(house: House) -> None:
    mine, other = await house.session(), await house.session()
    stream_id = await house.start(mine)
    unknown = "session-" + "A" * 43
    for one, two in combinations_with_replacement(CARRIERS, 2):
        assert await stop(house, stream_id, {one: mine, two: mine}) == (200, "")
        assert await stop(house, stream_id, {one: other, two: other}) == (404, "STREAM_NOT_FOUND")
        assert await stop(house, stream_id, {one: unknown, two: unknown}) == (
            404,
            "SESSION_NOT_FOUND",
        )
        if one != two:
            for first, second in ((mine, other), (mine, unknown), (unknown, mine)):
                assert await stop(house, stream_id, {one: first, two: second}) == (
                    400,
                    "INVALID_REQUEST",
                ), (one, two)


async def test_a_carrier_that_comes_twice_must_agree_with_itself(house: House) -> None:
    mine, other = await house.session(), await house.session()
    for headers in (
        [("X-Session-ID", mine), ("X-Session-ID", other)],
        [("Authorization", f"Bearer {mine}"), ("Authorization", f"Bearer {other}")],
    ):
        assert (await house.ask("GET", "/api/session", headers=headers)).status == 400
    twice = URL(f"/api/session?session_id={mine}&session_id={other}", encoded=True)
    assert (await house.ask("GET", twice)).code == "INVALID_REQUEST"
    same = URL(f"/api/session?session_id={mine}&session_id={mine}", encoded=True)
    assert (await house.ask("GET", same)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer  "},
        {"Authorization": "session-abc"},
        {"X-Session-ID": ""},
        {"X-Session-ID": "x" * 257},
        {"Authorization": "Bearer " + "x" * 4096},
    ],
)
async def test_a_malformed_credential_is_refused_by_name(
    house: House, headers: dict[str, str]
) -> None:
    answer = await house.ask("GET", "/api/session", headers=headers)
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
    assert answer.details["field"] in headers


ODD_IDS = [
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "null",
    "true",
    "-0",
    "__proto__",
    "constructor",
    "' OR 1=1--",
    "{0.__class__}",
    "%n%s",
    "session-",
    "session-\u202egnp",
    "session-\u00e9",
    "\U0001f4a5",
    "operator-wrong",
    "agent-unknown",
    "a" * 256,
]


@pytest.mark.parametrize("odd", ODD_IDS)
async def test_an_odd_id_is_an_unknown_session_wherever_it_travels(house: House, odd: str) -> None:
    body = {"stream_type": "gmail_messages", "session_id": odd}
    answers = [
        await house.ask("GET", "/api/session", params={"session_id": odd}),
        await house.ask("POST", "/api/stream/start", json=body),
    ]
    if odd.isascii():
        answers.append(await house.ask("GET", "/api/session", headers={"X-Session-ID": odd}))
        bearer = {"Authorization": f"Bearer {odd}"}
        answers.append(await house.ask("GET", "/api/session", headers=bearer))
    assert {(answer.status, answer.code) for answer in answers} == {(404, "SESSION_NOT_FOUND")}
    assert len({answer.text for answer in answers}) == 1


async def test_a_session_id_in_the_url_can_be_switched_off() -> None:
    async with serving({"allow_query_session": False}) as house:
        mine = await house.session()
        answer = await house.ask("GET", "/api/session", params={"session_id": mine})
        assert (answer.status, answer.code) == (400, "INVALID_REQUEST")
        assert mine not in answer.text
        assert (await house.ask("GET", "/api/session", headers={"X-Session-ID": mine})).data


async def test_an_answer_to_a_session_id_in_the_url_is_not_kept_or_referred(house: House) -> None:
    mine = await house.session()
    answer = await house.ask("GET", "/api/session", params={"session_id": mine})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_a_session_beside_the_operators_key_is_the_operator_in_that_session(
    house: House,
) -> None:
    mine, other = await house.session(), await house.session()
    stream_id = await house.start(mine)
    await house.start(other)
    both = {**AS_OPERATOR, "X-Session-ID": mine}
    listed = await house.ask("GET", "/api/streams", headers=both)
    assert list(listed.data["streams"]) == [stream_id]


async def test_a_wrong_operator_key_is_answered_as_an_unknown_session(house: House) -> None:
    wrong = {"Authorization": f"Bearer {OPERATOR_KEY}x"}
    body = {"provider": "google", "stream_types": ["gmail_messages"]}
    answer = await house.ask("POST", "/api/sessions", headers=wrong, json=body)
    assert (answer.status, answer.code) == (404, "SESSION_NOT_FOUND")


async def test_a_session_may_not_do_what_is_the_operators(house: House) -> None:
    mine = {"X-Session-ID": await house.session()}
    body = {"provider": "google", "stream_types": ["gmail_messages"]}
    answer = await house.ask("POST", "/api/sessions", headers=mine, json=body)
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    bare = await house.ask("POST", "/api/sessions", json=body)
    assert (bare.status, bare.code) == (401, "SESSION_REQUIRED")


async def test_an_ended_session_is_an_unknown_one(house: House) -> None:
    mine = {"X-Session-ID": await house.session()}
    assert (await house.ask("DELETE", "/api/session", headers=mine)).status == 200
    ended = await house.ask("GET", "/api/session", headers=mine)
    unknown = await house.ask("GET", "/api/session", headers={"X-Session-ID": "session-x"})
    assert (ended.status, ended.text) == (404, unknown.text)


async def test_when_the_database_is_gone_the_answer_says_when_to_come_back(house: House) -> None:
    mine = await house.session()
    assert await house.sessions.find(Secret(mine)) is not None
    house.sessions.broken = True
    answer = await house.ask("GET", "/api/session", headers={"X-Session-ID": mine})
    assert (answer.status, answer.code) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
