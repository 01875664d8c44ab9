"""Which rows of a ledger are kept: dense where consumers are, sparse where they were."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

DAY: Final = 86_400.0
KEPT_SECONDS: Final = 7 * DAY
"""A cursor is good for seven days."""
MOST_ROWS: Final = 1000
"""Rows of a stream, at any time."""
THIN_EVERY: Final = 200
"""Saves of a stream after which its ledger is thinned."""
THINNED_ROWS: Final = MOST_ROWS - THIN_EVERY
"""Rows left by thinning at most, so that those saved until the next one fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A row of a ledger without its place."""

    seq: int
    epoch: str
    n: int
    saved_at: float


def spent(marks: Sequence[Mark], *, now: float, most: int = THINNED_ROWS) -> frozenset[int]:
    """The `seq` of the rows to forget. `marks` are one stream's, in the order of `seq`.

    Kept are: the latest; of what is older than a week only what the cursors of this week may still
    need; of the rest at most `most`, the newer half of them without holes, the older ones halved
    as often as it takes. Halving again and again makes a row's distance to its neighbours grow
    with its age, so that winding back repeats about as much as the consumer was away.
    """
    kept = _of_this_week(marks, now - KEPT_SECONDS)
    if len(kept) > most:
        kept = _thinned(kept, most)
    return frozenset(mark.seq for mark in marks) - frozenset(mark.seq for mark in kept)


def _of_this_week(marks: Sequence[Mark], horizon: float) -> list[Mark]:
    # Of an epoch's rows from before the horizon the newest answers for events after it; all the
    # others are only asked for by places that are too old. An epoch without a newer row is over,
    # unless it is the latest.
    newest_old = {mark.epoch: mark.seq for mark in marks if mark.saved_at < horizon}
    living = {mark.epoch for mark in marks if mark.saved_at >= horizon}
    living |= {mark.epoch for mark in marks[-1:]}
    return [
        mark
        for mark in marks
        if mark.saved_at >= horizon or (mark.epoch in living and newest_old[mark.epoch] == mark.seq)
    ]


def _thinned(marks: list[Mark], most: int) -> list[Mark]:
    newer = max(1, most // 2)
    dense, older = marks[-newer:], marks[:-newer]
    needed = _first_of_each(older, {mark.epoch for mark in _newest_epochs(marks, most // 5)})
    older = [mark for mark in older if mark.seq not in needed]
    while len(dense) + len(needed) + len(older) > most:
        older = older[::2] if len(older) > 1 else []
    kept = needed | {mark.seq for mark in older} | {mark.seq for mark in dense}
    return [mark for mark in marks if mark.seq in kept]


def _newest_epochs(marks: list[Mark], most: int) -> list[Mark]:
    last_of = {mark.epoch: mark for mark in marks}
    return sorted(last_of.values(), key=lambda mark: mark.seq)[-most:]


def _first_of_each(marks: Iterable[Mark], epochs: set[str]) -> set[int]:
    # Without an epoch's first row its first events could not be wound back to at all.
    first: dict[str, int] = {}
    for mark in marks:
        if mark.epoch in epochs:
            first.setdefault(mark.epoch, mark.seq)
    return set(first.values())
