"""Limits on HTTP: what an answer says of the tightest limit it touched.

`X-RateLimit-Reset` is in epoch seconds, as in the guide; `RateLimit` and `RateLimit-Policy` (IETF
draft-ietf-httpapi-ratelimit-headers-10) count in seconds from now. All come from one verdict.
"""

import math
from dataclasses import dataclass, field

from scp_server.domain.errors import LimitReached
from scp_server.domain.sliding_log import Policy, Verdict

MINUTE = 60.0


def untouched(limit: int) -> Verdict:
    """The data requests' verdict for the operator, whose calls are not counted."""
    policy = Policy("data_requests", limit, MINUTE)
    return Verdict(policy=policy, allowed=True, remaining=limit, reset_in=MINUTE)


@dataclass(slots=True)
class Touched:
    """The limits that one request has touched."""

    verdicts: list[Verdict] = field(default_factory=list)
    session_pk: int | None = None
    """Whose request it is, once that is known."""

    def note(self, verdict: Verdict) -> None:
        """Remember one; switched off limits say nothing."""
        if verdict.policy.limit > 0:
            self.verdicts.append(verdict)

    def note_refusal(self, error: LimitReached) -> None:
        """Remember the limit that refused the request."""
        if error.verdict is not None:
            self.note(error.verdict)

    def headers(self, now: float) -> dict[str, str]:
        """Header fields of the tightest: fewest remaining, then longest to wait."""
        if not self.verdicts:
            return {}
        tightest = min(self.verdicts, key=lambda verdict: (verdict.remaining, -verdict.reset_in))
        policy = tightest.policy
        remaining = max(0, tightest.remaining)
        wait = max(1, math.ceil(tightest.reset_in))
        return {
            "X-RateLimit-Limit": str(policy.limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(math.ceil(now + tightest.reset_in)),
            "RateLimit-Policy": f'"{policy.name}";q={policy.limit};w={math.ceil(policy.window)}',
            "RateLimit": f'"{policy.name}";r={remaining};t={wait}',
        }
