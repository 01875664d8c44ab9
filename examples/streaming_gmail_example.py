"""Read a Gmail mailbox: what is there, and with --follow what arrives from now on.

    python examples/streaming_gmail_example.py --url http://localhost:5000

The session id comes from --session-id or SCP_CLIENT__SESSION_ID; where the server runs a
sandbox, one of its people consents.
"""

import argparse
import sys

from scp_sdk import Event, SCPClient, SCPError, StreamItem, TokenExpired
from scp_sdk.sandbox_consent import obtain_session


def show(item: StreamItem) -> None:
    if item.change == "deleted":
        print(f"  gone      {item.id}")
        return
    message = item.payload
    unread = "*" if message["unread"] else " "
    print(f"{unread} {item.change:9} {message['date'] or '-':20}  {message['from'] or '-'}")
    print(f"             {message['subject'] or '(no subject)'}")


def notice(event: Event) -> None:
    """Everything that is not an item: limits that come near, refreshed tokens, the end."""
    print(f"  [{event.event_type}]")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:5000")
    parser.add_argument("--session-id")
    parser.add_argument("--query", help="a Gmail search, for instance: is:unread")
    parser.add_argument("--max-results", type=int, default=25)
    parser.add_argument("--follow", action="store_true", help="go on with what changes")
    asked = parser.parse_args()

    try:
        session_id = obtain_session(asked.url, asked.session_id)
        with SCPClient(base_url=asked.url, session_id=session_id) as client:
            stream = client.stream(
                stream_type="gmail_messages",
                max_results=asked.max_results,
                filters={"query": asked.query} if asked.query else {},
                real_time=asked.follow,
                on_event=notice,
            )
            count = 0
            with stream:
                for item in stream:
                    show(item)
                    count += 1
            print(f"{count} messages")
    except TokenExpired as expired:
        print(f"Renew the consent first: {expired.authorization_url}", file=sys.stderr)
        return 1
    except SCPError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
