"""One task carries the events of all: in order, paced, audited, and each on its own account."""

import anyio
import pytest
from structlog.testing import capture_logs
from support.delivering import SESSION, notice, per_minute, ref
from support.dispatching import HIGH_WATER, STALL_SECONDS, Line, names, posting, recipient_of
from support.streaming import DIARY, MAIL
from support.virtual_time import settle

from scp_server.access.limits import LimitValues
from scp_server.delivery.courier import Courier, End, Flush, Wait
from scp_server.delivery.dispatch import AT_ONCE, LOOK_EVERY
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.secrets import Secret
from scp_server.engine.readers import Proves
from scp_server.ports.audit import AuditEntry
from scp_wire.codes import ErrorCode
from scp_wire.events import EventType


async def test_everybody_gets_everything_in_order_and_in_one_spelling() -> None:
    async with posting() as post:
        lines = [post.consumer(name=str(k)) for k in range(3 * AT_ONCE)]
        other = post.consumer(session=Secret("session-other"))
        for _ in range(5):
            post.items(50)
            post.items(3, DIARY)
            await settle()
        assert all(line.names == lines[0].names for line in lines)
        assert [n for n in lines[0].names if n[0] == "g"] == names(250)
        assert [n for n in lines[0].names if n[0] == "c"] == names(15, of="c")
        for line in lines[1:]:
            same = zip(line.messages, lines[0].messages, strict=True)
            assert all(mine is theirs for mine, theirs in same)
        assert other.names == lines[0].names
        assert {e.session_id for e in other.events} == {"session-other"}
        assert post.meter.items == 265 * (len(lines) + 1)


async def test_different_wishes_are_each_met() -> None:
    async with posting(batch_size=10) as post:
        plain = post.consumer()
        batched = post.consumer(batch=True)
        diary = post.consumer(types=frozenset({DIARY}))
        paced = post.consumer(pace=per_minute(5))
        post.items(30)
        post.items(4, DIARY)
        post.control()
        await settle()
        assert plain.names == batched.names == names(30) + names(4, of="c")
        kinds = [e.event_type for e in batched.events]
        assert kinds == ["data_batch"] * 4 + ["stream_resumed"]
        assert diary.names == names(4, of="c")
        assert diary.events[-1].event_type == "stream_resumed"
        assert paced.names == names(5)


async def test_nothing_is_written_before_its_audit_row() -> None:
    async with posting() as post:
        durable = anyio.Event()

        async def record(*entries: AuditEntry) -> None:
            await durable.wait()
            post.audit.rows += entries

        post.audit.record = record  # type: ignore[method-assign]
        lines = [post.consumer(name=str(k)) for k in range(3)]
        post.items(20)
        await settle()
        assert [line.packets for line in lines] == [[], [], []]
        durable.set()
        await settle()
        assert [row.items for row in post.audit.rows] == [20, 20, 20]
        assert all(line.names == names(20) for line in lines)


async def test_what_cannot_be_audited_is_not_written_and_ends_only_who_was_to_get_it() -> None:
    async with posting() as post:
        post.audit.broken = True
        mail = post.consumer(types=frozenset({MAIL}))
        told = post.consumer(types=frozenset())
        post.items(1)
        recipient_of(told).courier.reader.notify(notice())
        await settle()
        assert post.ends.codes == [ErrorCode.STORAGE_UNAVAILABLE]
        assert post.ends.failures[0][0] is mail.recipient
        assert mail.packets == []
        assert [e.event_type for e in told.events] == ["token_refresh"]
        assert post.shares[MAIL].items_written == 0


async def test_an_audit_that_crashes_lets_nothing_out_and_the_next_consumer_is_served() -> None:
    with capture_logs() as log:
        async with posting() as post:
            recorded = post.audit.record

            async def record(*entries: AuditEntry) -> None:
                raise RuntimeError("not as documented")

            post.audit.record = record  # type: ignore[method-assign]
            first = post.consumer()
            post.items(1)
            await settle()
            assert first.packets == []
            assert post.ends.codes == [ErrorCode.INTERNAL_ERROR]
            post.audit.record = recorded  # type: ignore[method-assign]
            second = post.consumer()
            await settle()
            assert second.names == ["g1"]
    assert [line["event"] for line in log] == ["audit_crashed"]


class Faulty(Courier):
    """Fails where it is told to."""

    fails_at = ""

    def next(self, now: float, **more: int) -> Flush | Wait | End:
        if self.fails_at == "next":
            raise RuntimeError("broken in next")
        return super().next(now, **more)

    def still_good(self, flush: Flush) -> Flush | None:
        if self.fails_at == "still_good":
            raise RuntimeError("broken in still_good")
        return super().still_good(flush)


@pytest.mark.parametrize("where", ["next", "still_good", "write"])
async def test_one_recipients_fault_is_its_own_end_and_nobody_elses(where: str) -> None:
    with capture_logs() as log:
        async with posting() as post:
            before = post.consumer()
            courier = post.courier(name="broken")
            faulty = Faulty(courier.reader, courier.consumer, None)
            faulty.fails_at = where
            broken = post.admitted(Line(broken=where == "write"), faulty)
            after = post.consumer(name="d")
            post.items(10)
            await settle()
            post.items(10)
            await anyio.sleep(5)
            assert post.ends.codes == [ErrorCode.INTERNAL_ERROR]
            assert post.ends.failures[0][0] is broken.recipient
            assert broken.packets == []
            assert before.names == after.names == names(20)
    assert [line["event"] for line in log] == ["delivery_crashed"]


async def test_a_full_client_is_given_no_more_until_it_has_read() -> None:
    async with posting() as post:
        slow, quick = post.consumer(reads=False), post.consumer(name="d")
        for _ in range(40):
            post.items(20, size=1000)
            await settle()
        assert quick.names == names(800)
        assert HIGH_WATER < slow.backlog < HIGH_WATER + 64 * 1200
        given = slow.names
        assert given == names(len(given))
        slow.catch_up()
        await settle()
        assert slow.names == names(800)


async def test_who_got_full_by_a_ping_is_found_though_nobody_calls() -> None:
    async with posting() as post:
        line = post.consumer()
        line.backlog = HIGH_WATER + 1
        post.items(1)
        await settle()
        assert line.packets == []
        line.backlog = 0
        await anyio.sleep(2 * LOOK_EVERY)
        assert line.names == ["g1"]


async def test_a_stalled_consumer_fails_after_its_time_and_holds_nobody_up_afterwards() -> None:
    async with posting() as post:
        stalled, quick = post.consumer(reads=False), post.consumer(name="d")
        started = anyio.current_time()
        post.items(1)
        await anyio.sleep(STALL_SECONDS - 1)
        assert post.ends.codes == []
        await anyio.sleep(2)
        assert post.ends.codes == [ErrorCode.SLOW_CONSUMER]
        assert post.ends.failures[0][0] is stalled.recipient
        assert STALL_SECONDS <= post.ends.times[0] - started <= STALL_SECONDS + 1
        recipient_of(stalled).courier.reader.detach()
        post.items(5)
        await anyio.sleep(2)
        assert stalled.names == ["g1"]
        assert quick.names == names(6)
        assert post.shares[MAIL].all_proven
        assert len(post.ends.failures) == 1


async def test_who_reads_but_never_answers_a_ping_is_stalled_too() -> None:
    async with posting() as post:
        post.consumer(pongs=False)
        post.items(1)
        await anyio.sleep(STALL_SECONDS + 1)
        assert post.ends.codes == [ErrorCode.SLOW_CONSUMER]


async def test_a_sign_of_life_now_and_then_is_no_stall() -> None:
    async with posting() as post:
        line = post.consumer(proves=Proves.ACK, window=100)
        post.items(10)
        for n in range(1, 10):
            await anyio.sleep(STALL_SECONDS - 1)
            post.dispatch.acknowledged(recipient_of(line), ref(n))
        assert post.ends.codes == []
        await anyio.sleep(STALL_SECONDS + 1)
        assert post.ends.codes == [ErrorCode.SLOW_CONSUMER]


async def test_waiting_for_our_own_pace_is_not_stalling() -> None:
    async with posting() as post:
        line = post.consumer(pace=per_minute(10))
        post.items(55)
        await anyio.sleep(6 * 60)
        assert post.ends.codes == []
        assert line.names == names(55)
        told = zip(line.times, line.events, strict=True)
        times = [time for time, event in told if event.event_id is not None]
        assert all(later - first >= 60 for first, later in zip(times, times[10:], strict=False))
        assert times[-1] - times[0] <= 5 * 60 + 5 * LOOK_EVERY


async def test_a_warning_comes_once_in_a_window_and_does_not_count() -> None:
    async with posting(limits=LimitValues(stream_events_per_minute=100)) as post:
        line = post.consumer(pace=per_minute(100))
        for _ in range(25):
            post.items(10)
            await settle()
        await anyio.sleep(200)
        assert line.names == names(250)
        warnings = [e for e in line.events if e.event_type == "rate_limit_warning"]
        assert len(warnings) == 2
        assert warnings[0].data["remaining_quota"] == 10
        assert warnings[0].data["limit"] == 100
        assert warnings[0].event_id is None
        assert warnings[0].session_id == SESSION.reveal()


async def test_pongs_prove_within_a_second_and_the_position_moves() -> None:
    async with posting() as post:
        line = post.consumer()
        post.items(3)
        await settle()
        assert recipient_of(line).courier.reader.proven_n == 0
        await anyio.sleep(1)
        assert recipient_of(line).courier.reader.proven_n == 3
        assert post.shares[MAIL].all_proven
        pings = line.pings_sent
        await anyio.sleep(100)
        assert line.pings_sent == pings, "nothing is unproven"


async def test_what_is_told_outside_the_order_has_what_went_before_proven_at_once() -> None:
    async with posting() as post:
        line = post.consumer()
        post.items(3)
        await settle()
        recipient_of(line).courier.reader.notify(notice(EventType.SERVER_DRAINING))
        await settle()
        assert recipient_of(line).courier.reader.proven_n == 3


async def test_many_events_are_asked_after_at_once() -> None:
    async with posting() as post:
        line = post.consumer()
        post.items(500)
        await settle()
        assert line.pings_sent > 0
        assert recipient_of(line).courier.reader.proven_n >= 128


async def test_a_window_of_acknowledgements_is_kept_and_opened_by_them() -> None:
    async with posting() as post:
        line = post.consumer(proves=Proves.ACK, window=8)
        post.items(20)
        await settle()
        assert line.names == names(8)
        line.pings_sent += 1
        line.pong()
        await settle()
        assert line.names == names(8), "who acknowledges is believed alone"
        post.dispatch.acknowledged(recipient_of(line), ref(3))
        await settle()
        assert line.names == names(11)
        with pytest.raises(InvalidRequest):
            post.dispatch.acknowledged(recipient_of(line), ref(12))
        await settle()
        assert line.names == names(11)
        assert recipient_of(line).courier.reader.proven_n == 3


async def test_a_winding_back_does_not_leave_a_window_full_of_the_old_epoch() -> None:
    async with posting() as post:
        line = post.consumer(proves=Proves.ACK, window=8)
        post.items(6)
        await settle()
        post.wind_back(items=20)
        await settle()
        assert line.names == names(6) + names(2, first=7)
        post.dispatch.acknowledged(recipient_of(line), ref(2, post.window.epoch))
        await settle()
        assert len(line.names) == 6 + 2 + 8


async def test_who_is_dismissed_while_the_audit_is_written_gets_nothing() -> None:
    async with posting() as post:
        durable = anyio.Event()
        recorded = post.audit.record

        async def record(*entries: AuditEntry) -> None:
            await durable.wait()
            await recorded(*entries)

        post.audit.record = record  # type: ignore[method-assign]
        leaving, closed, staying = (post.consumer(name=n) for n in "abc")
        post.items(5)
        await settle()
        post.dispatch.dismiss(recipient_of(leaving))
        recipient_of(leaving).courier.reader.detach()
        closed.open = False
        durable.set()
        await settle()
        assert leaving.packets == []
        assert closed.packets == [], "its end has not been told yet"
        assert recipient_of(closed).courier.reader.written_n == 0
        assert staying.names == names(5)


async def test_a_closed_reader_is_told_why_and_over_once() -> None:
    async with posting() as post:
        line, other = post.consumer(), post.consumer(name="d")
        post.items(3)
        await settle()
        reader = recipient_of(line).courier.reader
        reader.notify(notice(EventType.SERVER_DRAINING))
        reader.close("server_draining")
        post.items(3)
        reader.wake()
        await anyio.sleep(5)
        assert post.ends.overs == [(line.recipient, "server_draining")]
        assert line.names == names(3)
        assert line.events[-1].event_type == "server_draining"
        assert other.names == names(6)


async def test_who_stalls_in_acknowledging_but_was_dismissed_is_not_looked_after() -> None:
    async with posting() as post:
        line = post.consumer(reads=False)
        post.items(1)
        await settle()
        post.dispatch.dismiss(recipient_of(line))
        await anyio.sleep(10 * STALL_SECONDS)
        assert post.ends.failures == []


async def test_readers_that_come_and_go_leave_nothing_behind() -> None:
    async with posting() as post:
        for k in range(50):
            line = post.consumer(name=str(k), reads=k % 2 == 0)
            post.items(3)
            await settle()
            post.dispatch.dismiss(recipient_of(line))
            recipient_of(line).courier.reader.detach()
        await anyio.sleep(1)
        assert post.dispatch._watched == {}
        assert post.dispatch._stirred == []
        assert post.window.readers == frozenset()
