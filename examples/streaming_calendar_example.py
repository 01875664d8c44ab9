"""Read calendar events of a span of time, with asyncio, and watch the stream's status.

    python examples/streaming_calendar_example.py --url http://localhost:5000 --from 2024-01-01

The session id comes from --session-id or SCP_CLIENT__SESSION_ID; where the server runs a
sandbox, one of its people consents.
"""

import argparse
import asyncio
import sys
from typing import Any

from scp_sdk import AsyncSCPClient, SCPError
from scp_sdk.sandbox_consent import obtain_session


def line(event: dict[str, Any]) -> str:
    guests = len(event["attendees"])
    rhythm = ", repeats" if event["recurrence"] else ""
    return (
        f"{event['start'] or '-':22} {event['subject'] or '(no title)'} ({guests} guests{rhythm})"
    )


async def read(url: str, session_id: str, filters: dict[str, Any], max_results: int) -> None:
    async with AsyncSCPClient(base_url=url, session_id=session_id) as client:
        stream = client.stream(
            stream_type="calendar_events", filters=filters, max_results=max_results, batch_size=50
        )
        async with stream:
            print(f"stream {stream.stream_id}")
            async for item in stream:
                print(item.id if item.change == "deleted" else line(item.payload))
        if stream.stream_id is not None:
            status = await client.get_stream_status(stream.stream_id)
            print(f"{status['status']}: {status['items_streamed']} events streamed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:5000")
    parser.add_argument("--session-id")
    parser.add_argument("--from", dest="first", help="a day, for instance 2024-01-01")
    parser.add_argument("--to", dest="last", help="a day, not included")
    parser.add_argument("--query", help="a word of the title, the place or the text")
    parser.add_argument("--max-results", type=int, default=50)
    asked = parser.parse_args()

    filters: dict[str, Any] = {}
    if asked.first:
        filters["time_min"] = f"{asked.first}T00:00:00Z"
    if asked.last:
        filters["time_max"] = f"{asked.last}T00:00:00Z"
    if asked.query:
        filters["query"] = asked.query
    try:
        session_id = obtain_session(asked.url, asked.session_id)
        asyncio.run(read(asked.url, session_id, filters, asked.max_results))
    except SCPError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
