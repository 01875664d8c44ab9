"""Behind: how much of a page has been handled, told so that a page asked for anew is judged by it.

Asked for again, as after a restart, a page may be another one: what changed meanwhile is in another
state, stands elsewhere on it (Drive's changes and People's listing put it last), or is gone. "After
item X" would then pass over whatever has come to stand before X. So a place marks the states that
were handled, and no state that was not is passed over:

- among changes, only a page that begins with the very same is gone on with; for what changed again
  will not be told a second time;
- in a listing, whose changes are followed besides, it is gone on after the last of a few states
  that is still there: what keeps its state keeps its place.

Else the page is handled from its start. What is told twice is the same change, known as such.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

ANCHORS: Final = 8
"""States of a listing that a mark names: so many may change while nobody looks."""
_PREFIX_BYTES: Final = 12
_ANCHOR_BYTES: Final = 8


class Behind:
    """The first `count` entries of a page. A value: it does not change."""

    def __init__(self) -> None:
        self.count = 0
        self._prefix = hashlib.blake2b(digest_size=_PREFIX_BYTES)
        self._anchors: tuple[str, ...] = ()

    def plus(self, entries: Sequence[tuple[str, Json]]) -> "Behind":
        """These entries, and the ones that follow them."""
        further = Behind()
        further.count = self.count + len(entries)
        further._prefix = self._prefix.copy()
        for entry in entries:
            further._prefix.update(_spelled(entry))
        latest = map(_anchor, entries[-ANCHORS:])
        further._anchors = (*self._anchors, *latest)[-ANCHORS:]
        return further

    @property
    def mark(self) -> str | None:
        """What a place says of them; None for none. Holds nothing of their content."""
        parts = (str(self.count), self._prefix.hexdigest(), *self._anchors)
        return ".".join(parts) if self.count else None


def recognised(entries: Mapping[str, Json], mark: str | None, *, listing: bool = False) -> Behind:
    """What a mark says is handled of a page: of changes, or of a `listing`."""
    count, *digests = (mark or "").split(".")
    if not digests or not (count.isascii() and count.isdecimal() and len(count) < 10):
        return Behind()
    page = list(entries.items())
    behind = Behind().plus(page[: int(count)])
    if behind.mark == mark:
        return behind
    anchors = frozenset(digests[1:]) if listing else frozenset[str]()
    # What did not change stands no further back than it did, if nothing came before it.
    places = (n for n in range(behind.count, 0, -1) if _anchor(page[n - 1]) in anchors)
    return Behind().plus(page[: next(places, 0)])


def _anchor(entry: tuple[str, Json]) -> str:
    return hashlib.blake2b(_spelled(entry), digest_size=_ANCHOR_BYTES).hexdigest()


def _spelled(entry: tuple[str, Json]) -> bytes:
    return json.dumps(entry, sort_keys=True, default=repr).encode()
