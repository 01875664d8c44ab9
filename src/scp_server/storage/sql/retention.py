"""What is forgotten, and when."""

from collections.abc import Sequence
from itertools import islice
from typing import Final

from sqlalchemy import Connection, delete, func, or_, select

from scp_server.storage.sql.ledger import KEPT_SECONDS, Mark, spent
from scp_server.storage.sql.tables import consent_requests, ledger, sessions, streams

AT_ONCE: Final = 500
"""Parameters in one statement; SQLite takes 32,766, older ones 999."""


def forget_over(connection: Connection, *, now: float) -> None:
    """Forget streams and sessions that ended a week ago, and requests past their time."""
    week_ago = now - KEPT_SECONDS
    connection.execute(delete(consent_requests).where(consent_requests.c.expires_at <= now))
    # Their ledgers go with them (foreign keys).
    connection.execute(delete(streams).where(streams.c.ended_at <= week_ago))
    connection.execute(delete(sessions).where(sessions.c.ended_at <= week_ago))


def stale_ledgers(connection: Connection, *, now: float, most: int) -> Sequence[str]:
    """The streams whose ledgers have more than so many rows, or rows older than a week."""
    query = (
        select(ledger.c.stream_id)
        .group_by(ledger.c.stream_id)
        .having(or_(func.count() > most, func.min(ledger.c.saved_at) < now - KEPT_SECONDS))
    )
    return connection.execute(query).scalars().all()


def thin(connection: Connection, stream_id: str, *, now: float, most: int) -> None:
    """Forget a ledger's spent rows: `most` are left at most, and the latest proven one."""
    columns = (ledger.c.seq, ledger.c.epoch, ledger.c.n, ledger.c.saved_at, ledger.c.noted)
    rows = connection.execute(
        select(*columns).where(ledger.c.stream_id == stream_id).order_by(ledger.c.seq)
    ).all()
    # Where a restart goes on, however many places were noted since.
    latest = max((row.seq for row in rows if not row.noted), default=None)
    marks = [Mark(seq=row.seq, epoch=row.epoch, n=row.n, saved_at=row.saved_at) for row in rows]
    remaining = iter(sorted(spent(marks, now=now, most=most) - {latest}))
    while some := list(islice(remaining, AT_ONCE)):
        connection.execute(delete(ledger).where(ledger.c.seq.in_(some)))
