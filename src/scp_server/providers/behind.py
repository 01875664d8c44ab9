"""Behind: how much of a page has been handled, told so that a page asked for anew is judged by it.

Asked for again, as after a restart, a page may be another one: what changed meanwhile stands
elsewhere on it (Drive's changes and People's listing put it last), is in another state, or is gone.
"After item X" would then pass over whatever has come to stand before X. So a place names what was
handled by count and digest: only a page that begins with the very same is gone on with, and any
other is handled from its start. What is told twice is the same change, and known as such.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

_DIGEST_BYTES: Final = 12


class Behind:
    """The first `count` entries of a page. A value: it does not change."""

    def __init__(self) -> None:
        self.count = 0
        self._digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def plus(self, entries: Sequence[tuple[str, Json]]) -> "Behind":
        """These entries, and the ones that follow them."""
        further = Behind()
        further.count = self.count + len(entries)
        further._digest = self._digest.copy()
        for entry in entries:
            further._digest.update(json.dumps(entry, sort_keys=True, default=repr).encode())
        return further

    @property
    def mark(self) -> str | None:
        """What a place says of them; None for none. Holds nothing of their content."""
        return f"{self.count}.{self._digest.hexdigest()}" if self.count else None


def recognised(entries: Mapping[str, Json], mark: str | None) -> Behind:
    """What a mark says is handled of a page; nothing when the page begins with anything else."""
    count, _, _ = (mark or "").partition(".")
    if mark is None or not (count.isascii() and count.isdecimal() and len(count) < 10):
        return Behind()
    behind = Behind().plus(list(entries.items())[: int(count)])
    return behind if behind.mark == mark else Behind()
