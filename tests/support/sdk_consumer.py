"""A program that keeps what a stream gives it: run by tests, killed by them, and started again.

    python sdk_consumer.py URL SESSION_ID STREAM_ID WIRE [LAST_EVENT_ID]

Prints a line for each item, after which it counts as processed: its id and the stream's
`last_event_id`, or `-`.
"""

import asyncio
import sys
from typing import cast

from scp_sdk import AsyncSCPClient, WireName


async def main(url: str, session: str, stream_id: str, wire: str, place: str | None = None) -> None:
    """Read the stream to its end."""
    async with AsyncSCPClient(url, session) as client:
        stream = client.stream(
            stream_id=stream_id, last_event_id=place, wire=cast("WireName", wire), batch=False
        )
        async for item in stream:
            sys.stdout.write(f"{item.id} {stream.last_event_id or '-'}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
