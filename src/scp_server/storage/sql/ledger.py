"""Which rows of a ledger are kept: dense where consumers are, sparse where they were."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DAY: Final = 86_400.0
KEPT_SECONDS: Final = 7 * DAY
"""A cursor is good for seven days."""
MOST_ROWS: Final = 1000
"""Rows of a stream, at any time."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows a ledger may have."""

    rows: int = MOST_ROWS

    @property
    def thin_every(self) -> int:
        """Saves of a stream after which its ledger is thinned."""
        return max(1, self.rows // 5)

    @property
    def thinned(self) -> int:
        """Rows left by thinning at most, so that those saved until the next one fit."""
        return max(1, self.rows - self.thin_every)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A row of a ledger without its place."""

    seq: int
    epoch: str
    n: int
    saved_at: float


def spent(marks: Sequence[Mark], *, now: float, most: int) -> frozenset[int]:
    """The `seq` of the rows to forget. `marks` are one stream's, in the order of `seq`.

    Kept are: the latest; of what is older than a week only what the cursors of this week may still
    need; of the rest at most `most`: the newer half of them without holes, the older ones at
    distances that grow with their age. So winding back repeats a part of what the consumer has
    missed, never many times as much.
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
    needed = _ends_of_epochs(marks, most // 10)
    steps = float(most)
    sparse = older
    while len(sparse) + len(dense) > most and steps > 1:
        steps *= 0.8
        sparse = _sparse([*older, dense[0]], marks[-1].seq, steps, needed)
    return [*sparse, *dense][-most:]


def _sparse(marks: list[Mark], now: int, steps: float, needed: set[int]) -> list[Mark]:
    """All but the last of `marks`, without those whose neighbours are near enough for their age.

    Near enough is the age, divided by `steps`; age and distance are counted in saves. What is near
    enough now will be later, so that thinning again and again opens no holes.
    """
    kept: list[Mark] = []
    newer = marks[-1].seq
    for place in range(len(marks) - 2, -1, -1):
        older = marks[max(place - 1, 0)].seq
        near = newer - older <= (now - older) / steps
        if place == 0 or not near or marks[place].seq in needed:
            kept.append(marks[place])
            newer = marks[place].seq
    return kept[::-1]


def _ends_of_epochs(marks: list[Mark], most: int) -> set[int]:
    # Without an epoch's first row its first events could not be wound back to at all; without its
    # last it would look as if it were over.
    first: dict[str, Mark] = {}
    last: dict[str, Mark] = {}
    for mark in marks:
        if mark.epoch not in first or mark.n < first[mark.epoch].n:
            first[mark.epoch] = mark
        last[mark.epoch] = mark
    newest = sorted(last.values(), key=lambda mark: mark.seq)[-most:]
    return {each.seq for mark in newest for each in (mark, first[mark.epoch])}
