"""A small cache in front of the database."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """What was read last, at most `size` of it.

    A read that began before a write must not be remembered after it: take `generation` before
    reading and give it to `put`; every `forget` begins a new one.
    """

    __slots__ = ("_size", "_values", "generation")

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self.generation = 0

    def get(self, key: K) -> V | None:
        """What is remembered of a key."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V, generation: int) -> None:
        """Remember what was read, unless something was written meanwhile."""
        if generation != self.generation:
            return
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def forget(self, key: K) -> None:
        """The key was written: what is remembered of it may be wrong."""
        self._values.pop(key, None)
        self.generation += 1

    def forget_all(self) -> None:
        """Anything may have been written."""
        self._values.clear()
        self.generation += 1
