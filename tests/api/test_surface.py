"""What every answer has: headers, envelopes for what is not there, CORS, HEAD and OPTIONS."""

import pytest
from support.api_server import AS_OPERATOR, Answer, House, serving
from yarl import URL

from scp_server.api.routes.table import OPERATIONS
from scp_server.api.services import ApiValues

PATHS = {
    "startStream": "/api/stream/start",
    "getStreamStatus": "/api/stream/stream-x/status",
    "stopStream": "/api/stream/stream-x/stop",
    "readStreamEvents": "/api/stream/stream-x/events",
    "login": "/oauth/google/login",
    "callback": "/oauth/google/callback",
}
EVERY_ROUTE = [
    *((one.method, PATHS.get(one.name, one.path)) for one in OPERATIONS),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/assets/page.css"),
    ("GET", "/nothing/here"),
    ("GET", "/api/nothing"),
    ("PATCH", "/api/streams"),
    ("OPTIONS", "/api/streams"),
    ("HEAD", "/api/streams"),
]


def headers_all_answers_have(answer: Answer) -> None:
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    if answer.text:
        assert "charset=utf-8" in answer.headers["Content-Type"] or answer.json is not None


@pytest.mark.parametrize("as_who", ["nobody", "operator"])
async def test_every_route_has_the_security_headers(house: House, as_who: str) -> None:
    headers = AS_OPERATOR if as_who == "operator" else {}
    for method, path in EVERY_ROUTE:
        answer = await house.ask(method, path, headers=headers)
        headers_all_answers_have(answer)
        kept = answer.headers["Cache-Control"]
        assert kept == ("public, max-age=3600" if path.startswith("/assets") else "no-store")
        assert "Strict-Transport-Security" not in answer.headers
        assert answer.status < 500, answer.text


async def test_over_tls_every_answer_says_to_stay_there() -> None:
    async with serving({"public_url": "https://scp.example"}) as house:
        for method, path in EVERY_ROUTE:
            answer = await house.ask(method, path)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/api",
        "/api/",
        "/api/stream",
        "/api/streams/",
        "/api//streams",
        "/API/streams",
        "/api/events",
        "/favicon.ico",
        "/api/stream/../../etc/passwd",
        "/api/stream/a%2fb/status",
        "/api/stream//status",
        "/oauth/google",
        "/assets/../app.py",
        "/%00",
        "/%ff%fe",
    ],
)
async def test_what_is_not_there_is_not_found_in_the_envelope(house: House, path: str) -> None:
    answer = await house.ask("GET", URL(path, encoded=True))
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "stream_id",
    [
        "stream-",
        "..%5c",
        "%2e%2e",
        "%252e",
        "%00",
        "%0d%0aX:y",
        "null",
        "%e2%80%ae",
        "a" * 4096,
        "stream-%ed%a0%80",
        "stream-%c3%a9",
        "stream-a%20b",
        "%f0%9f%92%a5",
        "'%20OR%201=1--",
    ],
)
async def test_an_odd_stream_id_is_an_unknown_stream(house: House, stream_id: str) -> None:
    for method, action in (("GET", "status"), ("POST", "stop")):
        path = URL(f"/api/stream/{stream_id}/{action}", encoded=True)
        answer = await house.ask(method, path)
        assert (answer.status, answer.code) == (404, "STREAM_NOT_FOUND")


async def test_a_wrong_method_is_told_the_right_ones(house: House) -> None:
    allowed = {
        "/api/stream/start": "POST, OPTIONS",
        "/api/streams": "GET, HEAD, OPTIONS",
        "/api/session": "DELETE, GET, HEAD, OPTIONS",
        "/oauth/google/login": "GET, OPTIONS",
        "/healthz": "GET, HEAD, OPTIONS",
        "/docs": "GET, HEAD, OPTIONS",
    }
    for path, methods in allowed.items():
        for method in ("PUT", "PATCH", "TRACE", "PROPFIND", "REPORT"):
            answer = await house.ask(method, path)
            assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
            assert answer.headers["Allow"] == methods
            assert answer.details["allowed_values"] == methods.split(", ")
        asked = await house.ask("OPTIONS", path)
        assert (asked.status, asked.headers["Allow"], asked.text) == (204, methods, "")


async def test_looking_ahead_does_not_use_up_a_login(house: House) -> None:
    assert (await house.ask("HEAD", "/oauth/google/login")).status == 405


async def test_head_answers_as_get_without_the_body(house: House) -> None:
    for path in ("/healthz", "/api/providers", "/docs", "/openapi.json"):
        get, head = await house.ask("GET", path), await house.ask("HEAD", path)
        assert (head.status, head.text) == (200, "")
        assert head.headers["Content-Length"] == str(len(get.text.encode()))


ALLOWED = "https://app.example"
REFUSED = [
    "null",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://app.example:8443",
    "http://app.example",
    "HTTPS://APP.EXAMPLE",
    "https://app.example/",
    "https://sub.app.example",
    "https://user@app.example",
    "https://xn--pp-eka.example",
    "*",
    "",
]


async def test_only_listed_origins_may_read_and_all_others_are_refused() -> None:
    async with serving({"allowed_origins": frozenset({ALLOWED})}) as house:
        mine = {"X-Session-ID": await house.session()}
        read = await house.ask("GET", "/api/streams", headers={**mine, "Origin": ALLOWED})
        assert read.status == 200
        assert read.headers["Access-Control-Allow-Origin"] == ALLOWED
        assert "X-RateLimit-Remaining" in read.headers["Access-Control-Expose-Headers"]
        assert read.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in read.headers
        for origin in REFUSED:
            refused = await house.ask("GET", "/api/streams", headers={**mine, "Origin": origin})
            assert (refused.status, refused.code) == (403, "FORBIDDEN"), origin
            assert "Access-Control-Allow-Origin" not in refused.headers
            assert refused.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["/api/stream/start", "/api/tickets", "/api/session"])
async def test_another_site_s_page_changes_nothing_even_where_it_names_no_origin(
    house: House, path: str
) -> None:
    method = "DELETE" if path == "/api/session" else "POST"
    mine = {"X-Session-ID": await house.session()}
    for site, refused in (("cross-site", True), ("same-origin", False), ("none", False)):
        headers = {**mine, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
        answer = await house.ask(method, path, headers=headers)
        assert (answer.status == 403) == refused, (site, answer.text)


@pytest.mark.parametrize(
    ("mode", "dest", "opens"),
    [
        ("navigate", "document", True),
        ("navigate", "iframe", False),
        ("no-cors", "image", False),
        ("no-cors", "script", False),
        ("cors", "empty", False),
    ],
)
async def test_a_consent_begins_in_a_tab_and_not_within_another_page(
    house: House, mode: str, dest: str, *, opens: bool
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    for path in ("/oauth/google/login", "/oauth/google/callback?state=x&code=y"):
        answer = await house.ask("GET", path, headers=headers)
        assert (answer.status == 403) != opens, answer.text
        assert ("Set-Cookie" in answer.headers) == (opens and path.endswith("login"))


async def test_an_error_can_be_read_by_a_listed_origin() -> None:
    async with serving({"allowed_origins": frozenset({ALLOWED})}) as house:
        answer = await house.ask("GET", "/api/streams", headers={"Origin": ALLOWED})
        assert (answer.status, answer.code) == (401, "SESSION_REQUIRED")
        assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED


async def test_a_preflight_is_answered_for_listed_origins_only() -> None:
    async with serving({"allowed_origins": frozenset({ALLOWED})}) as house:
        question = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-session-id",
        }
        path = "/api/stream/start"
        yes = await house.ask("OPTIONS", path, headers={**question, "Origin": ALLOWED})
        assert yes.status == 204
        assert yes.headers["Access-Control-Allow-Origin"] == ALLOWED
        assert "POST" in yes.headers["Access-Control-Allow-Methods"]
        assert "X-Session-ID" in yes.headers["Access-Control-Allow-Headers"]
        for origin in REFUSED:
            no = await house.ask("OPTIONS", path, headers={**question, "Origin": origin})
            assert no.status == 403
            assert "Access-Control-Allow-Origin" not in no.headers


async def test_our_own_origin_may_call_under_each_of_its_loopback_names(house: House) -> None:
    port = URL(house.url).port
    for name in ("localhost", "127.0.0.1", "[::1]"):
        origin = {"Origin": f"http://{name}:{port}"}
        assert (await house.ask("GET", "/api/providers", headers=origin)).status == 200
    other = {"Origin": f"http://localhost:{(port or 0) + 1}"}
    assert (await house.ask("GET", "/api/providers", headers=other)).status == 403


@pytest.mark.parametrize(
    "origin", ["*", "https://*.app.example/x", "app.example", "https://app.example/", "null"]
)
def test_an_allowed_origin_that_is_none_is_refused_at_start(origin: str) -> None:
    with pytest.raises(ValueError, match="SCP_ALLOWED_ORIGINS"):
        ApiValues(public_url="http://localhost:5000", allowed_origins=frozenset({origin}))


async def test_the_unexpected_is_answered_with_a_trace_id_and_logged_without_content(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = await house.session()
    house.streams.views["stream-broken"] = None  # type: ignore[assignment]  # what cannot be
    path = "/api/stream/stream-broken/status"
    answer = await house.ask("GET", path, params={"session_id": session_id})
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert set(answer.json["error"]) == {"code", "message", "details"}
    trace_id = answer.details["trace_id"]
    assert trace_id in caplog.text
    assert "AttributeError" in caplog.text
    assert session_id not in caplog.text + answer.text
    assert "stream-broken" not in caplog.text
    assert "Traceback" not in answer.text
    assert "INTERNAL_ERROR" in house.meter.failures


async def test_what_is_logged_of_a_request_is_its_route(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    session_id = await house.session()
    stream_id = await house.start(session_id)
    path = f"/api/stream/{stream_id}/status"
    await house.ask("GET", path, params={"session_id": session_id, "x": "CANARY-query"})
    # Ours only: pytest hands the silenced access log of uvicorn a handler of its own.
    ours = [one for one in caplog.records if one.name.startswith("scp_")]
    assert ours[-1].__dict__["path"] == "/api/stream/{stream_id}/status"
    for secret in (session_id, stream_id, "CANARY", "operator-"):
        assert secret not in repr([one.__dict__ for one in ours])
