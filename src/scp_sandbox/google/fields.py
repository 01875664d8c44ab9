"""The `fields` parameter: partial responses (Drive API, "Return specific fields"). Pure.

Grammar: a comma list of paths; `a/b` goes inwards, `a(b,c)` groups, `*` is every name.
"""

from dataclasses import dataclass, field
from typing import Any


class MaskError(ValueError):
    """The mask cannot be read; the words name what is wrong."""


@dataclass(slots=True)
class Mask:
    """Which names are kept, and of each which inner ones; no names: all of it."""

    names: dict[str, "Mask"] = field(default_factory=dict)

    def merge(self, other: "Mask") -> None:
        """Keeps what either keeps; a mask without names keeps everything, so it wins."""
        if not self.names or not other.names:
            self.names = {}
            return
        for name, inner in other.names.items():
            if name in self.names:
                self.names[name].merge(inner)
            else:
                self.names[name] = inner

    def apply(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """`value` (JSON) with only what the mask keeps; lists are walked through."""
        if not self.names:
            return value
        if isinstance(value, list):
            return [self.apply(item) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {}
        for name, inner in value.items():
            mask = self.names.get(name) or self.names.get("*")
            if mask is not None and (not mask.names or isinstance(inner, dict | list)):
                kept[name] = mask.apply(inner)
        return kept


def parse(text: str) -> Mask:
    """Reads a mask.

    Raises:
        MaskError: on an empty mask, empty names, or parentheses that do not match.
    """
    if len(text) > 8192:
        raise MaskError("the mask is too long")
    reader = _Reader(text.replace(" ", ""))
    mask = reader.listing(depth=0)
    if reader.at < len(reader.text):
        raise MaskError(f"Invalid field selection {text[reader.at :]}")
    return mask


@dataclass(slots=True)
class _Reader:
    text: str
    at: int = 0

    def listing(self, depth: int) -> Mask:
        if depth > 32:
            raise MaskError("Invalid field selection: nested too deeply")
        mask = self.path(depth)
        while self._take(","):
            mask.merge(self.path(depth))
        return mask

    def path(self, depth: int) -> Mask:
        names = [self._name()]
        while self._take("/"):
            names.append(self._name())
        inner = Mask()
        if self._take("("):
            inner = self.listing(depth + 1)
            if not self._take(")"):
                raise MaskError(f"Invalid field selection {self.text}")
        for name in reversed(names):
            inner = Mask({name: inner})
        return inner

    def _name(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ",/()":
            self.at += 1
        if start == self.at:
            raise MaskError(f"Invalid field selection {self.text}")
        return self.text[start : self.at]

    def _take(self, sign: str) -> bool:
        if self.text[self.at : self.at + 1] != sign:
            return False
        self.at += 1
        return True
