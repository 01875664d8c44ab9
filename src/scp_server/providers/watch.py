"""What is reported to metrics, logs and consumers of how a provider is read."""

from dataclasses import dataclass
from typing import Final

import structlog

from scp_server.domain.changes import Followed, Skipped, Step
from scp_server.domain.streams import Position, StreamConfig
from scp_server.ports.connector import Connector, Reading
from scp_server.ports.meter import Meter, SetAsideFor
from scp_server.ports.notices import SessionNotices
from scp_wire.events import RateLimitData
from scp_wire.stream_types import Provider

_LOG: Final = structlog.get_logger("scp.providers")


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


@dataclass(frozen=True, slots=True)
class ReportedReading:
    """A connector whose items set aside are counted, and whose own faults are logged."""

    connector: Connector
    config: StreamConfig
    meter: Meter

    def bookmark(self) -> Reading[Position]:
        """As the connector's."""
        return self.connector.bookmark()

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """As the connector's."""
        step = yield from self.connector.backfill(resume)
        self._report(step.skipped)
        return step

    def follow(self, since: Position) -> Reading[Followed]:
        """As the connector's."""
        followed = yield from self.connector.follow(since)
        self._report(followed.skipped)
        return followed

    def _report(self, skipped: tuple[Skipped, ...]) -> None:
        provider, stream_type = self.config.provider, self.config.stream_type
        for one in skipped:
            cause: SetAsideFor = "fault" if one.fault else "unreadable"
            self.meter.set_aside(provider, stream_type, cause)
            if one.fault:
                # Whose item it is, and what is in it, is nobody's business here.
                _LOG.error(
                    "reading_stumbled",
                    provider=provider.value,
                    stream_type=stream_type.value,
                    fault=one.fault,
                )
