"""Nothing is delivered on any wire that is not in the audit trail: whatever fails, whoever dies."""

import os
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from support.fault_room import Room
from support.processes import fetch
from support.storage_faults import held, no_room
from support.takers import Taker, takers
from support.worlds import GMAIL_MESSAGES

from scp_sdk import AsyncSCPClient
from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import load_keyring
from scp_server.storage.sql.audit_salts import item_hash
from scp_server.storage.sql.database import open_database
from scp_server.telemetry.clock import SystemClock

SEEDS = [int(seed) for seed in os.environ.get("SCP_TEST_SEEDS", "1").split(",")]
KILLS = 6
WITHIN = 60.0


def audited(database: Path, stream_id: str) -> Counter[bytes]:
    """How often each item's hash is in the trail."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT item_ids FROM audit WHERE action = 'delivered' AND stream_id = ?", (stream_id,)
        ).fetchall()
    return Counter(ids[k : k + 16] for (ids,) in rows for k in range(0, len(ids), 16))


def hashed(database: Path, keys: Path, stream_id: str, taken: Counter[str]) -> Counter[bytes]:
    """What was taken, as the trail would name it."""
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT salt FROM audit_salts JOIN streams USING (session_pk) WHERE stream_id = ?"
        ((salt,),) = connection.execute(query, (stream_id,)).fetchall()
    key = KeyringSeals(load_keyring(keys)).fingerprint("audited item", salt)
    return Counter({item_hash(key, item): count for item, count in taken.items()})


def assert_all_is_audited(room: Room, stream_id: str, everybody: list[Taker]) -> None:
    """Each time that anybody was sent an item is in the trail."""
    keys = room.folder / "data" / "keys"
    taken: Counter[str] = sum((taker.taken for taker in everybody), Counter())
    there = audited(room.database, stream_id)
    missing = hashed(room.database, keys, stream_id, taken) - there
    assert not missing, f"{missing.total()} of {taken.total()} deliveries are in no row"
    assert there.total() >= taken.total() > 0


async def assert_whole(room: Room) -> None:
    """The trail verifies, beside the running server."""
    keyring = load_keyring(room.folder / "data" / "keys")
    async with open_database(
        f"sqlite:///{room.database}",
        seals=KeyringSeals(keyring),
        envelopes=KeyringEnvelopes(keyring),
        clock=SystemClock(),
    ) as stores:
        found = await stores.keeping.verify()
    assert found.fault is None
    assert found.rows > 0


def mailbox(room: Room, account: str) -> set[str]:
    listed = fetch(f"{room.sandbox.url}/sandbox/users/{account}/messages")
    return {message["id"] for message in listed["messages"]}


async def until_all_hold(room: Room, account: str, everybody: list[Taker]) -> None:
    """Wait until everybody was sent every message that there is."""
    missing = {taker.wire: {""} for taker in everybody}
    with anyio.move_on_after(WITHIN / 4):
        for taker in everybody:
            while missing[taker.wire]:
                with anyio.move_on_after(0.2):
                    await taker.changed.wait()
                missing[taker.wire] = mailbox(room, account) - set(taker.taken)
    assert not any(missing.values()), missing


async def started(room: Room) -> tuple[str, str, str]:
    session_id, account = await room.session(GMAIL_MESSAGES)
    async with AsyncSCPClient(room.url, session_id) as client:
        stream_id = await client.start_stream(
            stream_type="gmail_messages", real_time=True, batch_size=10, rate_limit_per_minute=600
        )
    return session_id, account, stream_id


async def test_while_rows_cannot_be_written_no_wire_carries_anything_and_then_all_carry_all(
    room: Room,
) -> None:
    session_id, account, stream_id = await started(room)
    with anyio.fail_after(WITHIN):
        async with takers(lambda: room.url, stream_id, session_id) as everybody:
            await until_all_hold(room, account, everybody)
            for fault in (held(room.database), no_room(room.lives.pid)):
                before = [taker.taken.total() for taker in everybody]
                with fault:
                    room.order(f"users/{account}/bustle", mail=20, seed=sum(before))
                    # Long enough to look, read and try to write the row several times.
                    await anyio.sleep(1.5)
                    assert [taker.taken.total() for taker in everybody] == before
                await until_all_hold(room, account, everybody)
                assert_all_is_audited(room, stream_id, everybody)
    await assert_whole(room)


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_consumers_hold_is_in_the_trail_however_often_the_server_is_killed(
    room: Room, seed: int
) -> None:
    chance = random.Random(seed)
    session_id, account, stream_id = await started(room)
    with anyio.fail_after(WITHIN):
        async with takers(lambda: room.url, stream_id, session_id) as everybody:
            for number in range(KILLS):
                room.order(f"users/{account}/bustle", mail=20, seed=seed * KILLS + number)
                await chance.choice(everybody).more(chance.randint(1, 8))
                await to_thread.run_sync(room.lives.kill)
                assert_all_is_audited(room, stream_id, everybody)
            await until_all_hold(room, account, everybody)
            assert_all_is_audited(room, stream_id, everybody)
    taken: Counter[str] = sum((taker.taken for taker in everybody), Counter())
    assert taken.total() > 3 * len(taken), "nothing was sent twice: no kill hit anything"
    await assert_whole(room)
