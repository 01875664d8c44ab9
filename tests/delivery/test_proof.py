"""Pongs prove what went before their pings; acknowledgements prove what they name. Nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.delivering import NEXT_EPOCH, ref

from scp_server.delivery.proof import EPOCHS, MANY, PROMPTLY, Proof
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef


def wrote(proof: Proof, *places: EventRef, ping: int = 0, now: float = 0.0) -> None:
    proof.wrote(list(places), ping=ping, events=len(places), now=now)


@given(st.lists(st.sampled_from(["write", "ping", "pong"]), max_size=200))
def test_a_pong_proves_exactly_what_was_written_before_the_ping_it_answers(
    course: list[str],
) -> None:
    proof, written, pings, answered, proven = Proof(), 0, list[int](), 0, 0
    for happening in course:
        if happening == "write":
            written += 1
            wrote(proof, ref(written), ping=len(pings))
        elif happening == "ping":
            pings.append(written)
            proof.pinged(len(pings))
        elif answered < len(pings):
            expected = pings[answered]
            answered += 1
            place = proof.ponged(answered, 0.0)
            assert place == (ref(expected) if expected > proven else None)
            proven = max(proven, expected)
        assert proof.unproven == written - proven
        assert (proof.owed_since is None) == (proof.unproven == 0)


@given(
    st.lists(st.integers(min_value=1, max_value=30), max_size=30),
    st.integers(min_value=1, max_value=30),
)
def test_an_acknowledgement_proves_all_up_to_it_and_an_older_one_nothing(
    named: list[int], written: int
) -> None:
    proof, proven = Proof(), 0
    wrote(proof, *(ref(n) for n in range(1, written + 1)))
    for n in named:
        if n > written:
            with pytest.raises(InvalidRequest) as refused:
                proof.acknowledged(ref(n), 1.0)
            assert refused.value.details == {"field": "event_id"}
        else:
            assert proof.acknowledged(ref(n), 1.0) == (ref(n) if n > proven else None)
            proven = max(proven, n)
        assert proof.unproven == written - proven


def test_an_acknowledgement_may_lie_between_the_places_that_were_written() -> None:
    proof = Proof()
    wrote(proof, ref(3), ref(7), ref(9))
    assert proof.acknowledged(ref(8), 0.0) == ref(7)
    assert proof.unproven == 1


@pytest.mark.parametrize("foreign", [EventRef("0" * 12, 1), EventRef(NEXT_EPOCH, 1), ref(4)])
def test_what_was_never_written_here_cannot_be_acknowledged(foreign: EventRef) -> None:
    proof = Proof()
    wrote(proof, ref(1), ref(2), ref(3))
    with pytest.raises(InvalidRequest, match="never sent"):
        proof.acknowledged(foreign, 0.0)
    assert proof.unproven == 3
    assert proof.acknowledged(ref(3), 0.0) == ref(3)


def test_who_acknowledges_an_event_of_the_new_epoch_is_done_with_the_old_one() -> None:
    proof = Proof()
    wrote(proof, ref(1), ref(2))
    wrote(proof, ref(1, NEXT_EPOCH), ref(2, NEXT_EPOCH))
    assert proof.acknowledged(ref(1, NEXT_EPOCH), 0.0) == ref(1, NEXT_EPOCH)
    assert proof.unproven == 1, "else a window that counts them would stay full for ever"


def test_a_late_acknowledgement_of_the_old_epoch_says_nothing_of_the_new_one() -> None:
    proof = Proof()
    wrote(proof, ref(8), ref(9))
    wrote(proof, ref(1, NEXT_EPOCH))
    assert proof.acknowledged(ref(9), 0.0) == ref(9)
    assert proof.acknowledged(ref(9), 0.0) is None
    assert proof.unproven == 1


def test_epochs_of_long_ago_are_forgotten() -> None:
    proof = Proof()
    for k in range(EPOCHS + 1):
        wrote(proof, EventRef(f"{k:012x}", 5))
    with pytest.raises(InvalidRequest):
        proof.acknowledged(EventRef(f"{0:012x}", 5), 0.0)
    assert proof.acknowledged(EventRef(f"{EPOCHS:012x}", 5), 0.0) is not None


def test_a_ping_is_due_promptly_after_a_single_event() -> None:
    proof = Proof()
    assert not proof.ping_due(100.0)
    wrote(proof, ref(1), now=100.0)
    assert not proof.ping_due(100.0)
    assert proof.ping_due(100.0 + PROMPTLY)
    assert PROMPTLY < 1


def test_a_ping_is_due_at_once_after_many_events() -> None:
    proof = Proof()
    proof.wrote([ref(MANY)], ping=0, events=MANY, now=0.0)
    assert proof.ping_due(0.0)


def test_one_ping_is_out_at_a_time_and_none_where_nothing_is_unproven() -> None:
    proof = Proof()
    wrote(proof, ref(1), now=0.0)
    proof.pinged(1)
    wrote(proof, ref(2), ping=1, now=1.0)
    assert not proof.ping_due(1000.0), "the first is not answered yet"
    assert proof.ponged(1, 2.0) == ref(1)
    assert proof.ping_due(1000.0)
    proof.pinged(2)
    assert proof.ponged(2, 3.0) == ref(2)
    assert not proof.ping_due(1000.0)
    assert proof.owed_since is None


def test_a_heartbeat_that_went_out_since_asks_for_what_was_written_before_it() -> None:
    proof = Proof()
    wrote(proof, ref(1), now=0.0)
    wrote(proof, ref(2), ping=1, now=10.0)
    assert not proof.ping_due(10.0), "of the second alone, and it is new"
    assert proof.ping_due(10.0 + PROMPTLY)
    assert proof.ponged(1, 11.0) == ref(1)


def test_what_is_owed_counts_from_the_first_event_or_the_last_sign_of_life() -> None:
    proof = Proof()
    wrote(proof, ref(1), ref(2), now=5.0)
    wrote(proof, ref(3), now=9.0)
    assert proof.owed_since == 5.0
    proof.acknowledged(ref(1), 20.0)
    assert proof.owed_since == 20.0
    proof.acknowledged(ref(1), 30.0)
    assert proof.owed_since == 20.0, "it said nothing new"
    proof.acknowledged(ref(2), 35.0)
    assert proof.owed_since == 35.0
    proof.acknowledged(ref(3), 40.0)
    assert proof.owed_since is None


@given(st.lists(st.sampled_from(["write", "ping", "pong"]), max_size=100))
def test_where_only_pongs_prove_one_place_a_ping_says_the_same(course: list[str]) -> None:
    each, one, written, pings, answered = Proof(), Proof(), 0, 0, 0
    for happening in course:
        if happening == "write":
            written += 1
            wrote(each, ref(written), ping=pings)
            one.wrote_up_to(ref(written), ping=pings, events=1, now=0.0)
        elif happening == "ping":
            pings += 1
            each.pinged(pings)
            one.pinged(pings)
        elif answered < pings:
            answered += 1
            assert each.ponged(answered, 0.0) == one.ponged(answered, 0.0)
        assert bool(each.unproven) == bool(one.unproven) == (each.owed_since is not None)
        assert one.unproven <= pings + 1
        assert each.ping_due(9.0) == one.ping_due(9.0)
