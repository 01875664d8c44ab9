"""What the database knows of the root keys: what is under which, and which processes hold which.

Only two kinds of record are sealed under a root key itself: the data keys of sessions, and the
check that the first start leaves. Everything else (tokens, accounts, consent requests, streams'
configurations, errors and places) is under a session's data key, so that wrapping the data keys
anew moves all of it. What has left the server (cursors) is under a root key too: it is known here
only by when the key was last written with.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from scp_server.domain.errors import SealBroken, StartRefused
from scp_server.ports.envelopes import Envelopes
from scp_server.ports.seals import Seals
from scp_server.storage.sql.endings import end_session
from scp_server.storage.sql.ledger import DAY, KEPT_SECONDS
from scp_server.storage.sql.tables import (
    key_checks,
    key_holders,
    vault,
)

SILENT_SECONDS: Final = 60.0
"""A process that was not heard of for so long is gone; they speak up every quarter of it."""
SEAL_SECONDS: Final = KEPT_SECONDS
"""What leaves the server sealed is good for so long at most: cursors are."""
DAMAGED: Final = "damaged"
"""In the place of a key's id: what is there is not one."""
_HEX: Final = re.compile(r"[0-9a-f]{8}")
_REMEMBERED: Final = SEAL_SECONDS + DAY
_CHECKED: Final = b"scp"
_CHECK: Final = "database"
_CHECK_ROW: Final = select(key_checks).where(key_checks.c.name == _CHECK)
# `scp1.<kid>.…`: see the port `Envelopes`.
_kid: Final = func.substr(vault.c.wrapped_key, 6, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A running process, as it was last heard of."""

    process: str
    writes: str
    reads: frozenset[str]
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """How much is under one key."""

    data_keys: int = 0
    checks: int = 0

    def __bool__(self) -> bool:
        return bool(self.data_keys or self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of some data keys. `last` is None when there were none left."""

    last: int | None
    rewrapped: int
    broken: tuple[int, ...]
    """Sessions whose data key does not open: it stays as it is."""


def check_keys(connection: Connection, seals: Seals, envelopes: Envelopes) -> None:
    """Refuse keys that this database does not belong to; a new database takes them as its own.

    A key file that was lost and made anew would make every session unreadable, one by one and
    without a word. So the first start leaves something behind that only its own keys open.

    Raises: StartRefused.
    """
    if connection.execute(_CHECK_ROW).one_or_none() is None:
        mark = seals.fingerprint(_CHECK, _CHECKED)
        values = {"name": _CHECK, "sealed": seals.seal(_CHECK, _CHECKED), "hash": mark}
        connection.execute(insert(key_checks), values)
    need_own(connection, seals)
    used = under(connection, seals)
    if missing := {kid: each.data_keys for kid, each in used.items() if lacks(kid, envelopes.has)}:
        raise lost_keys(missing)
    if seals.open(_CHECK, connection.execute(_CHECK_ROW).one().sealed) != _CHECKED:
        raise _foreign()


def need_own(connection: Connection, seals: Seals) -> None:
    """Refuse an index key that is not this database's. Raises: StartRefused."""
    row = connection.execute(_CHECK_ROW).one_or_none()
    if row is None or row.hash != seals.fingerprint(_CHECK, _CHECKED):
        raise _foreign()


def lacks(kid: str, has: Callable[[str], bool]) -> bool:
    """Whether a key is needed and not there. One damaged row keeps no server from starting."""
    return kid != DAMAGED and not has(kid)


def lost_keys(missing: Mapping[str, int]) -> StartRefused:
    """The refusal to go on without keys that sessions still need."""
    told = ", ".join(f"{kid} (sessions: {count})" for kid, count in sorted(missing.items()))
    return StartRefused(
        f"The database still needs sealing keys that are not there: {told}. Put them back, after"
        " the one that writes. Of a key that is lost for good, `securecontext keys retire <key>"
        " --end-sessions` ends the sessions."
    )


def under(connection: Connection, seals: Seals) -> dict[str, Under]:
    """How much is under each key, by its id; what names none is `DAMAGED`."""
    keys: Counter[str] = Counter()
    for kid, count in connection.execute(select(_kid, func.count()).group_by(_kid)):
        keys[kid if _HEX.fullmatch(kid) else DAMAGED] += count
    sealed = connection.execute(select(key_checks.c.sealed)).scalars()
    checks = Counter(seals.kid_of(each) or DAMAGED for each in sealed)
    return {
        kid: Under(data_keys=keys[kid], checks=checks[kid]) for kid in sorted(keys.keys() | checks)
    }


def rewrap_check(connection: Connection, seals: Seals) -> None:
    """Seal the check under the key that writes now: `need_own` has looked at the keys before."""
    changed = update(key_checks).where(key_checks.c.name == _CHECK)
    connection.execute(changed.values(sealed=seals.seal(_CHECK, _CHECKED)))


_REWRAP: Final = (
    update(vault)
    .where(vault.c.session_pk == bindparam("pk"), vault.c.wrapped_key == bindparam("old"))
    .values(wrapped_key=bindparam("new"))
)


def rewrap(
    connection: Connection, envelopes: Envelopes, current: str, *, after: int, most: int
) -> Batch:
    """Wrap up to `most` data keys anew that are not under `current`, of sessions beyond `after`.

    Each is written only if it is still what was read; what is under `current` already is left
    alone. So it can be stopped anywhere, and begun anew.
    """
    query = (
        select(vault.c.session_pk, vault.c.wrapped_key)
        .where(vault.c.session_pk > after, _kid != current)
        .order_by(vault.c.session_pk)
        .limit(most)
    )
    rows = connection.execute(query).all()
    changes, broken = [], []
    for pk, old in rows:
        try:
            changes.append({"pk": pk, "old": old, "new": envelopes.rewrapped(pk, old)})
        except SealBroken:
            broken.append(pk)
    if changes:
        connection.execute(_REWRAP, changes)
    last = rows[-1].session_pk if rows else None
    return Batch(last=last, rewrapped=len(changes), broken=tuple(broken))


def end_under(connection: Connection, kid: str, *, now: float) -> int:
    """End the sessions whose data keys are under a key that is lost. Returns how many."""
    lost = connection.execute(select(vault.c.session_pk).where(_kid == kid)).scalars().all()
    for pk in lost:
        end_session(connection, pk, now=now)
    return len(lost)


def hold(connection: Connection, holder: Holder) -> None:
    """Note that a process is there, what it reads and what it writes with."""
    values = {
        "reads": " ".join(sorted(holder.reads)),
        "seen_at": holder.seen_at,
        "gone": False,
    }
    mine = (key_holders.c.process == holder.process, key_holders.c.writes == holder.writes)
    # One row a key it has written with: the latest says what it is now.
    if connection.execute(update(key_holders).where(*mine).values(values)).rowcount == 0:
        keys = {"process": holder.process, "writes": holder.writes}
        connection.execute(insert(key_holders), values | keys)
    horizon = holder.seen_at - _REMEMBERED
    connection.execute(delete(key_holders).where(key_holders.c.seen_at < horizon))


def let_go(connection: Connection, process: str) -> None:
    """Note that a process has ended as it should."""
    mine = key_holders.c.process == process
    connection.execute(update(key_holders).where(mine).values(gone=True))


def holders(connection: Connection, *, now: float) -> list[Holder]:
    """The processes that run, as far as is known."""
    query = (
        select(key_holders)
        .where(key_holders.c.seen_at > now - SILENT_SECONDS)
        .order_by(key_holders.c.seen_at)
    )
    latest = {row.process: row for row in connection.execute(query)}
    return [
        Holder(
            process=row.process,
            writes=row.writes,
            reads=frozenset(row.reads.split()),
            seen_at=row.seen_at,
        )
        for row in latest.values()
        if not row.gone
    ]


def last_written(connection: Connection) -> dict[str, float]:
    """When each key was last known to be written with, as far back as seals are good."""
    query = select(key_holders.c.writes, func.max(key_holders.c.seen_at))
    found = connection.execute(query.group_by(key_holders.c.writes))
    return {row[0]: row[1] for row in found}


def _foreign() -> StartRefused:
    return StartRefused(
        "The keys do not belong to this database. Restore them from their backup (SCP_KEY_FILE,"
        " SCP_KEYS or SCP_KEY_COMMAND); or move the database away to begin with an empty one: users"
        " then have to consent again."
    )
