"""Every word of the corpus at every place of the HTTP interface, said to the real server.

Each is answered as the document says, in the envelope; nothing is logged but one line a record; and
the server lives.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from corpus.words import IDS, IN_HEADERS, IN_URLS, MARKUP, NUMBERS, QUERIES, WORDS, said_at
from support.processes import Child, start_server
from support.running import Server, assert_quiet
from support.wire import Heard, said

from scp_server.api.errors import STATUS_OF
from scp_server.api.openapi import document_of
from scp_server.api.routes.table import OPERATIONS
from scp_wire.codes import ErrorCode

DOCUMENT = document_of(OPERATIONS)
UNREAD = {400, 404, 405, 408, 413, 415, 431}
"""What anything may be answered with before an operation is found."""
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
SETTINGS = {
    "limits__data_requests_per_minute": "0",
    "limits__starts_per_minute": "0",
    "log_format": "json",
}
GROWTH_KIB = 40 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sandbox: Child) -> Iterator[Server]:
    """One for all of it, looked at closely at the end."""
    folder = tmp_path_factory.mktemp("server")
    child = start_server(folder, sandbox, **SETTINGS)
    running = Server(child, folder, sandbox, SETTINGS)
    yield running
    for line in running.log.splitlines():
        if line.startswith("{"):
            json.loads(line)
        assert not CONTROLS.search(line), "what a client said moved the log's cursor"
        assert "Injected" not in line
    assert_quiet(running)
    assert running.child.stop() == 0
    child.close()


@pytest.fixture(scope="module")
def session(server: Server) -> str:
    """A session whose user has consented."""
    return anyio.run(server.open_session)


def resident(server: Server) -> int:
    status = Path(f"/proc/{server.child.process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def request(method: str, target: str, *fields: tuple[str, bytes], body: bytes = b"") -> bytes:
    lines = b"".join(b"%s: %s\r\n" % (name.encode(), value) for name, value in fields)
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    return head.encode() + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


def documented(template: str, method: str) -> set[int]:
    return {int(status) for status in DOCUMENT["paths"][template][method.lower()]["responses"]}


def judged(heard: Heard, allowed: set[int], what: object) -> None:
    """It is one answer, of a documented status, and an error is an error object of that status."""
    assert len(heard.statuses) == 1, (what, heard.raw[:300])
    assert heard.status in allowed, (what, heard.raw[:600])
    assert "x-injected" not in heard.headers, what
    assert heard.headers["x-content-type-options"] == "nosniff"
    body = heard.raw.partition(b"\r\n\r\n")[2]
    assert b"Traceback" not in body
    kind = heard.headers.get("content-type", "")
    if heard.status >= 400 and kind == "application/json":
        assert len(body) < 4000, what
        error = heard.error
        assert STATUS_OF[ErrorCode(error["code"])] == heard.status, what
        assert error["message"], what
    if kind.startswith("text/html"):
        assert b"<script" not in body, what
        assert b"onerror=" not in re.sub(rb"&[a-z0-9#]+;[^<]*", b"", body), what


PATHS = [
    ("GET", "/api/stream/{stream_id}/status"),
    ("POST", "/api/stream/{stream_id}/stop"),
    ("GET", "/api/stream/{stream_id}/events"),
    ("GET", "/oauth/{provider}/login"),
    ("GET", "/oauth/{provider}/callback"),
]


@pytest.mark.parametrize(("method", "template"), PATHS)
async def test_a_path_may_hold_anything(
    server: Server, session: str, method: str, template: str
) -> None:
    allowed = (documented(template, method) | UNREAD) - {200}
    for word in said_at(template, IN_URLS):
        target = re.sub(r"{\w+}", lambda _, word=word: word, template)  # type: ignore[misc]
        asked = request(method, target, ("X-Session-ID", session.encode()))
        judged(await said(server.url, asked), allowed, (method, target))


PARAMETERS = [
    ("/api/streams", "/api/streams", ["status", "session_id", "x"]),
    (
        "/api/stream/{stream_id}/events",
        "/api/stream/stream-x/events",
        ["format", "last_event_id", "batch", "max_events", "timeout", "ticket"],
    ),
    ("/api/stream/{stream_id}/status", "/api/stream/stream-x/status", ["session_id"]),
    ("/oauth/{provider}/login", "/oauth/google/login", ["request", "moved"]),
    (
        "/oauth/{provider}/callback",
        "/oauth/google/callback",
        ["code", "state", "error", "error_description", "iss", "scope"],
    ),
]


@pytest.mark.parametrize(
    ("template", "path", "name"),
    [(template, path, name) for template, path, names in PARAMETERS for name in names],
)
async def test_a_query_may_hold_anything(
    server: Server, session: str, template: str, path: str, name: str
) -> None:
    allowed = documented(template, "GET") | UNREAD
    mine = () if name == "session_id" else (("X-Session-ID", session.encode()),)
    for word in said_at((path, name), IN_URLS):
        target = f"{path}?{name}={word}"
        judged(await said(server.url, request("GET", target, *mine)), allowed, target)
    twice = f"{path}?{name}=a&{name}=b"
    judged(await said(server.url, request("GET", twice, *mine)), allowed, twice)


HEADERS = [
    *["X-Session-ID", "Authorization", "Last-Event-ID", "Accept", "Origin", "Cookie", "Range"],
    *["Content-Type", "Content-Encoding", "Accept-Encoding", "Expect", "X-Forwarded-For"],
    *["Forwarded", "X-Forwarded-Host", "X-HTTP-Method-Override", "Sec-Fetch-Site", "TE"],
    *["If-None-Match", "If-Modified-Since", "Referer", "User-Agent", "traceparent"],
]


@pytest.mark.parametrize("name", HEADERS)
async def test_a_header_may_hold_anything(server: Server, session: str, name: str) -> None:
    get, post = documented("/api/streams", "GET"), documented("/api/stream/start", "POST")
    mine = () if name == "X-Session-ID" else (("X-Session-ID", session.encode()),)
    for word in said_at(name, IN_HEADERS):
        fields = (*mine, (name, word))
        heard = await said(server.url, request("GET", "/api/streams", *fields))
        judged(heard, get | UNREAD, (name, word))
        if name in {"Content-Type", "Content-Encoding", "Expect", "Origin"}:
            heard = await said(
                server.url, request("POST", "/api/stream/start", *fields, body=b"{}")
            )
            judged(heard, (post | UNREAD) - {200}, (name, word))


FIELDS = {
    "/api/stream/start": [
        *["stream_type", "session_id", "cursor", "agent_id", "batch_size", "max_results"],
        *["real_time", "filters", "rate_limit_per_minute", "include_raw", "unknown"],
    ],
    "/api/sessions": ["provider", "stream_types", "agent_id", "return_to", "tokens"],
    "/api/sessions/exchange": ["code"],
    "/api/stream/{stream_id}/stop": ["session_id", "reason"],
}
FINE: dict[str, dict[str, object]] = {
    "/api/stream/start": {"stream_type": "gmail_messages", "max_results": 1},
    "/api/sessions": {"provider": "google", "stream_types": ["gmail_messages"]},
    "/api/sessions/exchange": {},
    "/api/stream/{stream_id}/stop": {},
}


@pytest.mark.parametrize(
    ("template", "name"), [(template, name) for template, names in FIELDS.items() for name in names]
)
async def test_a_field_of_a_body_may_hold_anything(
    server: Server, session: str, template: str, name: str
) -> None:
    allowed = documented(template, "POST") | UNREAD
    target = template.format(stream_id="stream-x")
    # A session is opened as the operator; all else is asked by a session.
    who = server.key if template == "/api/sessions" else session
    fields = (("Content-Type", b"application/json"), ("Authorization", b"Bearer " + who.encode()))
    texts = [*map(json.dumps, WORDS), *NUMBERS, "[[]]", '{"": {}}', '"\\ud800"']
    for text in said_at((template, name), texts):
        members = FINE[template] | {name: "@"}
        body = json.dumps(members).replace('"@"', text).encode()
        heard = await said(server.url, request("POST", target, *fields, body=body))
        judged(heard, allowed, (name, text[:60]))
        if heard.status == 200 and template == "/api/stream/start":
            await stopped(server, session, heard)


async def stopped(server: Server, session: str, heard: Heard) -> None:
    started = json.loads(heard.raw.partition(b"\r\n\r\n")[2])["data"]["stream_id"]
    await server.call(f"/api/stream/{started}/stop", {}, session=session)


FILTERS = [
    ("gmail_messages", "query"),
    ("gmail_threads", "label_ids"),
    ("calendar_events", "query"),
    ("calendar_events", "time_min"),
    ("contacts", "query"),
    ("files", "query"),
    ("files", "mime_types"),
]


@pytest.mark.parametrize(("stream_type", "name"), FILTERS)
async def test_a_filter_may_hold_anything(server: Server, stream_type: str, name: str) -> None:
    session = await server.open_session(stream_type)
    allowed = documented("/api/stream/start", "POST")
    fields = (("Content-Type", b"application/json"), ("X-Session-ID", session.encode()))
    for word in said_at((stream_type, name), [*QUERIES, *MARKUP, *IDS[:8]]):
        value: object = [word] if name in {"label_ids", "mime_types"} else word
        body = {"stream_type": stream_type, "max_results": 1, "filters": {name: value}}
        heard = await said(
            server.url,
            request("POST", "/api/stream/start", *fields, body=json.dumps(body).encode()),
        )
        judged(heard, allowed, (stream_type, word))
        if heard.status == 200:
            await stopped(server, session, heard)


@pytest.mark.parametrize(
    "method", ["TRACE", "PUT", "PATCH", "DELETE", "PROPFIND", "SEARCH", "LINK", "HEAD", "QUERY"]
)
async def test_no_method_is_taken_that_is_not_documented(server: Server, method: str) -> None:
    for template, operations in DOCUMENT["paths"].items():
        if method.lower() in operations:
            continue
        target = re.sub(r"{\w+}", "google", template)
        heard = await said(server.url, request(method, target))
        gets = method == "HEAD" and "get" in operations
        assert heard.status in ({200, 400, 401, 403, 404, 405, 503} if gets else {400, 405}), target
        if heard.status == 405:
            assert heard.headers["allow"]


async def test_what_is_sent_back_in_an_error_is_short_and_no_header(server: Server) -> None:
    long = quote("\r\nSet-Cookie: a=b\r\n" * 50, safe="")
    for target in (
        f"/api/streams?status={long}",
        f"/{long}",
        f"/oauth/google/login?request={long}",
    ):
        heard = await said(server.url, request("GET", target))
        assert "set-cookie" not in heard.headers
        assert heard.status in {303, 400, 401, 404}


async def test_after_all_of_it_the_server_has_not_grown(server: Server, session: str) -> None:
    before = resident(server)
    for _ in range(300):
        heard = await said(server.url, request("GET", "/api/streams?status=" + "x" * 20_000))
        assert heard.status in {400, 401}
    assert resident(server) - before < GROWTH_KIB
    assert (await server.call("/api/streams", session=session)).status == 200
