"""What the engine streams from and to, written by hand: stores, a provider, seals, consumers."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import msgspec
from support.taking import Closed, take, wrote

from scp_server.domain.changes import Change
from scp_server.domain.errors import StorageUnavailable, StreamAlreadyActive
from scp_server.domain.event_ref import EventRef
from scp_server.domain.sessions import Session, SessionState
from scp_server.domain.streams import (
    LedgerRow,
    Reason,
    Stream,
    StreamConfig,
    StreamState,
)
from scp_server.engine.readers import Entry, Reader
from scp_wire import encode
from scp_wire.codes import ErrorObject
from scp_wire.events import ChangeKind, Event
from scp_wire.filters import MailFilters
from scp_wire.items import Message
from scp_wire.stream_types import Provider, StreamType

T = TypeVar("T")
MAIL, DIARY = StreamType.GMAIL_MESSAGES, StreamType.CALENDAR_EVENTS
SCOPES = frozenset({"mail", "calendar"})


def message(item_id: str, *, text: str = "") -> Message:
    return Message(
        id=item_id,
        thread_id=None,
        subject=None,
        sender=None,
        from_name=None,
        to=[],
        cc=[],
        bcc=[],
        date=None,
        date_original=None,
        labels=[],
        unread=None,
        snippet=None,
        body_text=text,
        body_html=None,
        truncated=[],
        attachments=[],
    )


def change(item_id: str, *, version: str = "1", text: str = "") -> Change:
    return Change(kind=ChangeKind.CREATED, item=message(item_id, text=text), version=version)


def config_of(stream_type: StreamType = MAIL, **changes: Any) -> StreamConfig:  # noqa: ANN401  (any field)
    plain = StreamConfig(
        stream_type=stream_type,
        provider=Provider.GOOGLE,
        filters=MailFilters(),
        given_filters={},
        batch_size=100,
        max_results=None,
        real_time=False,
        rate_limit_per_minute=0,
        include_raw=False,
        agent_id=None,
    )
    return replace(plain, **changes)


def stream_of(config: StreamConfig, stream_id: str = "stream-a") -> Stream:
    return Stream(
        stream_id=stream_id,
        session_pk=1,
        config=config,
        state=StreamState.ACTIVE,
        state_reason=Reason.BACKFILLING,
        items_streamed=0,
        started_at=0.0,
        last_activity=0.0,
        ended_at=None,
        error=None,
    )


def session_of(pk: int = 1, **changes: Any) -> Session:  # noqa: ANN401  (any field)
    plain = Session(
        pk=pk,
        last4="wxyz",
        provider=Provider.GOOGLE,
        state=SessionState.ACTIVE,
        account=None,
        scopes=SCOPES,
        stream_types=(MAIL, DIARY),
        agent_id=None,
        created_at=0.0,
        last_used_at=0.0,
        expires_at=1e12,
        endpoints={},
    )
    return replace(plain, **changes)


class PlainSeals:
    """ports.seals.Seals that seals nothing, so that tests can read along."""

    def seal(self, purpose: str, plain: bytes) -> str:
        return f"{purpose}.{base64.urlsafe_b64encode(plain).decode()}"

    def open(self, purpose: str, sealed: str) -> bytes | None:
        kind, _, text = sealed.partition(".")
        try:
            return (
                base64.b64decode(text, altchars=b"-_", validate=True) if kind == purpose else None
            )
        except ValueError:
            return None

    def kid_of(self, sealed: str) -> str | None:
        """Nothing is sealed, so there is no key."""
        del sealed
        return None

    def fingerprint(self, purpose: str, value: bytes) -> bytes:
        return purpose.encode() + value


class MemoryLedger:
    """ports.streams.StreamStore. `broken` makes every method fail as a lost database does."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.rows: dict[str, list[LedgerRow]] = {}
        self.noted: dict[str, list[LedgerRow]] = {}
        self.began: dict[tuple[int, str], float] = {}
        self.broken = False
        self.tidied = 0
        self.pause: Callable[[], Any] | None = None
        """Awaited before each write."""

    async def _ready(self) -> None:
        if self.pause is not None:
            await self.pause()
        if self.broken:
            raise StorageUnavailable("The database does not answer.")

    async def create(self, stream: Stream) -> None:
        await self._ready()
        for other in self.streams.values():
            same = other.config.stream_type is stream.config.stream_type
            if same and other.session_pk == stream.session_pk and _active(other):
                raise StreamAlreadyActive("It runs already.", stream_id=other.stream_id)
        self.streams[stream.stream_id] = stream
        self.rows[stream.stream_id] = []

    async def get(self, stream_id: str) -> Stream | None:
        await self._ready()
        return self.streams.get(stream_id)

    async def of_session(self, session_pk: int) -> list[Stream]:
        await self._ready()
        return [s for s in self.streams.values() if s.session_pk == session_pk][::-1]

    async def in_state(self, state: StreamState) -> list[Stream]:
        await self._ready()
        return [s for s in self.streams.values() if s.state is state]

    async def save(self, stream_id: str, row: LedgerRow, *, now: float) -> None:
        await self._ready()
        self.rows.setdefault(stream_id, []).append(row)
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.began.setdefault((stream.session_pk, row.epoch), now)
            self.streams[stream_id] = replace(stream, last_activity=now)
            await self.count(stream_id, row.items)

    async def note(self, stream_id: str, row: LedgerRow, *, now: float) -> None:
        await self._ready()
        self.noted.setdefault(stream_id, []).append(row)

    async def count(self, stream_id: str, items: int) -> None:
        await self._ready()
        stream = self.streams[stream_id]
        most = max(items, stream.items_streamed)
        self.streams[stream_id] = replace(stream, items_streamed=most)

    async def end(
        self,
        stream_id: str,
        state: StreamState,
        reason: str,
        error: ErrorObject | None,
        *,
        now: float,
    ) -> None:
        await self._ready()
        self.streams[stream_id] = replace(
            self.streams[stream_id], state=state, state_reason=reason, error=error, ended_at=now
        )

    async def latest(self, stream_id: str) -> LedgerRow | None:
        await self._ready()
        rows = self.rows.get(stream_id)
        return rows[-1] if rows else None

    async def place_at(self, stream_id: str, epoch: str, n: int) -> LedgerRow | None:
        await self._ready()
        both = [*self.noted.get(stream_id, []), *self.rows.get(stream_id, [])]
        known = [r for r in both if r.epoch == epoch and r.n <= n]
        return max(known, key=lambda row: row.n) if known else None

    async def epoch_began(self, session_pk: int, epoch: str) -> float | None:
        await self._ready()
        return self.began.get((session_pk, epoch))

    async def tidy(self, *, now: float) -> None:
        await self._ready()
        self.tidied += 1


def _active(stream: Stream) -> bool:
    return stream.state is StreamState.ACTIVE


def told(entry: Entry) -> Event:
    """An entry as a client reads it."""
    return msgspec.json.decode(encode.event(entry.encoded, "session-x"), type=Event)


def item_ids(events: Sequence[Event]) -> list[str]:
    return [e.data["payload"]["id"] for e in events if e.event_type == "data_update"]


def kinds(events: Sequence[Event]) -> list[str]:
    """Event types, runs of items as one."""
    found: list[str] = []
    for event in events:
        if found[-1:] != ["data_update"] or event.event_type != "data_update":
            found.append(event.event_type)
    return found


@dataclass(slots=True, eq=False)
class Eater:
    """A consumer that takes everything, and proves it as long as it may."""

    reader: Reader
    limit: int = 16
    proving: bool = True
    events: list[Event] = field(default_factory=list)
    refs: list[EventRef] = field(default_factory=list)
    notices: list[Event] = field(default_factory=list)
    closed: str | None = None
    grew: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    async def run(self) -> None:
        """Eat until closed or cancelled."""
        try:
            while True:
                await self.bite()
        except Closed as end:
            self.closed = end.reason

    async def bite(self) -> None:
        """Take what is there, or the next that comes."""
        taken = await take(self.reader, self.limit)
        epoch = self.reader.epoch
        for notice in taken.notices:
            text = encode.event(notice, "session-x")
            self.notices.append(msgspec.json.decode(text, type=Event))
        self.events += [told(entry) for entry in taken.entries]
        self.refs += [EventRef(epoch, entry.n) for entry in taken.entries]
        if taken.entries:
            wrote(self.reader, taken.entries, epoch)
        self.grew.set()
        self.grew = anyio.Event()
        await anyio.lowlevel.checkpoint()
        if self.proving:
            self.prove()

    def prove(self) -> None:
        """All that was taken has arrived."""
        if self.refs:
            self.reader.proven(self.refs[-1])

    async def until(self, kind: str) -> Event:
        """Wait for an event (or notice) of a type."""
        while True:
            for event in (*self.events, *self.notices):
                if event.event_type == kind:
                    return event
            await self.grew.wait()

    async def until_items(self, count: int) -> None:
        """Wait for that many items."""
        while len(self.ids) < count:
            await self.grew.wait()

    @property
    def ids(self) -> list[str]:
        return item_ids(self.events)
