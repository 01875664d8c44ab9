"""EventRef: one event's place among all stream events of a session, as `last_event_id` names it."""

import re
from typing import Final

import msgspec

_FORM: Final = re.compile(r"([0-9a-f]{8,32})-(0|[1-9][0-9]{0,17})")


class EventRef(msgspec.Struct, frozen=True, gc=False):
    """`epoch` is new whenever numbering begins again; `n` rises by one within it, from 1."""

    epoch: str
    n: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.n}"


def parse(text: str) -> EventRef | None:
    """The place an `event_id` names; None when it is not one."""
    match = _FORM.fullmatch(text)
    return EventRef(match[1], int(match[2])) if match else None
