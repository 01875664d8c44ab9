"""Pongs prove what went before their pings, in order, and nothing else."""

import anyio
from hypothesis import given
from hypothesis import strategies as st

from scp_server.delivery.proof import MANY, PROMPTLY, Proof
from scp_server.domain.event_ref import EventRef


def ref(n: int) -> EventRef:
    return EventRef("abcdefabcdef", n)


@given(st.lists(st.sampled_from(["sent", "ping", "pong"]), max_size=200))
def test_a_pong_proves_exactly_what_was_sent_before_the_ping_it_answers(course: list[str]) -> None:
    proof, sent, pings = Proof(), 0, list[int]()
    for happening in course:
        if happening == "sent":
            sent += 1
            proof.sent(ref(sent))
        elif happening == "ping":
            proof.pinged()
            pings.append(sent)
        else:
            proven = proof.ponged()
            expected = pings.pop(0) if pings else 0
            assert proven == (ref(expected) if expected else None)
        assert proof.pings_out == len(pings)


async def test_a_ping_is_due_soon_after_a_single_event() -> None:
    proof = Proof()
    started = anyio.current_time()

    async def event_after_a_while() -> None:
        await anyio.sleep(100)
        proof.sent(ref(1))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(event_after_a_while)
        await proof.until_ping_is_due()
    assert 100 <= anyio.current_time() - started <= 100 + PROMPTLY + 0.1 <= 101


async def test_a_ping_is_due_at_once_after_many_events() -> None:
    proof = Proof()
    started = anyio.current_time()
    for n in range(1, MANY + 1):
        proof.sent(ref(n))
    await proof.until_ping_is_due()
    assert anyio.current_time() == started


async def test_many_events_that_come_while_it_waits_hurry_the_ping() -> None:
    proof = Proof()
    proof.sent(ref(1))
    started = anyio.current_time()

    async def burst() -> None:
        await anyio.sleep(0.1)
        for n in range(2, MANY + 1):
            proof.sent(ref(n))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(burst)
        await proof.until_ping_is_due()
    assert anyio.current_time() - started < PROMPTLY


async def test_one_ping_is_out_at_a_time_and_none_where_nothing_is_unproven() -> None:
    proof = Proof()
    proof.sent(ref(1))
    await proof.until_ping_is_due()
    proof.pinged()
    proof.sent(ref(2))
    with anyio.move_on_after(1000) as waiting:
        await proof.until_ping_is_due()
    assert waiting.cancelled_caught
    proof.ponged()
    await proof.until_ping_is_due()
    proof.pinged()
    proof.ponged()
    with anyio.move_on_after(1000) as idle:
        await proof.until_ping_is_due()
    assert idle.cancelled_caught


async def test_a_ping_somebody_else_sent_meanwhile_is_enough() -> None:
    proof = Proof()
    proof.sent(ref(1))

    async def keep_alive() -> None:
        await anyio.sleep(PROMPTLY / 2)
        proof.pinged()
        proof.ponged()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(keep_alive)
        with anyio.move_on_after(100) as waiting:
            await proof.until_ping_is_due()
        assert waiting.cancelled_caught
