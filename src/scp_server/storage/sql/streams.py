"""Streams and their ledgers, in SQL."""

import logging
from typing import Any, Final

from sqlalchemy import Row, Select, bindparam, case, false, func, insert, select, update

from scp_server.domain.errors import (
    SealBroken,
    SessionNotFound,
    StreamAlreadyActive,
    StreamNotFound,
)
from scp_server.domain.secrets import short_stream
from scp_server.domain.streams import LedgerRow, Stream, StreamState
from scp_server.ports.envelopes import Envelopes
from scp_server.storage.sql.failures import Conflict
from scp_server.storage.sql.group_commit import GroupCommit, Lines
from scp_server.storage.sql.ledger import Room
from scp_server.storage.sql.remembered import Remembered
from scp_server.storage.sql.retention import forget_over, stale_ledgers, thin
from scp_server.storage.sql.rows import SessionRows
from scp_server.storage.sql.stream_rows import (
    SELECT_STREAM,
    opened_place,
    opened_stream,
    sealed_error,
    sealed_place,
    stream_values,
)
from scp_server.storage.sql.tables import ledger, streams
from scp_server.storage.sql.transactions import Transactions
from scp_wire.codes import ErrorObject

_LOG: Final = logging.getLogger(__name__)

REMEMBERED: Final = 4096

_INSERT_PLACE: Final = insert(ledger)
# Going back to an earlier place takes nothing back of what was streamed.
_MOST: Final = case(
    (streams.c.items_streamed < bindparam("items"), bindparam("items")),
    else_=streams.c.items_streamed,
)
_COUNT: Final = (
    update(streams).where(streams.c.stream_id == bindparam("which")).values(items_streamed=_MOST)
)
_UPDATE_COUNT: Final = _COUNT.values(last_activity=bindparam("now"))


class SqlStreams:
    """Streams in SQL. See the port `StreamStore`.

    What belongs to a session that has ended cannot be read any more, as its data key is gone: such
    streams are not there, and saving a place of theirs does nothing.
    """

    __slots__ = ("_envelopes", "_group", "_owners", "_room", "_rows", "_saves", "_transactions")

    def __init__(
        self,
        transactions: Transactions,
        group: GroupCommit,
        rows: SessionRows,
        *,
        envelopes: Envelopes,
        room: Room,
    ) -> None:
        self._room = room
        self._transactions = transactions
        self._group = group
        self._rows = rows
        self._envelopes = envelopes
        self._owners: Remembered[str, int] = Remembered(REMEMBERED)
        self._saves: Remembered[str, int] = Remembered(REMEMBERED)

    async def create(self, stream: Stream) -> None:
        """Store a new stream.

        Raises: StreamAlreadyActive when an active one of this type runs on the session;
        SessionNotFound when the session has ended.
        """
        key = await self._key(stream.session_pk)
        if key is None:
            raise _session_gone()
        values = stream_values(stream, key, self._envelopes)
        try:
            await self._transactions.write(
                lambda connection: connection.execute(insert(streams), values)
            )
        except Conflict as exc:
            raise await self._conflict(stream) from exc
        self._owners.put(stream.stream_id, stream.session_pk, self._owners.generation)

    async def get(self, stream_id: str) -> Stream | None:
        """The stream of that id, ended ones for seven days."""
        found = await self._select(SELECT_STREAM.where(streams.c.stream_id == stream_id))
        return found[0] if found else None

    async def of_session(self, session_pk: int) -> list[Stream]:
        """All streams of a session, newest first."""
        return await self._select(
            SELECT_STREAM.where(streams.c.session_pk == session_pk).order_by(
                streams.c.started_at.desc(), streams.c.stream_id
            )
        )

    async def in_state(self, state: StreamState) -> list[Stream]:
        """All streams in a state, oldest first."""
        return await self._select(
            SELECT_STREAM.where(streams.c.state == state).order_by(
                streams.c.started_at, streams.c.stream_id
            )
        )

    async def save(self, stream_id: str, row: LedgerRow, *, now: float) -> None:
        """Consumers have proven to have reached this place: it is where a restart goes on.

        Its items count as streamed. A place that was gone back to has fewer: then the count stays.

        Raises: StreamNotFound.
        """
        count = {"which": stream_id, "items": row.items, "now": now}
        await self._insert(stream_id, row, now, Lines(_UPDATE_COUNT, [count]))

    async def note(self, stream_id: str, row: LedgerRow, *, now: float) -> None:
        """Keep a place that was written to consumers, who may name it later: `place_at` finds it.

        Raises: StreamNotFound.
        """
        await self._insert(stream_id, row, now)

    async def _insert(self, stream_id: str, row: LedgerRow, now: float, *count: Lines) -> None:
        """A place that comes with its count is proven; without, it is only noted."""
        session_pk = await self._owner(stream_id)
        key = await self._key(session_pk)
        if key is None:
            return
        values = {
            "stream_id": stream_id,
            "epoch": row.epoch,
            "n": row.n,
            "items": row.items,
            "place": sealed_place(stream_id, session_pk, row, key=key, envelopes=self._envelopes),
            "saved_at": now,
            "noted": not count,
        }
        try:
            await self._group.submit(Lines(_INSERT_PLACE, [values]), *count)
        except Conflict as exc:
            raise _not_found() from exc
        await self._thin_in_time(stream_id, now)

    async def count(self, stream_id: str, items: int) -> None:
        """At least so many items were written to a consumer. The count never goes back."""
        counted = {"which": stream_id, "items": items}
        await self._transactions.write(lambda connection: connection.execute(_COUNT, counted))

    async def end(
        self,
        stream_id: str,
        state: StreamState,
        reason: str,
        error: ErrorObject | None,
        *,
        now: float,
    ) -> None:
        """The stream ended. One that has ended stays as it ended first."""
        session_pk = await self._owner(stream_id)
        key = await self._key(session_pk)
        values = {"state": state, "state_reason": reason, "ended_at": now, "error": None}
        if error is not None and key is not None:
            values["error"] = sealed_error(
                stream_id, session_pk, error, key=key, envelopes=self._envelopes
            )
        ending = (
            update(streams)
            .where(streams.c.stream_id == stream_id, streams.c.state == StreamState.ACTIVE)
            .values(values)
        )
        await self._transactions.write(lambda connection: connection.execute(ending))

    async def latest(self, stream_id: str) -> LedgerRow | None:
        """The newest place of a stream that was saved, not noted; None before the first."""
        saved = _places(stream_id).where(ledger.c.noted.is_(false()))
        return await self._place(saved.order_by(ledger.c.seq.desc()))

    async def place_at(self, stream_id: str, epoch: str, n: int) -> LedgerRow | None:
        """The newest place at or before event `n` of `epoch`; None when none is old enough."""
        return await self._place(
            _places(stream_id)
            .where(ledger.c.epoch == epoch, ledger.c.n <= n)
            .order_by(ledger.c.n.desc(), ledger.c.seq.desc())
        )

    async def epoch_began(self, session_pk: int, epoch: str) -> float | None:
        """When the first place of a session's epoch was stored that is still kept."""
        query = (
            select(func.min(ledger.c.saved_at))
            .join(streams, streams.c.stream_id == ledger.c.stream_id)
            .where(streams.c.session_pk == session_pk, ledger.c.epoch == epoch)
        )
        began: float | None = await self._transactions.read(
            lambda connection: connection.execute(query).scalar_one()
        )
        return began

    async def tidy(self, *, now: float) -> None:
        """Thin ledgers; forget what ended a week ago, and consent requests past their time."""
        try:
            await self._transactions.write(lambda connection: forget_over(connection, now=now))
        finally:
            self._rows.forget_all()
            self._owners.forget_all()
        most = self._room.thinned
        stale = await self._transactions.read(
            lambda connection: stale_ledgers(connection, now=now, most=most)
        )
        for stream_id in stale:
            await self._thin(stream_id, now)

    async def _select(self, query: Select[Any]) -> list[Stream]:
        rows = await self._transactions.read(lambda connection: connection.execute(query).all())
        return [stream for row in rows if (stream := self._opened(row)) is not None]

    def _opened(self, row: Row[Any]) -> Stream | None:
        if row.wrapped_key is None:
            return None
        try:
            return opened_stream(row, self._envelopes)
        except SealBroken as exc:
            # One damaged row must not hide the others, nor keep the server from starting.
            _LOG.error("The stream %s cannot be read: %s", short_stream(row.stream_id), exc.message)
            return None

    async def _place(self, query: Select[Any]) -> LedgerRow | None:
        row = await self._transactions.read(
            lambda connection: connection.execute(query.limit(1)).one_or_none()
        )
        if row is None:
            return None
        key = await self._key(row.session_pk)
        return None if key is None else opened_place(row, key, self._envelopes)

    async def _key(self, session_pk: int) -> str | None:
        row = await self._rows.by_pk(session_pk)
        return None if row is None else row.wrapped_key

    async def _owner(self, stream_id: str) -> int:
        known = self._owners.get(stream_id)
        if known is not None:
            return known
        query = select(streams.c.session_pk).where(streams.c.stream_id == stream_id)
        found: int | None = await self._transactions.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        if found is None:
            raise _not_found()
        self._owners.put(stream_id, found, self._owners.generation)
        return found

    async def _conflict(self, stream: Stream) -> Exception:
        stream_type = stream.config.stream_type
        query = select(streams.c.stream_id).where(
            streams.c.session_pk == stream.session_pk,
            streams.c.stream_type == stream_type,
            streams.c.state == StreamState.ACTIVE,
        )
        running: str | None = await self._transactions.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        if running is None:
            return _session_gone()
        return StreamAlreadyActive(
            f"A stream of {stream_type} runs on this session already. Stop it first, or read it.",
            stream_id=running,
        )

    async def _thin_in_time(self, stream_id: str, now: float) -> None:
        # After a start it is not known how many there are: look at once. The count is set before
        # thinning, so that of many savers one thins.
        every = self._room.thin_every
        saves = (self._saves.get(stream_id) or every) + 1
        due = saves > every
        self._saves.put(stream_id, 1 if due else saves, self._saves.generation)
        if due:
            await self._thin(stream_id, now)

    async def _thin(self, stream_id: str, now: float) -> None:
        most = self._room.thinned
        await self._transactions.write(
            lambda connection: thin(connection, stream_id, now=now, most=most)
        )


def _places(stream_id: str) -> Select[Any]:
    return (
        select(ledger, streams.c.session_pk)
        .join(streams, streams.c.stream_id == ledger.c.stream_id)
        .where(ledger.c.stream_id == stream_id)
    )


def _not_found() -> StreamNotFound:
    return StreamNotFound("There is no such stream. Start a new one.")


def _session_gone() -> SessionNotFound:
    return SessionNotFound("There is no such session. Ask the user to consent again.")
