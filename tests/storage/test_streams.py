"""Streams and their ledgers, in SQL."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from support.sql_stores import (
    DAY,
    NOW,
    a_config,
    a_row,
    a_stream,
    consented,
    new_keyring,
    sql,
    sql_stores,
)

from scp_server.domain.errors import (
    SealBroken,
    SessionNotFound,
    StreamAlreadyActive,
    StreamNotFound,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import Phase, Place, Position, StreamConfig, StreamState
from scp_server.storage.sql.database import Stores
from scp_server.storage.sql.ledger import MOST_ROWS
from scp_wire.codes import ErrorCode, ErrorObject
from scp_wire.filters import EventFilters, FileFilters, Filters, OutlookMailFilters
from scp_wire.stream_types import StreamType

ERROR = ErrorObject(code=ErrorCode.PROVIDER_ERROR, message="No.", details={"status": 400})


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with sql_stores(tmp_path / "scp.db") as opened:
        yield opened


@pytest.fixture
async def session(stores: Stores) -> Session:
    return await consented(stores.sessions)


def with_filters(stream_type: StreamType, filters: Filters) -> StreamConfig:
    return replace(a_config(stream_type), filters=filters, given_filters={}, max_results=None)


@pytest.mark.parametrize(
    "config",
    [
        a_config(),
        with_filters(
            StreamType.CALENDAR_EVENTS,
            EventFilters(time_min=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), query="x"),
        ),
        with_filters(StreamType.OUTLOOK_MESSAGES, OutlookMailFilters(filter="isRead eq true")),
        with_filters(StreamType.FILES, FileFilters(mime_types=("text/plain",))),
    ],
)
async def test_a_stream_comes_back_as_it_was_stored(
    stores: Stores, session: Session, config: StreamConfig
) -> None:
    stream = a_stream(session.pk, config=config)
    await stores.streams.create(stream)
    assert await stores.streams.get("stream-1") == stream
    assert await stores.streams.get("stream-2") is None


async def test_one_active_stream_of_a_type_runs_on_a_session(
    stores: Stores, session: Session
) -> None:
    other = await consented(stores.sessions, Secret("session-other"))
    await stores.streams.create(a_stream(session.pk, "stream-1"))
    with pytest.raises(StreamAlreadyActive) as refused:
        await stores.streams.create(a_stream(session.pk, "stream-2"))
    assert refused.value.details == {"stream_id": "stream-1"}
    await stores.streams.create(a_stream(other.pk, "stream-3"))
    calendar = with_filters(StreamType.CALENDAR_EVENTS, EventFilters())
    await stores.streams.create(a_stream(session.pk, "stream-4", calendar))
    await stores.streams.end("stream-1", StreamState.STOPPED, "requested", None, now=NOW)
    await stores.streams.create(a_stream(session.pk, "stream-5"))


async def test_of_many_starts_at_once_one_stream_is_created(
    stores: Stores, session: Session
) -> None:
    refusals: list[object] = []

    async def start(number: int) -> None:
        try:
            await stores.streams.create(a_stream(session.pk, f"stream-{number}"))
        except StreamAlreadyActive as exc:
            refusals.append(exc.details["stream_id"])

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(start, number)
    (running,) = await stores.streams.of_session(session.pk)
    assert refusals == [running.stream_id] * 9


async def test_a_stream_cannot_be_created_on_a_session_that_ended_or_never_was(
    stores: Stores, session: Session
) -> None:
    with pytest.raises(SessionNotFound):
        await stores.streams.create(a_stream(session.pk + 1))
    await stores.sessions.set_state(session.pk, SessionState.ENDED)
    with pytest.raises(SessionNotFound):
        await stores.streams.create(a_stream(session.pk))


async def test_streams_of_a_session_are_listed_newest_first(
    stores: Stores, session: Session
) -> None:
    for number in range(3):
        stream = replace(a_stream(session.pk, f"stream-{number}"), started_at=NOW + number)
        await stores.streams.create(stream)
        if number < 2:
            await stores.streams.end(
                stream.stream_id, StreamState.STOPPED, "requested", None, now=NOW
            )
    found = await stores.streams.of_session(session.pk)
    assert [stream.stream_id for stream in found] == ["stream-2", "stream-1", "stream-0"]
    active = await stores.streams.in_state(StreamState.ACTIVE)
    assert [stream.stream_id for stream in active] == ["stream-2"]
    assert await stores.streams.of_session(session.pk + 1) == []


async def test_a_saved_place_is_the_latest_and_moves_the_counters(
    stores: Stores, session: Session
) -> None:
    await stores.streams.create(a_stream(session.pk))
    assert await stores.streams.latest("stream-1") is None
    place = Place(
        phase=Phase.FOLLOWING, since=Position(b"\x00\xff"), taken=7, recovering=True, resume=None
    )
    first, second = a_row(3), replace(a_row(5), place=place)
    await stores.streams.save("stream-1", first, now=NOW + 1)
    assert await stores.streams.latest("stream-1") == first
    await stores.streams.save("stream-1", second, now=NOW + 2)
    assert await stores.streams.latest("stream-1") == second
    stream = await stores.streams.get("stream-1")
    assert stream is not None
    assert (stream.items_streamed, stream.last_activity) == (5, NOW + 2)


async def test_a_place_is_looked_up_at_or_before_an_event_of_its_epoch(
    stores: Stores, session: Session
) -> None:
    await stores.streams.create(a_stream(session.pk))
    rows = [a_row(3, "a"), a_row(8, "a"), a_row(1, "b")]
    for row in rows:
        await stores.streams.save("stream-1", row, now=NOW)
    assert await stores.streams.place_at("stream-1", "a", 2) is None
    assert await stores.streams.place_at("stream-1", "a", 3) == rows[0]
    assert await stores.streams.place_at("stream-1", "a", 7) == rows[0]
    assert await stores.streams.place_at("stream-1", "a", 2**40) == rows[1]
    assert await stores.streams.place_at("stream-1", "b", 7) == rows[2]
    assert await stores.streams.place_at("stream-1", "c", 7) is None
    assert await stores.streams.place_at("stream-2", "a", 7) is None
    assert await stores.streams.latest("stream-1") == rows[2]


async def test_of_two_rows_at_the_same_event_the_later_one_counts(
    stores: Stores, session: Session
) -> None:
    await stores.streams.create(a_stream(session.pk))
    first, second = a_row(3, position=b"first"), a_row(3, position=b"second")
    for row in (first, second):
        await stores.streams.save("stream-1", row, now=NOW)
    assert await stores.streams.place_at("stream-1", "epoch", 3) == second


async def test_saving_to_a_stream_that_is_not_there_is_refused(stores: Stores) -> None:
    with pytest.raises(StreamNotFound):
        await stores.streams.save("stream-1", a_row(1), now=NOW)


async def test_a_stream_ends_once_and_keeps_how(stores: Stores, session: Session) -> None:
    await stores.streams.create(a_stream(session.pk))
    await stores.streams.end("stream-1", StreamState.FAILED, "PROVIDER_ERROR", ERROR, now=NOW + 1)
    await stores.streams.end("stream-1", StreamState.STOPPED, "requested", None, now=NOW + 2)
    stream = await stores.streams.get("stream-1")
    assert stream is not None
    assert (stream.state, stream.state_reason) == (StreamState.FAILED, "PROVIDER_ERROR")
    assert (stream.ended_at, stream.error) == (NOW + 1, ERROR)


async def test_streams_of_an_ended_session_are_not_there_and_can_still_be_ended(
    stores: Stores, session: Session
) -> None:
    await stores.streams.create(a_stream(session.pk))
    await stores.streams.save("stream-1", a_row(3), now=NOW)
    await stores.sessions.set_state(session.pk, SessionState.ENDED)
    await stores.streams.save("stream-1", a_row(4), now=NOW)
    await stores.streams.end("stream-1", StreamState.STOPPED, "requested", ERROR, now=NOW)
    assert await stores.streams.get("stream-1") is None
    assert await stores.streams.of_session(session.pk) == []
    assert await stores.streams.in_state(StreamState.STOPPED) == []
    assert await stores.streams.latest("stream-1") is None
    assert await stores.streams.place_at("stream-1", "epoch", 9) is None


async def test_streams_ledgers_and_counters_survive_a_restart(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        await stores.streams.create(a_stream(session.pk))
        await stores.streams.save("stream-1", a_row(3), now=NOW + 1)
    async with sql_stores(path, keys) as stores:
        (stream,) = await stores.streams.in_state(StreamState.ACTIVE)
        assert stream == replace(a_stream(session.pk), items_streamed=3, last_activity=NOW + 1)
        assert await stores.streams.latest("stream-1") == a_row(3)


async def test_many_saves_at_once_are_all_durable_and_keep_their_order(
    tmp_path: Path,
) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        types = (StreamType.GMAIL_MESSAGES, StreamType.GMAIL_THREADS)
        for which, stream_type in enumerate(types):
            stream = a_stream(session.pk, f"stream-{which}", a_config(stream_type))
            await stores.streams.create(stream)
        # The first save of each looks at the ledger: afterwards nothing is in the way.
        for which in range(2):
            await stores.streams.save(f"stream-{which}", a_row(0), now=NOW)
        async with anyio.create_task_group() as tasks:
            for n in range(1, 151):
                for which in range(2):
                    tasks.start_soon(save, stores, f"stream-{which}", n)
    # Read by someone else, from the disk.
    for which in range(2):
        rows = sql(path, "SELECT n FROM ledger WHERE stream_id = ? ORDER BY seq", f"stream-{which}")
        assert rows == [(n,) for n in range(151)]
    assert sql(path, "SELECT items_streamed FROM streams") == [(150,), (150,)]


async def save(stores: Stores, stream_id: str, n: int) -> None:
    await stores.streams.save(stream_id, a_row(n), now=NOW)


async def test_a_ledger_never_has_more_than_a_thousand_rows(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    for start in (0, 1300):
        async with sql_stores(path, keys) as stores:
            if start == 0:
                session = await consented(stores.sessions)
                await stores.streams.create(a_stream(session.pk))
            for n in range(start, start + 1300, 100):
                async with anyio.create_task_group() as tasks:
                    for each in range(n, n + 100):
                        tasks.start_soon(save, stores, "stream-1", each)
                ((count,),) = sql(path, "SELECT count(*) FROM ledger")
                assert count <= MOST_ROWS
            latest = await stores.streams.latest("stream-1")
            assert latest is not None
            assert latest.n == start + 1299
            oldest = await stores.streams.place_at("stream-1", "epoch", 0)
            assert oldest is not None
            assert oldest.n == 0


async def test_what_ended_a_week_ago_is_forgotten_and_nothing_else(
    stores: Stores, session: Session, tmp_path: Path
) -> None:
    gone = await consented(stores.sessions, Secret("session-gone"))
    await stores.streams.create(a_stream(session.pk, "stream-old"))
    await stores.streams.save("stream-old", a_row(1), now=NOW)
    await stores.streams.end("stream-old", StreamState.STOPPED, "requested", None, now=NOW)
    await stores.streams.create(a_stream(session.pk, "stream-new"))
    await stores.streams.save("stream-new", a_row(1), now=NOW)
    await stores.sessions.set_state(gone.pk, SessionState.ENDED)
    await stores.streams.tidy(now=NOW + 7 * DAY - 1)
    assert await stores.streams.get("stream-old") is not None
    assert await stores.sessions.get(gone.pk) is not None
    await stores.streams.tidy(now=NOW + 7 * DAY)
    assert await stores.streams.get("stream-old") is None
    assert await stores.streams.latest("stream-old") is None
    assert await stores.sessions.find(Secret("session-gone")) is None
    assert await stores.streams.get("stream-new") is not None
    assert await stores.streams.latest("stream-new") == a_row(1)
    assert await stores.sessions.get(session.pk) == session
    assert sql(tmp_path / "scp.db", "SELECT stream_id FROM ledger") == [("stream-new",)]


@pytest.mark.parametrize("table", ["ledger", "streams"])
async def test_a_sealed_value_moved_to_another_stream_is_not_read(
    tmp_path: Path, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        for which, stream_type in enumerate((StreamType.GMAIL_MESSAGES, StreamType.GMAIL_THREADS)):
            stream = a_stream(session.pk, f"stream-{which}", a_config(stream_type))
            await stores.streams.create(stream)
            await stores.streams.save(f"stream-{which}", a_row(1), now=NOW)
    column = {"ledger": "place", "streams": "config"}[table]
    first = f"(SELECT {column} FROM {table} WHERE stream_id = 'stream-0')"  # noqa: S608  (literals)
    sql(path, f"UPDATE {table} SET {column} = {first}")  # noqa: S608  (literals)
    async with sql_stores(path, keys) as stores:
        if table == "ledger":
            with pytest.raises(SealBroken):
                await stores.streams.latest("stream-1")
        else:
            with caplog.at_level(logging.ERROR):
                assert await stores.streams.get("stream-1") is None
            assert "cannot be read" in caplog.text
        assert await stores.streams.get("stream-0") is not None
        assert await stores.streams.latest("stream-0") == a_row(1)


async def test_a_place_moved_to_another_event_is_not_read(tmp_path: Path) -> None:
    keys, path = new_keyring(), tmp_path / "scp.db"
    async with sql_stores(path, keys) as stores:
        session = await consented(stores.sessions)
        await stores.streams.create(a_stream(session.pk))
        await stores.streams.save("stream-1", a_row(1), now=NOW)
    sql(path, "UPDATE ledger SET n = 9")
    async with sql_stores(path, keys) as stores:
        with pytest.raises(SealBroken):
            await stores.streams.latest("stream-1")


async def test_going_back_to_an_earlier_place_takes_nothing_back_of_what_was_streamed(
    stores: Stores, session: Session
) -> None:
    await stores.streams.create(a_stream(session.pk))
    await stores.streams.save("stream-1", a_row(9), now=NOW)
    counts = []
    for act in (
        stores.streams.save("stream-1", a_row(0, "next"), now=NOW + 1),
        stores.streams.count("stream-1", 4),
        stores.streams.count("stream-1", 12),
        stores.streams.save("stream-1", a_row(11, "next"), now=NOW + 2),
        stores.streams.save("stream-1", a_row(13, "next"), now=NOW + 3),
    ):
        await act
        stream = await stores.streams.get("stream-1")
        assert stream is not None
        counts.append(stream.items_streamed)
    assert counts == [9, 9, 12, 12, 13]
    assert await stores.streams.latest("stream-1") == a_row(13, "next")
