"""What the audit trail costs: a row written with and without its chain, and a row verified.

    python bench/audit/run.py [--rows 20000] [--runs 5]

In CPU time of this process (the sync of the disk is not in it), over a real SQLite file. Each
figure is the median of RUNS interleaved runs. `items` is how many items a row tells of; `group` how
many rows share a transaction, as those of a turn of the delivery do.
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from sqlalchemy import Connection

from scp_server.crypto.envelope import KeyringEnvelopes
from scp_server.crypto.seals import KeyringSeals
from scp_server.crypto.sources import load_keyring
from scp_server.ports.audit import AuditEntry
from scp_server.storage.sql.audit_chain import Chain
from scp_server.storage.sql.database import Stores, open_database
from scp_server.telemetry.clock import SystemClock

SHAPES = ((1, 1), (1, 64), (16, 64), (100, 16))
"""Items of a row, rows of a group."""


def entry(number: int, items: int) -> AuditEntry:
    """A row as a delivery makes it."""
    return AuditEntry(
        at=1_700_000_000.25 + number,
        session_pk=1 + number % 50,
        action="delivered",
        actor="agent:inbox-helper",
        stream_id="stream-Zk3vN0pX5q7rT2wY8aB4cD",
        stream_type="gmail_messages",
        items=items,
        size=1964 * items,
        item_ids=tuple(f"18c{number:09x}{item:04x}" for item in range(items)),
    )


def unchained(_: Chain, __: Connection, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows as they are."""
    return [{**row, "chain": None, "n": None, "hash": None} for row in rows]


async def written(stores: Stores, rows: Sequence[AuditEntry], group: int) -> float:
    """CPU seconds to write these rows."""
    groups = [rows[k : k + group] for k in range(0, len(rows), group)]
    before = time.process_time()
    for some in groups:
        await stores.audit.record(*some)
    return time.process_time() - before


async def measure(
    rows: int, items: int, group: int, weave: Callable[..., Any]
) -> tuple[float, float, float]:
    """Microseconds to write a row, to verify one, and bytes of the database for one."""
    entries = [entry(number, items) for number in range(rows)]
    Chain.weave = weave  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        keyring, path = load_keyring(Path(folder) / "keys"), Path(folder) / "scp.db"
        async with open_database(
            f"sqlite:///{path}",
            seals=KeyringSeals(keyring),
            envelopes=KeyringEnvelopes(keyring),
            clock=SystemClock(),
        ) as stores:
            await stores.audit.record(*(entry(number, items) for number in range(50)))
            size = path.stat().st_size
            cpu = await written(stores, entries, group)
            before = time.process_time()
            found = await stores.keeping.verify()
            verified = time.process_time() - before
            if found.fault is not None:
                raise SystemExit(found.fault.message)
            await stores.transactions.forget_log()
            grown = path.stat().st_size - size
    return cpu / rows * 1e6, verified / rows * 1e6, grown / rows


def report(rows: int, runs: int) -> None:
    """Measure all, and print a table."""
    ways = {"chained": Chain.weave, "unchained": unchained}
    print("| items | group | row µs | with chain µs | chain µs | verify µs | bytes | with chain |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for items, group in SHAPES:
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        count = max(rows // items // (8 if group == 1 else 1), 2000)
        for _ in range(runs):
            for name, weave in ways.items():
                found[name].append(anyio.run(partial(measure, count, items, group, weave)))
        medians = {
            name: [statistics.median(column) for column in zip(*each, strict=True)]
            for name, each in found.items()
        }
        (with_chain, verified, size), (plain, _, smaller) = medians.values()
        print(
            f"| {items} | {group} | {plain:.1f} | {with_chain:.1f} | {with_chain - plain:.1f} |"
            f" {verified:.1f} | {smaller:.0f} | {size:.0f} |"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    report(given.rows, given.runs)
