"""Whatever happens to connections and server, who comes back has everything, in order."""

import random
from dataclasses import dataclass, field

import anyio
import pytest
from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import DIARY, MAIL, Eater
from support.told import is_item, repeats_are_the_same
from support.virtual_time import settle

from scp_server.domain.errors import PositionLost, ProviderUnavailable
from scp_server.domain.sessions import Session
from scp_server.domain.streams import LedgerRow
from scp_server.engine.shares import ShareLimits
from scp_wire.events import Event

SEEDS = 60


@dataclass
class Client:
    """The guide's client, told apart by its name; it remembers what it has had."""

    had: list[Event] = field(default_factory=list)
    notices: list[Event] = field(default_factory=list)
    eater: Eater | None = None

    @property
    def place(self) -> str | None:
        return self.had[-1].event_id if self.had else None

    def forget(self) -> None:
        """Its connection is gone; what it took it has."""
        if self.eater is not None:
            self.had += self.eater.events
            self.notices += self.eater.notices
            self.eater = None


@dataclass
class Play:
    """One course of events."""

    dice: random.Random
    room: Room
    client: Client = field(default_factory=Client)
    other: Eater | None = None
    owed: dict[str, int] = field(default_factory=dict)
    """By source: the item that the other may begin with at the latest."""
    restarted: bool = False

    async def act(self, session: Session) -> None:
        """Something happens."""
        acts = ["come", "bite", "bite", "bite", "go", "other", "nibble", "nibble", "trouble"]
        match self.dice.choice(acts):
            case "come":
                await self.come(session)
            case "bite":
                await self.bite()
            case "go":
                self.go(session)
            case "other":
                await self.another(session)
            case "nibble":
                await self.nibble()
            case _:
                self.trouble()
        await settle()

    async def come(self, session: Session) -> None:
        if self.client.eater is None:
            named = self.restarted or self.dice.random() < 0.5
            place = self.client.place if named else None
            self.client.eater = await self.room.attach(
                session, place=place, agent="guide", eating=False, limit=self.dice.randint(1, 20)
            )
            self.restarted = False

    async def bite(self) -> None:
        eater = self.client.eater
        if eater is not None:
            eater.proving = self.dice.random() < 0.7
            with anyio.move_on_after(1):
                await eater.bite()

    def go(self, session: Session) -> None:
        if self.client.eater is not None:
            self.room.lose(session, self.client.eater, agent="guide")
            self.client.forget()

    async def another(self, session: Session) -> None:
        """Somebody else looks in, from far back, and proves nothing."""
        if self.other is not None:
            self.room.lose(session, self.other, seat=False)
            self.other = None
        elif self.client.had:
            k = self.dice.randrange(len(self.client.had))
            had = [e.data["payload"]["id"] for e in self.client.had[: k + 1] if is_item(e)]
            for source in (self.room.mail, self.room.diary):
                mine = [source.ids.index(i) for i in had if i.startswith(source.name)]
                self.owed[source.name] = mine[-1] + 1 if mine else 0
            place = self.client.had[k].event_id
            self.other = await self.room.attach(
                session, place=place, agent="b", eating=False, proving=False, limit=7
            )

    async def nibble(self) -> None:
        """The other takes something: nothing that it is owed is left out."""
        if self.other is None:
            return
        with anyio.move_on_after(1):
            await self.other.bite()
        for source in (self.room.mail, self.room.diary):
            at = self.owed[source.name]
            for item_id in self.other.ids:
                if item_id.startswith(source.name):
                    k = source.ids.index(item_id)
                    assert k <= at, f"{item_id} came, {source.ids[at]} was due"
                    at = max(at, k + 1)

    def trouble(self) -> None:
        source = self.dice.choice([self.room.mail, self.room.diary])
        error = self.dice.choice([ProviderUnavailable("away"), PositionLost("too old")])
        source.troubles.setdefault("backfill", []).append(error)

    async def end(self, session: Session) -> None:
        """Let everything come to its end."""
        if self.other is not None:
            self.room.lose(session, self.other, seat=False)
        self.go(session)
        await self.come(session)
        assert self.client.eater is not None
        self.room.feed(self.client.eater)
        while await self._running(session):
            await self.client.eater.grew.wait()
            await anyio.sleep(60)
        self.go(session)

    async def _running(self, session: Session) -> bool:
        views = await self.room.engine.of_session(session.pk)
        return any(view.stream.state == "active" for view in views)


def kill(room: Room) -> dict[str, list[LedgerRow]]:
    """What the database holds when the process is gone from one moment to the next."""
    return {stream_id: list(rows) for stream_id, rows in room.ledger.rows.items()}


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_consumer_that_always_comes_back_has_everything(seed: int) -> None:
    dice = random.Random(seed)
    room = Room(
        mail=Source(items=dice.randint(1, 150), step=dice.randint(1, 20)),
        diary=Source(name="e", items=dice.randint(1, 80), step=dice.randint(1, 20)),
        share=ShareLimits(events=dice.randint(2, 30)),
    )
    play = Play(dice, room)
    async with room.running():
        session = await room.consented()
        await room.start(session, MAIL)
        await room.start(session, DIARY)
    for _ in range(dice.randint(1, 4)):
        async with room.running():
            for _ in range(dice.randint(1, 25)):
                await play.act(session)
            rows, streams = kill(room), dict(room.ledger.streams)
        play.client.forget()
        play.other, play.restarted = None, True
        play.owed.clear()
        room.ledger.rows, room.ledger.streams = rows, streams
    async with room.running():
        await play.end(session)
    ids = [e.data["payload"]["id"] for e in play.client.had if is_item(e)]
    for source in (room.mail, room.diary):
        mine = [item_id for item_id in ids if item_id.startswith(source.name)]
        assert list(dict.fromkeys(mine)) == source.ids, "nothing lost, in order"
    assert repeats_are_the_same(play.client.had)
    assert offsets_have_no_holes(play.client.had)


def offsets_have_no_holes(events: list[Event]) -> bool:
    """Whether within an epoch no offset of a stream is jumped over."""
    last: dict[tuple[str, str | None], int] = {}
    for event in events:
        assert event.event_id is not None
        assert event.offset is not None
        key = (event.event_id.rpartition("-")[0], event.stream_id)
        if event.offset > last.get(key, 0) + 1:
            return False
        last[key] = max(last.get(key, 0), event.offset)
    return True
