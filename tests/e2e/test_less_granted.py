"""A consent that is taken back and given again with less in it, at a real server and sandbox."""

import json
from typing import Any

import aiohttp
import anyio
from support.processes import fetch
from support.raw_engineio import WITHIN, RawWebSocket, raw_websocket
from support.running import StartSandbox, StartServer, assert_quiet

from scp_sdk import sandbox_consent as walking

SECONDS = 2 * WITHIN


async def regrant_without(word: str, url: str) -> None:
    """Consent again at this address, leaving out the scopes whose names hold the word."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as browser:
        onward = walking._onward(await walking._opened(browser, url))
        form = await walking._opened(browser, onward)
        kept = [(tag, attributes) for tag, attributes in form.tags if not _named(attributes, word)]
        assert len(kept) < len(form.tags)
        form.tags = kept
        await walking._answered(browser, onward, form, None)


def _named(attributes: dict[str, str], word: str) -> bool:
    return attributes.get("type") == "checkbox" and word in attributes.get("value", "")


async def told(raw: RawWebSocket, kind: str, stream_id: str) -> dict[str, Any]:
    """The next event of a kind that a stream tells."""
    with anyio.fail_after(SECONDS):
        while True:
            for event in raw.events:
                if event["event_type"] == kind and event.get("stream_id") == stream_id:
                    raw.events.remove(event)
                    return dict(event["data"])
            packet = await raw.receive()
            if packet.startswith('42["stream_event",'):
                raw.events.append(json.loads(packet[2:])[1])


async def test_only_the_stream_whose_scope_is_left_out_ends(
    start: StartServer, own_sandbox: StartSandbox
) -> None:
    sandbox = own_sandbox("--messages=20", "--events=10")
    server = start(sandbox)
    session = await server.open_session()
    fetch(f"{sandbox.url}/sandbox/grants/revoke", {}, method="POST")
    fetch(f"{sandbox.url}/sandbox/tokens/expire", {}, method="POST")
    async with raw_websocket(server.url, session) as raw:
        mail, diary = [
            await server.start_stream(session, stream_type=kind, real_time=True)
            for kind in ("gmail_messages", "calendar_events")
        ]
        lost = await told(raw, "stream_error", mail)
        assert (lost["code"], lost["fatal"]) == ("TOKEN_EXPIRED", False)
        await regrant_without("gmail", lost["details"]["authorization_url"])
        ended = await told(raw, "stream_error", mail)
        assert (ended["code"], ended["fatal"]) == ("INSUFFICIENT_SCOPE", True)
        assert "gmail" in ended["details"]["missing_scopes"][0]
        statuses = [(await server.call(f"/api/stream/{s}/status")).data for s in (mail, diary)]
        assert [one["status"] for one in statuses] == ["failed", "active"]
    refused = await server.call(
        "/api/stream/start", {"stream_type": "gmail_messages"}, session=session
    )
    assert (refused.status, refused.body["error"]["code"]) == (403, "INSUFFICIENT_SCOPE")
    assert_quiet(server)
