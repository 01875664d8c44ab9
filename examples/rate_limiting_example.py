"""Meet the rate limits, and handle them: by looking ahead, by waiting, or by letting the SDK wait.

    python examples/rate_limiting_example.py --url http://localhost:5000

It lists streams until the limit of data requests (50 a minute by default) refuses it. With
--wait it then waits as long as the server says and goes on.
"""

import argparse
import sys
import time
import urllib.error
import urllib.request

from scp_sdk import RateLimited, SCPClient, SCPError
from scp_sdk.sandbox_consent import obtain_session


def headers(url: str, session_id: str) -> tuple[int, int]:
    """The limit and what remains of it, from the headers that every /api answer has."""
    request = urllib.request.Request(  # noqa: S310  (the user's own server)
        f"{url}/api/session", headers={"Authorization": f"Bearer {session_id}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # nosec B310
            fields = answer.headers
    except urllib.error.HTTPError as refusal:
        fields = refusal.headers  # a refusal has them too
    return int(fields["X-RateLimit-Limit"]), int(fields["X-RateLimit-Remaining"])


def until_refused(client: SCPClient, attempts: int) -> RateLimited | None:
    """List streams until a limit says no; None when it never did."""
    for attempt in range(1, attempts + 1):
        try:
            client.list_streams()
        except RateLimited as limit:
            print(f"request {attempt}: {limit}")
            return limit
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:5000")
    parser.add_argument("--session-id")
    parser.add_argument("--attempts", type=int, default=120)
    parser.add_argument("--wait", action="store_true", help="wait out the limit, then go on")
    asked = parser.parse_args()
    try:
        session_id = obtain_session(asked.url, asked.session_id)
        limit, remaining = headers(asked.url, session_id)
        print(f"{remaining} of {limit} requests remain in this minute")

        with SCPClient(base_url=asked.url, session_id=session_id) as client:
            refusal = until_refused(client, asked.attempts)
        if refusal is None:
            print(f"not refused in {asked.attempts} requests: this server's limit is higher")
            return 0
        print(f"retry_after: {refusal.retry_after:.0f} s, limit: {refusal.details['limit']}")
        if not asked.wait:
            return 0

        # By hand: wait as long as the server says, not longer and not less.
        time.sleep(refusal.retry_after or 1)
        with SCPClient(base_url=asked.url, session_id=session_id) as client:
            print(f"{client.list_streams()['total_count']} active streams")

        # Or let the SDK do the same: max_retries repeats what a limit refused.
        with SCPClient(base_url=asked.url, session_id=session_id, max_retries=3) as client:
            print(f"{client.session()['state']} session, after waiting if need be")
    except SCPError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
