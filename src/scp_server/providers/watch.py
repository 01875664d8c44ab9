"""ReportedQuota: tells metrics and consumers what a provider's governor does."""

from dataclasses import dataclass

from scp_server.ports.meter import Meter
from scp_server.ports.notices import SessionNotices
from scp_wire.events import RateLimitData
from scp_wire.stream_types import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedQuota:
    """Implements `quota.Watch`. No account is named to a meter."""

    provider: Provider
    meter: Meter
    notices: SessionNotices

    def waited(self, service: str, seconds: float) -> None:
        """Count it."""
        self.meter.quota_waited(self.provider, service, seconds)

    def near(self, session_pk: int, data: RateLimitData) -> None:
        """Tell the session's consumers."""
        self.notices.rate_limit_near(session_pk, data)
