"""Whatever happens: what was published is received, in order, or told as a gap.

The real engine, couriers and dispatch, over a scripted provider, in virtual time.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support.delivery_model import Client, World, wish
from support.engine_room import Room
from support.scripted_provider import Source
from support.streaming import DIARY, MAIL

from scp_server.engine.shares import ShareLimits

windows = st.integers(min_value=1, max_value=6)


class DeliveryMachine(RuleBasedStateMachine):
    @initialize(
        listed=st.integers(min_value=0, max_value=40),
        events=st.sampled_from([3, 8, 30]),
        ack=st.booleans(),
        batch=st.booleans(),
        window=windows,
    )
    def begin(self, listed: int, events: int, window: int, *, ack: bool, batch: bool) -> None:
        room = Room(
            mail=Source(items=listed),
            diary=Source(name="e", items=10, step=3),
            share=ShareLimits(events=events, size=1 << 20),
        )
        self.world = World(room)
        self.world.begin()
        self.world.clients = [
            Client("all", None),
            Client("mail", frozenset({MAIL})),
            Client("diary", frozenset({DIARY})),
        ]
        for k, client in enumerate(self.world.clients):
            wanted = wish(client, batch=batch and k == 1, ack=ack and k != 2, window=window)
            self.world.come(client, name_place=False, wanted=wanted)
        for stream_type in (MAIL, DIARY):
            self.world.start(stream_type)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for stream_type in list(self.world.cursors):
            self.world.start(stream_type)
        for _ in range(60):
            for client in self.world.clients:
                if client.line is None:
                    self.world.come(client, name_place=True, wanted=None)
                self.subscribe_freely(client)
                self.catch_up(client)
            self.world.wait(5)
        self.world.check()
        self.world.end()

    def subscribe_freely(self, client: Client) -> None:
        if client.line is not None and client.line.recipient is not None:
            wanted = wish(client, batch=True, ack=False, window=1)
            if client.line.recipient.courier.reader.subscription != wanted:
                self.world.subscribe(client.line, wanted)

    def catch_up(self, client: Client) -> None:
        if client.line is not None:
            client.line.reads = True
            self.world.do(client.line.read)
        if client.line is not None and client.line.seen:
            self.world.acknowledge(client.line, client.line.seen[-1])

    def _one(self, data: st.DataObject, *, here: bool) -> Client | None:
        some = [c for c in self.world.clients if (c.line is not None) is here]
        return data.draw(st.sampled_from(some)) if some else None

    @rule(count=st.integers(min_value=1, max_value=6), mail=st.booleans())
    def publish(self, count: int, *, mail: bool) -> None:
        self.world.publish(MAIL if mail else DIARY, count)

    @rule(seconds=st.sampled_from([0.1, 1.0, 1.0, 5.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        client = self._one(data, here=True)
        if client is not None:
            self.catch_up(client)

    @rule(data=st.data())
    def read_no_more(self, data: st.DataObject) -> None:
        client = self._one(data, here=True)
        if client is not None and client.line is not None:
            client.line.reads = False

    @rule(data=st.data())
    def acknowledge_some(self, data: st.DataObject) -> None:
        client = self._one(data, here=True)
        if client is not None and client.line is not None and client.line.seen:
            self.world.acknowledge(client.line, data.draw(st.sampled_from(client.line.seen[-40:])))

    @rule(data=st.data())
    def lose_a_connection(self, data: st.DataObject) -> None:
        client = self._one(data, here=True)
        if client is not None:
            self.world.do(lambda: self.world.lose(client))

    @rule(data=st.data())
    def say_goodbye(self, data: st.DataObject) -> None:
        client = self._one(data, here=True)
        if client is not None and client.named is not None:
            self.world.do(lambda: self.world.lose(client, seat=False))
            # Nothing remembers it but itself: it comes back at once, and says where it was.
            wanted = wish(client, batch=False, ack=False, window=1)
            self.world.come(client, name_place=True, wanted=wanted)

    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        client = self._one(data, here=False)
        if client is not None:
            self.world.come(client, name_place=True, wanted=None)

    @rule(data=st.data(), batch=st.booleans(), ack=st.booleans(), window=windows)
    def subscribe(self, data: st.DataObject, window: int, *, batch: bool, ack: bool) -> None:
        client = self._one(data, here=True)
        if client is not None and client.line is not None:
            wanted = wish(client, batch=batch, ack=ack, window=window)
            self.world.subscribe(client.line, wanted)

    @rule(crash=st.booleans())
    def restart(self, *, crash: bool) -> None:
        self.world.turn_off(crash=crash)
        self.world.turn_on()
        # Seats are of the process that is gone: who comes now says what it wants.
        for client in self.world.clients:
            wanted = wish(client, batch=False, ack=False, window=1)
            self.world.come(client, name_place=True, wanted=wanted)

    @precondition(lambda self: not self.world.cursors)
    @rule(mail=st.booleans())
    def stop(self, *, mail: bool) -> None:
        self.world.stop(MAIL if mail else DIARY)

    @precondition(lambda self: self.world.cursors)
    @rule()
    def start_again(self) -> None:
        for stream_type in list(self.world.cursors):
            self.world.start(stream_type)

    @rule()
    def thin_the_ledger(self) -> None:
        """Only the newest place of each stream is left."""
        for rows in self.world.room.ledger.rows.values():
            del rows[:-1]


DeliveryMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_published_is_received_or_told_as_a_gap = DeliveryMachine.TestCase
