"""Which rows of a ledger stay."""

from hypothesis import given
from hypothesis import strategies as st

from scp_server.storage.sql.ledger import KEPT_SECONDS, MOST_ROWS, Mark, Room, spent

NOW = 1_800_000_000.0
THINNED = Room().thinned


@st.composite
def ledgers(draw: st.DrawFn) -> list[Mark]:
    """Ledgers as streams leave them: epochs one after the other, places rising in each."""
    marks: list[Mark] = []
    saved_at = NOW - draw(st.floats(0, 20 * 86_400))
    for epoch in range(draw(st.integers(1, 12))):
        n, events = draw(st.integers(0, 5)), draw(st.integers(0, 50))
        seconds = draw(st.floats(0, 40_000))
        for _ in range(draw(st.integers(0, 40))):
            marks.append(Mark(seq=len(marks) + 1, epoch=str(epoch), n=n, saved_at=saved_at))
            n += events
            saved_at = min(NOW, saved_at + seconds)
    return marks


def kept(marks: list[Mark], most: int) -> list[Mark]:
    gone = spent(marks, now=NOW, most=most)
    return [mark for mark in marks if mark.seq not in gone]


def place_at(marks: list[Mark], epoch: str, n: int) -> Mark | None:
    fitting = [mark for mark in marks if mark.epoch == epoch and mark.n <= n]
    return max(fitting, key=lambda mark: (mark.n, mark.seq), default=None)


@given(ledgers(), st.integers(10, 100))
def test_the_latest_row_is_always_kept_and_never_more_than_the_limit(
    marks: list[Mark], most: int
) -> None:
    rest = kept(marks, most)
    assert len(rest) <= most
    assert rest[-1:] == marks[-1:]


@given(ledgers(), st.integers(10, 100))
def test_only_rows_that_were_there_are_kept_in_their_order(marks: list[Mark], most: int) -> None:
    rest = kept(marks, most)
    assert [mark.seq for mark in rest] == sorted(mark.seq for mark in rest)
    assert set(rest) <= set(marks)


@given(ledgers(), st.integers(10, 100), st.data())
def test_a_place_found_after_thinning_is_never_after_the_event_nor_newer_than_before(
    marks: list[Mark], most: int, data: st.DataObject
) -> None:
    epoch, n = str(data.draw(st.integers(0, 12))), data.draw(st.integers(-1, 2500))
    before, after = place_at(marks, epoch, n), place_at(kept(marks, most), epoch, n)
    if after is not None:
        assert before is not None
        assert after.n <= n
        assert (after.n, after.seq) <= (before.n, before.seq)


@given(ledgers(), st.data())
def test_while_there_is_room_every_place_of_this_week_is_found_as_before(
    marks: list[Mark], data: st.DataObject
) -> None:
    if not marks:
        return
    mark = data.draw(st.sampled_from(marks))
    if mark.saved_at >= NOW - KEPT_SECONDS:
        assert place_at(kept(marks, 1000), mark.epoch, mark.n) == place_at(
            marks, mark.epoch, mark.n
        )


@given(ledgers(), st.integers(120, 150), st.data())
def test_in_this_week_s_epochs_a_place_that_was_found_is_still_found_when_room_is_short(
    marks: list[Mark], most: int, data: st.DataObject
) -> None:
    # At most twelve epochs: the first row of each is among those that are needed.
    recent = [mark for mark in marks if mark.saved_at >= NOW - KEPT_SECONDS]
    if not recent:
        return
    mark = data.draw(st.sampled_from(recent))
    assert place_at(kept(marks, most), mark.epoch, mark.n) is not None


@given(ledgers(), st.integers(120, 150))
def test_thinning_again_at_once_changes_nothing(marks: list[Mark], most: int) -> None:
    once = kept(marks, most)
    assert kept(once, most) == once


def test_rows_from_before_this_week_go_but_for_the_one_this_week_s_events_need() -> None:
    week_ago = NOW - KEPT_SECONDS
    marks = [
        Mark(seq=1, epoch="over", n=1, saved_at=week_ago - 300),
        Mark(seq=2, epoch="old", n=1, saved_at=week_ago - 200),
        Mark(seq=3, epoch="old", n=9, saved_at=week_ago - 100),
        Mark(seq=4, epoch="old", n=12, saved_at=week_ago),
    ]
    assert [mark.seq for mark in kept(marks, 1000)] == [3, 4]


def test_a_stream_that_was_quiet_for_a_month_keeps_its_place() -> None:
    marks = [Mark(seq=n, epoch="e", n=n, saved_at=NOW - 30 * 86_400) for n in range(1, 4)]
    assert [mark.seq for mark in kept(marks, 1000)] == [3]


def test_over_a_long_life_the_ledger_stays_small_dense_at_the_end_and_sparse_before() -> None:
    marks: list[Mark] = []
    biggest = 0
    for n in range(20_000):
        marks.append(Mark(seq=n + 1, epoch="e", n=n, saved_at=NOW - 20_000 + n))
        biggest = max(biggest, len(marks))
        if n % Room().thin_every == 0:
            marks = kept(marks, THINNED)
    marks = kept(marks, THINNED)
    assert biggest <= MOST_ROWS
    places = [mark.n for mark in marks]
    assert places[0] == 0
    assert places[-THINNED // 2 :] == list(range(20_000 - THINNED // 2, 20_000))
    # Who comes back repeats at most a fortieth of what was missed.
    for n in range(0, 20_000, 97):
        found = max(place for place in places if place <= n)
        assert n - found <= (20_000 - n) / 40


@given(rows=st.integers(2, MOST_ROWS))
def test_a_ledger_of_any_size_has_room_for_what_is_saved_until_it_is_thinned(rows: int) -> None:
    room = Room(rows)
    assert room.thinned >= 1
    assert room.thinned + room.thin_every <= rows


@given(ledgers(), st.integers(1, 4))
def test_even_a_tiny_ledger_keeps_the_latest(marks: list[Mark], most: int) -> None:
    left = kept(marks, most)
    assert len(left) <= most
    assert left[-1:] == marks[-1:]
