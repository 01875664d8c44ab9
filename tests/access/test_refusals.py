"""Refusals: bursts are noticed, exactly and with bounded memory, and rows are not lost."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st
from support.engine import SilentMeter
from support.sql_stores import new_keyring
from support.stores import MemoryAudit
from support.time_and_chance import TurnedClock

from scp_server.access.refusals import ALIKE, Refusals
from scp_server.crypto.seals import KeyringSeals
from scp_server.domain.addresses import client_of
from scp_server.domain.errors import InvalidRequest, SessionNotFound
from scp_server.domain.suspicion import REMEMBERED, AlarmValues, Refused, Suspicion
from scp_server.telemetry.logs import logging_to

ERROR = SessionNotFound("There is no such session.")


class Room:
    def __init__(self) -> None:
        self.clock, self.audit, self.meter = TurnedClock(), MemoryAudit(), SilentMeter()
        values = AlarmValues(window=60.0, most={Refused.CREDENTIALS: 3})
        seals = KeyringSeals(new_keyring())
        self.refusals = Refusals(self.audit, self.clock, self.meter, seals, values)

    @property
    def counted(self) -> list[int]:
        return [row.items for row in self.audit.rows]


async def test_refusals_that_are_alike_share_a_row_with_their_number() -> None:
    room = Room()
    for host in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        room.refusals.note(ERROR, host=host)
    room.refusals.note(InvalidRequest("no refusal of anybody"), host="192.0.2.1")
    await room.refusals.write()
    assert room.counted == [2, 1]
    assert room.audit.rows[0].actor != room.audit.rows[1].actor


async def test_what_could_not_be_written_is_written_later_with_what_came_meanwhile() -> None:
    room = Room()
    room.audit.broken = True
    room.refusals.note(ERROR, host="192.0.2.1")
    await room.refusals.write()
    room.refusals.note(ERROR, host="192.0.2.1")
    room.audit.broken = False
    await room.refusals.write()
    assert room.counted == [2]


async def test_a_crowd_of_addresses_is_counted_together_beyond_a_bound() -> None:
    room = Room()
    for number in range(ALIKE + 100):
        room.refusals.note(ERROR, host=f"10.{number // 250}.{number % 250}.1")
    await room.refusals.write()
    assert len(room.audit.rows) == ALIKE + 1
    assert sum(room.counted) == ALIKE + 100
    assert room.audit.rows[-1].actor == "address:others"


async def test_a_session_is_one_culprit_wherever_it_comes_from() -> None:
    room = Room()
    for number in range(3):
        room.refusals.note(ERROR, host=f"192.0.2.{number}", session_pk=7)
    await room.refusals.write()
    assert room.meter.suspicions == ["credentials"]
    assert [(row.action, row.session_pk) for row in room.audit.rows] == [
        ("refused.credentials", 7),
        ("suspicion.credentials", 7),
    ]


async def test_a_burst_is_one_line_in_the_log_that_names_who_and_from_where() -> None:
    room, out = Room(), io.StringIO()
    with logging_to(out, style="json"):
        for _ in range(9):
            room.refusals.note(ERROR, host="192.0.2.77")
    await room.refusals.write()
    (line,) = map(json.loads, out.getvalue().splitlines())
    assert (line["event"], line["level"], line["what"]) == ("suspicious", "warning", "credentials")
    assert (line["times"], line["from_address"]) == (3, "192.0.2.77")
    assert line["who"] == room.audit.rows[0].actor
    assert "192.0.2.77" not in str(room.audit.rows)


def test_an_ipv6_network_is_one_client() -> None:
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff:2") != client_of("2001:db8:1::1")
    assert client_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert client_of("") == client_of("a name") == "unknown"


@given(
    most=st.integers(1, 6),
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40)), max_size=60),
)
def test_it_tells_whenever_so_many_were_within_the_window_and_once_a_window(
    most: int, steps: list[tuple[str, float]]
) -> None:
    suspicion = Suspicion(AlarmValues(window=60.0, most={Refused.IDS: most}))
    now, seen = 0.0, dict[str, list[float]]()
    told: dict[str, float] = {}
    for who, pause in steps:
        now += pause
        seen.setdefault(who, []).append(now)
        within = sum(at > now - 60.0 for at in seen[who])
        due = within >= most and told.get(who, -1000.0) <= now - 60.0
        assert (suspicion.refused(Refused.IDS, who, now) is not None) == due
        if due:
            told[who] = now


def test_its_memory_is_bounded_and_the_longest_silent_is_forgotten_first() -> None:
    suspicion = Suspicion(AlarmValues(window=60.0, most={Refused.IDS: 2}))
    for number in range(REMEMBERED + 1):
        suspicion.refused(Refused.IDS, f"culprit {number}", 0.0)
    assert len(suspicion._acts) == REMEMBERED
    assert suspicion.refused(Refused.IDS, "culprit 0", 1.0) is None
    assert suspicion.refused(Refused.IDS, f"culprit {REMEMBERED}", 1.0) == 2


def test_what_is_switched_off_is_never_suspicious() -> None:
    suspicion = Suspicion(AlarmValues(window=60.0, most={Refused.IDS: 0}))
    found = [suspicion.refused(kind, "who", 0.0) for kind in Refused for _ in range(9)]
    assert found == [None] * len(found)
