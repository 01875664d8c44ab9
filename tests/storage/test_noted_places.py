"""Places that were written to consumers: found when they are named, and nothing else."""

from pathlib import Path

import anyio
from support.sql_stores import NOW, a_row, a_stream, consented, new_keyring, sql, sql_stores

from scp_server.storage.sql.database import Stores
from scp_server.storage.sql.ledger import MOST_ROWS


async def noted(stores: Stores, n: int) -> None:
    await stores.streams.note("stream-1", a_row(n), now=NOW)


async def test_a_noted_place_is_found_by_name_and_is_not_where_a_restart_goes_on(
    tmp_path: Path,
) -> None:
    keys = new_keyring()
    async with sql_stores(tmp_path / "scp.db", keys) as stores:
        session = await consented(stores.sessions)
        await stores.streams.create(a_stream(session.pk))
        await stores.streams.save("stream-1", a_row(5), now=NOW)
        await noted(stores, 9)
    async with sql_stores(tmp_path / "scp.db", keys) as stores:
        assert await stores.streams.latest("stream-1") == a_row(5)
        assert await stores.streams.place_at("stream-1", "epoch", 8) == a_row(5)
        assert await stores.streams.place_at("stream-1", "epoch", 10) == a_row(9)
        stream = await stores.streams.get("stream-1")
        assert stream is not None
        assert stream.items_streamed == a_row(5).items


async def test_many_noted_places_are_thinned_and_never_push_out_the_proven_one(
    tmp_path: Path,
) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)
        await stores.streams.create(a_stream(session.pk))
        await stores.streams.save("stream-1", a_row(0), now=NOW)
        await stores.streams.save("stream-1", a_row(1), now=NOW)
        for n in range(2, 2602, 100):
            async with anyio.create_task_group() as tasks:
                for each in range(n, n + 100):
                    tasks.start_soon(noted, stores, each)
            ((count,),) = sql(tmp_path / "scp.db", "SELECT count(*) FROM ledger")
            assert count <= MOST_ROWS
            assert await stores.streams.latest("stream-1") == a_row(1)
        assert await stores.streams.place_at("stream-1", "epoch", 9999) == a_row(2601)


async def test_an_epoch_is_as_old_as_the_first_place_of_any_stream_in_it(tmp_path: Path) -> None:
    async with sql_stores(tmp_path / "scp.db") as stores:
        session = await consented(stores.sessions)
        await stores.streams.create(a_stream(session.pk))
        await stores.streams.save("stream-1", a_row(1), now=NOW)
        await stores.streams.note("stream-1", a_row(2), now=NOW + 60)
        assert await stores.streams.epoch_began(session.pk, "epoch") == NOW
        assert await stores.streams.epoch_began(session.pk, "another") is None
        assert await stores.streams.epoch_began(session.pk + 1, "epoch") is None
