"""What a provider's governor tells reaches the session's consumers."""

import msgspec
from support.engine_room import Room
from support.virtual_time import settle

from scp_server.engine.relay import NoticeRelay
from scp_server.providers.watch import ReportedQuota
from scp_server.telemetry.metrics import Metrics
from scp_wire.events import RateLimitData
from scp_wire.stream_types import Provider

WARNING = RateLimitData(
    remaining_quota=600, reset_time=1_800_000_060.0, warning_message="Little is left.", limit=6000
)


async def test_consumers_of_the_session_are_warned_and_no_others() -> None:
    room, relay, metrics = Room(), NoticeRelay(), Metrics()
    watch = ReportedQuota(provider=Provider.GOOGLE, meter=metrics, notices=relay)
    async with room.running():
        session, other = await room.consented(), await room.consented()
        await room.start(session)
        eater, neighbour = await room.attach(session), await room.attach(other)
        watch.near(session.pk, WARNING)
        relay.engine = room.engine.tidings
        watch.near(session.pk, WARNING)
        watch.near(404, WARNING)
        await settle()
        (notice,) = eater.notices
        assert notice.event_type == "rate_limit_warning"
        assert notice.data == msgspec.to_builtins(WARNING)
        assert (notice.event_id, notice.stream_id, notice.offset) == (None, None, None)
        assert neighbour.notices == []
    watch.waited("gmail", 2.5)
    assert b'scp_quota_wait_seconds_total{provider="google",service="gmail"} 2.5' in metrics.text()
