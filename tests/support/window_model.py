"""What a window's model remembers of streams and consumers, by no more than what was done."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from scp_server.engine.readers import Entry, Proves, Reader, Subscription
from scp_server.engine.shares import Mark, Share, ShareLimits
from scp_wire.stream_types import StreamType

TYPES = (StreamType.GMAIL_MESSAGES, StreamType.CALENDAR_EVENTS, StreamType.FILES)
LIMITS = ShareLimits(events=6, size=4096)
types = st.none() | st.frozensets(st.sampled_from(TYPES), max_size=2)
subscriptions = st.one_of(
    st.builds(Subscription, types=types),
    st.builds(
        Subscription, types=types, proves=st.just(Proves.ACK), window=st.integers(1, LIMITS.events)
    ),
    st.builds(
        Subscription,
        stream_id=st.sampled_from([f"stream-{each}" for each in TYPES]),
        proves=st.just(Proves.NEXT_REQUEST),
    ),
)


@dataclass(frozen=True)
class Told:
    """An event as the model remembers it, for ever."""

    n: int
    stream_type: StreamType
    offset: int
    ordinal: int | None


@dataclass
class Modelled:
    """A stream in the model."""

    share: Share
    reported: list[Mark]
    started: int
    """The head when it began: nothing of it is older."""
    events: list[Told] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)
    """(n, place) of each mark."""
    proven: int = 0
    dropped: set[int] = field(default_factory=set)
    written: int = 0
    noted: int = 0
    """The newest mark that all were written, and not all have proven."""
    reported_noted: list[Mark] = field(default_factory=list)


@dataclass
class Consumer:
    """A reader in the model."""

    reader: Reader
    at: int
    floors: dict[StreamType, int]
    proven: int
    written: int
    taken: list[Told] = field(default_factory=list)
    given: list[Entry] = field(default_factory=list)

    @property
    def proves(self) -> Proves:
        return self.reader.subscription.proves

    @property
    def on_the_way(self) -> int:
        """Events it was given and has not proven to have."""
        return sum(event.n > self.proven for event in self.taken)

    def reached(self, stream: Modelled) -> int:
        """Up to where it can do without a stream's events."""
        if not self.reader.wants(stream.share):
            return self.reader.taken
        own = self.written if self.proves is Proves.NEXT_REQUEST else self.proven
        return max(own, self.floors.get(stream.share.stream_type, 0))
