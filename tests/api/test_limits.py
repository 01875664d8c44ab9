"""Rate limits on HTTP: what is counted, what the headers say, what a refusal says."""

import math

from support.api_server import AS_OPERATOR, Answer, House, serving
from yarl import URL

from scp_server.access.limits import LimitValues

FIELDS = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "RateLimit-Policy",
    "RateLimit",
)


def told(answer: Answer) -> tuple[int, int]:
    """Limit and remaining, after checking that all fields agree."""
    limit, remaining = (int(answer.headers[name]) for name in FIELDS[:2])
    assert f";q={limit};w=60" in answer.headers["RateLimit-Policy"]
    assert f";r={remaining};t=" in answer.headers["RateLimit"]
    policy, left = (answer.headers[name].split(";")[0] for name in FIELDS[3:])
    assert policy == left
    return limit, remaining


async def test_every_api_answer_carries_the_limit_it_touched() -> None:
    async with serving(limits=LimitValues()) as house:
        mine = {"X-Session-ID": await house.session()}
        for method, path, headers in (
            ("GET", "/api/streams", mine),
            ("GET", "/api/session", mine),
            ("GET", "/api/providers", {}),
            ("GET", "/api/streams", {}),
            ("GET", "/api/nothing", {}),
            ("PUT", "/api/streams", {}),
            ("POST", "/api/stream/start", mine),
            ("GET", "/api/stream/stream-x/status", {}),
            ("GET", "/api/session", {"X-Session-ID": "session-unknown"}),
            ("GET", "/api/session", {"Authorization": "Basic x"}),
            ("GET", "/api/providers", {"Origin": "https://evil.example"}),
            ("POST", "/api/sessions", AS_OPERATOR),
        ):
            limit, remaining = told(await house.ask(method, path, headers=headers))
            assert limit == 50
            assert 0 <= remaining <= 50


async def test_the_reset_is_when_the_first_place_is_free_again() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=2)) as house:
        first = await house.ask("GET", "/api/providers")
        assert told(first) == (2, 1)
        assert first.headers["X-RateLimit-Reset"] == str(math.ceil(house.clock.now() + 60))
        house.clock.turn(10.5)
        second = await house.ask("GET", "/api/providers")
        assert told(second) == (2, 0)
        assert second.headers["RateLimit"].endswith(";t=50")


async def refused(house: House) -> Answer:
    answer = await house.ask("GET", "/api/providers")
    assert (answer.status, answer.code) == (429, "RATE_LIMIT_EXCEEDED")
    return answer


async def test_a_refusal_has_the_guides_body_and_waiting_as_told_is_enough() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=3)) as house:
        for _ in range(3):
            assert (await house.ask("GET", "/api/providers")).status == 200
            house.clock.turn(1)
        answer = await refused(house)
        assert answer.details["limit"] == 3
        assert answer.details["retry_after"] == 57
        assert answer.details["reset_time"] == int(answer.headers["X-RateLimit-Reset"])
        assert isinstance(answer.details["reset_time"], int)
        assert answer.headers["Retry-After"] == "57"
        assert told(answer) == (3, 0)
        house.clock.turn(57)
        assert (await house.ask("GET", "/api/providers")).status == 200
        await refused(house)


async def test_sessions_and_addresses_are_counted_apart() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=2)) as house:
        sessions = [{"X-Session-ID": await house.session()} for _ in range(2)]
        for headers in (*sessions, {}):
            assert [
                (await house.ask("GET", "/api/providers", headers=headers)).status for _ in range(3)
            ] == [200, 200, 429]


async def test_what_fails_before_the_caller_is_known_counts_for_the_address() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=6)) as house:
        guess = {"X-Session-ID": "session-guess"}
        twice = URL("/api/session?session_id=a&session_id=b", encoded=True)
        json = {"Content-Type": "application/json"}
        statuses = [
            (await house.ask("GET", "/api/session", headers=guess)).status,
            (await house.ask("GET", "/api/nothing")).status,
            (await house.ask("PUT", "/api/session")).status,
            (await house.ask("GET", twice)).status,
            (await house.ask("POST", "/api/stream/start", data=b"{", headers=json)).status,
            (await house.ask("POST", "/api/stream/start", data=b"{}")).status,
            (await house.ask("GET", "/api/session", headers=guess)).status,
            (await house.ask("GET", "/api/nothing")).status,
        ]
        assert statuses == [404, 404, 405, 400, 400, 415, 429, 429]


async def test_starts_have_a_limit_of_their_own() -> None:
    async with serving(limits=LimitValues(starts_per_minute=2)) as house:
        session_id = await house.session()
        body = {"session_id": session_id, "stream_type": "gmail_messages"}
        for left in (1, 0):
            started = await house.ask("POST", "/api/stream/start", json=body)
            assert told(started) == (2, left)
            await house.ask("POST", f"/api/stream/{started.data['stream_id']}/stop")
        answer = await house.ask("POST", "/api/stream/start", json=body)
        assert (answer.status, answer.code) == (429, "STREAM_RATE_LIMITED")
        assert answer.headers["Retry-After"] == "60"
        assert told(answer) == (2, 0)
        wrong = await house.ask("POST", "/api/stream/start", json={**body, "batch_size": 0})
        assert wrong.code == "STREAM_CONFIG_ERROR"


async def test_the_operator_is_not_counted() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=2)) as house:
        for _ in range(5):
            answer = await house.ask("GET", "/api/streams", headers=AS_OPERATOR)
            assert answer.status == 200
            assert told(answer) == (2, 2)


async def test_a_limit_that_is_off_says_nothing(house: House) -> None:
    answer = await house.ask("GET", "/api/providers")
    assert not set(FIELDS) & set(answer.headers)


async def test_forwarded_addresses_change_nothing() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=2)) as house:
        statuses = [
            (
                await house.ask(
                    "GET", "/api/providers", headers={"X-Forwarded-For": f"192.0.2.{last}"}
                )
            ).status
            for last in range(3)
        ]
        assert statuses == [200, 200, 429]


async def test_logins_are_counted_per_address() -> None:
    async with serving(limits=LimitValues(data_requests_per_minute=2)) as house:
        pages = [await house.ask("GET", "/oauth/google/login") for _ in range(3)]
        assert [page.status for page in pages] == [200, 200, 429]
        assert "Too many attempts" in pages[2].text
        assert int(pages[2].headers["Retry-After"]) == 60
