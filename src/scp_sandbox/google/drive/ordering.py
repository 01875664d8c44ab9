"""`orderBy`: sort keys, each up or down, that fit into a page token. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import total_ordering

from scp_sandbox.google.errors import invalid_parameter
from scp_sandbox.world.node import Node

Value = int | str

_DIGITS = re.compile(r"(\d+)")
_KEYS: dict[str, Callable[[Node], Value]] = {
    "createdTime": lambda n: n.created_us,
    "folder": lambda n: 0 if n.is_folder else 1,
    "modifiedByMeTime": lambda n: n.modified_us,
    "modifiedTime": lambda n: n.modified_us,
    "name": lambda n: n.name.casefold(),
    "name_natural": lambda n: _natural(n.name.casefold()),
    "quotaBytesUsed": lambda n: n.size or 0,
    "recency": lambda n: max(n.modified_us, n.shared_us or 0),
    "sharedWithMeTime": lambda n: n.shared_us or 0,
    "starred": lambda n: 0 if n.starred else 1,
    "viewedByMeTime": lambda n: n.modified_us,
}


@total_ordering
@dataclass(frozen=True, slots=True, eq=True)
class _Downwards:
    """A value that sorts the other way round."""

    value: Value

    def __lt__(self, other: "_Downwards") -> bool:
        # Values of one key are of one type.
        return other.value < self.value  # type: ignore[operator]


Rank = tuple[Value | _Downwards, ...]


@dataclass(frozen=True, slots=True)
class Ordering:
    """How files are sorted: names of keys, and which of them go down."""

    keys: tuple[tuple[str, bool], ...]

    def values(self, node: Node) -> tuple[Value, ...]:
        """A file's place as plain values, the id last so that no two are alike."""
        return (*(_KEYS[name](node) for name, _ in self.keys), node.id)

    def rank(self, values: Sequence[Value]) -> Rank:
        """A file's place as something that sorts."""
        downs = (*(down for _, down in self.keys), False)
        return tuple(
            _Downwards(value) if down else value for value, down in zip(values, downs, strict=True)
        )


def ordering(text: str | None) -> Ordering:
    """Reads `orderBy`; without it the latest change of content comes first.

    Raises:
        GoogleError: 400 for an unknown key.
    """
    if not text:
        return Ordering((("modifiedTime", True),))
    keys = []
    for part in text.split(","):
        name, _, way = part.strip().partition(" ")
        if name not in _KEYS or way.strip() not in ("", "asc", "desc"):
            raise invalid_parameter("orderBy", "Invalid Value")
        keys.append((name, way.strip() == "desc"))
    return Ordering(tuple(keys))


def _natural(name: str) -> str:
    return _DIGITS.sub(lambda found: found[1].zfill(20), name)
