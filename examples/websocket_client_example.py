"""The guide's Socket.IO client, without the SDK: connect, subscribe, start a stream, receive.

    python examples/websocket_client_example.py --url http://localhost:5000 --events 20

It needs `pip install "python-socketio[asyncio_client]"`; the SDK needs nothing. That client takes
the session id as `auth` (its connect has no `query`). It connects again by itself; naming the last
event it has seen makes the server go on right there.
"""

import argparse
import asyncio
import sys
from typing import Any

import aiohttp
import socketio

from scp_sdk import SCPError
from scp_sdk.sandbox_consent import obtain_session


class Listener:
    """One connection: what it has seen, and when it has seen enough."""

    def __init__(self, session_id: str, wanted: int) -> None:
        self.session_id = session_id
        self.wanted = wanted
        self.items = 0
        self.last_event_id: str | None = None
        self.enough = asyncio.Event()
        self.refusal: Any = None
        self.sio = socketio.AsyncClient()
        self.sio.on("stream_event", self.stream_event)
        self.sio.on("subscription_confirmed", self.subscription_confirmed)
        self.sio.on("error", self.error)
        self.sio.on("connect_error", self.connect_error)

    def auth(self) -> dict[str, str]:
        """Called for every connection, so that a later one goes on where the last broke."""
        auth = {"session_id": self.session_id, "agent_id": "websocket-example"}
        if self.last_event_id is not None:
            auth["last_event_id"] = self.last_event_id
        return auth

    async def stream_event(self, event: dict[str, Any]) -> None:
        self.last_event_id = event.get("event_id", self.last_event_id)
        match event["event_type"]:
            case "data_update":
                self.items += 1
                payload = event["data"]["payload"]
                print(f"{self.items:4} {payload['id']} {payload.get('subject') or ''}")
            case "rate_limit_warning":
                print(f"     {event['data']['warning_message']}")
            case kind:
                print(f"     [{kind}]")
        if self.items >= self.wanted or event["event_type"] == "stream_completed":
            self.enough.set()

    async def subscription_confirmed(self, data: dict[str, Any]) -> None:
        print(f"Subscribed to: {', '.join(data['data_types'])}")

    async def error(self, error: dict[str, Any]) -> None:
        print(f"{error['code']}: {error['message']}", file=sys.stderr)

    async def connect_error(self, refusal: Any) -> None:  # noqa: ANN401  (a text, or an object)
        self.refusal = refusal


async def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def listen(url: str, session_id: str, wanted: int) -> int:
    listener = Listener(session_id, wanted)
    try:
        await listener.sio.connect(url, auth=listener.auth, wait_timeout=10)
    except socketio.exceptions.ConnectionError:
        print(f"Refused: {listener.refusal or 'the server cannot be reached'}", file=sys.stderr)
        return 1
    try:
        await listener.sio.emit(
            "subscribe_data", {"session_id": session_id, "data_types": ["gmail_messages"]}
        )
        answer = await post(
            f"{url}/api/stream/start",
            {
                "session_id": session_id,
                "stream_type": "gmail_messages",
                "batch_size": 50,
                "max_results": wanted,
            },
        )
        if not answer["success"]:
            print(f"Not started: {answer['error']['message']}", file=sys.stderr)
            return 1
        async with asyncio.timeout(300):
            await listener.enough.wait()
        # Who leaves early says so: the session can start the next stream of this type at once.
        stream_id = answer["data"]["stream_id"]
        await post(f"{url}/api/stream/{stream_id}/stop", {"session_id": session_id})
    finally:
        await listener.sio.disconnect()
    print(f"{listener.items} messages")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:5000")
    parser.add_argument("--session-id")
    parser.add_argument("--events", type=int, default=50, help="leave after so many messages")
    asked = parser.parse_args()
    try:
        session_id = obtain_session(asked.url, asked.session_id)
    except SCPError as error:
        print(error, file=sys.stderr)
        return 1
    return asyncio.run(listen(asked.url, session_id, asked.events))


if __name__ == "__main__":
    sys.exit(main())
