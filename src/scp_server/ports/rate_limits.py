"""RateLimits: who has done how much lately."""

from typing import Protocol

from scp_server.domain.sliding_log import Policy, Verdict


class RateLimits(Protocol):
    """Exact sliding windows, one per policy and key. In memory here, shared with more processes."""

    async def hit(self, policy: Policy, key: str) -> Verdict:
        """Count a hit if there is room for it."""
        ...

    async def take_back(self, policy: Policy, key: str, verdict: Verdict) -> None:
        """Forget a hit that `verdict` was given for: what it was counted for came to nothing."""
        ...

    async def look(self, policy: Policy, key: str) -> Verdict:
        """What a hit would be answered now, without counting it."""
        ...
