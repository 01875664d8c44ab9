"""Ways in which an item comes to be wrong: a field dropped, null, of another type, absurd."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from bad_input.types import CANARY, Json, Types, instance
from hypothesis import strategies as st

_DEPTH: Final = 150


def _nested() -> Any:  # noqa: ANN401  (JSON)
    found: Any = CANARY
    for level in range(_DEPTH):
        found = [found] if level % 2 else {"parts": found}
    return found


ABSURD: Final[Mapping[str, Callable[[], Any]]] = {
    "null": lambda: None,
    "true": lambda: True,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "31 digits": lambda: 10**30,
    "a huge float": lambda: 1e308,
    "401 digits": lambda: 10**400,
    "an empty text": lambda: "",
    "the text 0": lambda: "0",
    "a text of digits": lambda: "9" * 25,
    "the first hours": lambda: "0001-01-01T00:00:00+14:00",
    "the first day": lambda: "0001-01-01T00:00:00Z",
    "the last hours": lambda: "9999-12-31T23:59:59-14:00",
    "no time": lambda: "2026-02-30T25:61:00Z",
    "half a pair": lambda: f"{CANARY}\ud800 half a pair",
    "control signs": lambda: f"{CANARY}\x00\x1b\u2028",
    "a long text": lambda: CANARY * 40_000,
    "an empty list": list,
    "an empty object": dict,
    "a list in a list": lambda: [[]],
    "a long list": lambda: [CANARY] * 3000,
    "many objects": lambda: [{"id": CANARY, "name": None}] * 2000,
    "odd names": lambda: {CANARY * 9: {"": [None, {}]}},
    "nested deep": _nested,
}
"""Values by what they are called in a report of a failure."""


@dataclass(slots=True)
class Damage:
    """What is done to an item wherever it is sent: fields added, then one spot hurt."""

    more: Json
    spot: tuple[int, ...]
    """Which key or element to go down to, level by level."""
    drop: bool
    put: str
    """What is put there instead: one of `ABSURD`."""
    kept: frozenset[str]
    """Fields that are not replaced by `more`."""
    hurt: set[str] = field(default_factory=set)
    """Fields of the item, at its top, that were hurt."""

    def __call__(self, item: Json) -> Any:  # noqa: ANN401  (JSON)
        """The item as it is sent instead."""
        found = deepcopy(item) | {k: v for k, v in self.more.items() if k not in self.kept}
        holder: Any = found
        for depth, number in enumerate(self.spot):
            keys = sorted(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = keys[number % len(keys)]
            if depth == 0:
                self.hurt.add(str(key))
            inner = holder[key]
            if depth == len(self.spot) - 1 or not isinstance(inner, dict | list) or not inner:
                self._strike(holder, key)
                break
            holder = inner
        return found

    def _strike(self, holder: Any, key: Any) -> None:  # noqa: ANN401  (JSON)
        if self.drop:
            del holder[key]
        else:
            holder[key] = ABSURD[self.put]()


def damages(types: Types, name: str, kept: frozenset[str]) -> st.SearchStrategy[Damage]:
    """Damages of items of a type."""
    return st.builds(
        Damage,
        more=instance(types, name),
        spot=st.lists(st.integers(0, 60), min_size=1, max_size=6).map(tuple),
        drop=st.booleans(),
        put=st.sampled_from(sorted(ABSURD)),
        kept=st.just(kept),
    )
