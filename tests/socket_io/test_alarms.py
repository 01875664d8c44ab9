"""Deadlines: each rings in time, none twice, and none that was dropped."""

from dataclasses import dataclass, field

import anyio
from hypothesis import given
from hypothesis import strategies as st

from scp_socketio.server.alarms import Alarms


class Still(Alarms):
    """Alarms of a clock that is set by hand, without a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def _arm(self) -> None:
        pass

    def pass_to(self, time: float) -> None:
        self.time = time
        self._ring()


@dataclass(eq=False)
class Owner:
    alarm: float | None = None
    wanted: float | None = None
    rang: list[float] = field(default_factory=list)

    def ring(self, now: float) -> float | None:
        if self.wanted is None or self.wanted > now:
            return self.wanted
        self.rang.append(now)
        self.wanted = None
        return None


STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "drop", "pass"]), st.integers(0, 3), st.integers(0, 9)),
    max_size=60,
)


@given(STEPS)
def test_over_any_course_what_is_due_has_rung_once_and_the_heap_stays_small(
    steps: list[tuple[str, int, int]],
) -> None:
    alarms, owners = Still(), [Owner() for _ in range(4)]
    for kind, which, amount in steps:
        owner = owners[which]
        if kind == "set":
            owner.wanted = alarms.time + amount + 1
            alarms.set(owner, owner.wanted)
        elif kind == "drop":
            owner.wanted = None
            alarms.drop(owner)
        else:
            alarms.pass_to(alarms.time + amount)
            for each in owners:
                assert each.wanted is None or each.wanted > alarms.time
        assert all(each.alarm is None or each.wanted is not None for each in owners)
        assert all(each.wanted is None or each.alarm is not None for each in owners)
        assert len(alarms._heap) <= 2 * len(owners) + 17


async def test_the_timer_of_the_loop_rings_them() -> None:
    alarms, rung = Alarms(), anyio.Event()

    class Once(Owner):
        def ring(self, now: float) -> float | None:
            rung.set()
            return None

    far, near = Owner(wanted=1e12), Once()
    alarms.set(far, alarms.now() + 3600)
    alarms.set(near, alarms.now())
    with anyio.fail_after(30):
        await rung.wait()
    assert far.alarm is not None
    alarms.stop()
    assert far.alarm is None
