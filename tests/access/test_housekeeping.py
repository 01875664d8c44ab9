"""Housekeeping: chores are done on time, and a database that is away does not end them."""

import anyio
from support import virtual_time
from support.engine import SilentMeter
from support.sql_stores import new_keyring
from support.stores import MemoryAudit
from support.virtual_time import LoopClock

from scp_server.access.housekeeping import Chore, housekeeping
from scp_server.access.refusals import Refusals
from scp_server.crypto.seals import KeyringSeals
from scp_server.domain.errors import SessionNotFound, StorageUnavailable
from scp_server.domain.suspicion import AlarmValues


def test_a_chore_is_done_first_then_again_and_again_also_after_a_failure() -> None:
    done: list[tuple[str, float]] = []
    began = 0.0

    async def work(name: str) -> None:
        done.append((name, anyio.current_time() - began))
        if len(done) == 3:
            raise StorageUnavailable("The database is away.")

    async def main() -> None:
        nonlocal began
        began = anyio.current_time()
        works = (lambda: work("one"), lambda: work("two"))
        async with housekeeping(Chore(name="test", works=works, every=10.0, first=3.0).run):
            await anyio.sleep(25)

    virtual_time.run(main)
    assert done == [
        ("one", 3.0),
        ("two", 3.0),
        ("one", 13.0),
        ("one", 23.0),
        ("two", 23.0),
    ]


def test_refusals_are_written_a_second_later_and_at_the_end() -> None:
    audit = MemoryAudit()

    async def main() -> None:
        seals = KeyringSeals(new_keyring())
        refusals = Refusals(audit, LoopClock(), SilentMeter(), seals, AlarmValues())
        async with housekeeping(refusals.run):
            refusals.note(SessionNotFound("unknown"), host="192.0.2.1")
            await anyio.sleep(0.9)
            assert audit.rows == []
            await anyio.sleep(0.2)
            assert [row.items for row in audit.rows] == [1]
            refusals.note(SessionNotFound("unknown"), host="192.0.2.1")
            await anyio.sleep(0.1)
        assert [row.items for row in audit.rows] == [1, 1]

    virtual_time.run(main)
