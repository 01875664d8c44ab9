"""Cursors: sealed pointers to a place in a stream, good on any process with the same database."""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec

from scp_server.domain.errors import CursorInvalid
from scp_server.domain.event_ref import EventRef
from scp_server.domain.streams import StreamConfig
from scp_server.ports.seals import Seals

_PURPOSE: Final = "cursor"


class _Pointer(msgspec.Struct, frozen=True, array_like=True):
    session_pk: int
    stream_id: str
    epoch: str
    n: int
    reading: bytes
    """Hash of the type and the filters: a place is good only for the very reading that made it."""


class Cursors:
    """Makes and opens cursors."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals

    def maker(
        self, session_pk: int, stream_id: str, config: StreamConfig
    ) -> Callable[[EventRef], str]:
        """A function that turns an event's place in this stream into a cursor."""
        reading = _reading(config)

        def cursor(ref: EventRef) -> str:
            pointer = _Pointer(session_pk, stream_id, ref.epoch, ref.n, reading)
            return self._seals.seal(_PURPOSE, msgspec.msgpack.encode(pointer))

        return cursor

    def open(self, text: str, session_pk: int, config: StreamConfig) -> tuple[str, EventRef]:
        """The stream and the event a cursor points to.

        Raises: CursorInvalid, always with the same words.
        """
        pointer = self._opened(text)
        if (
            pointer is None
            or pointer.session_pk != session_pk
            or pointer.reading != _reading(config)
        ):
            raise refused()
        return pointer.stream_id, EventRef(pointer.epoch, pointer.n)

    def place_of(self, text: str, session_pk: int, stream_id: str) -> EventRef:
        """The event a cursor of this very stream points to.

        Raises: CursorInvalid.
        """
        pointer = self._opened(text)
        if pointer is None or pointer.session_pk != session_pk or pointer.stream_id != stream_id:
            raise refused()
        return EventRef(pointer.epoch, pointer.n)

    def _opened(self, text: str) -> _Pointer | None:
        plain = self._seals.open(_PURPOSE, text)
        if plain is None:
            return None
        try:
            return msgspec.msgpack.decode(plain, type=_Pointer)
        except msgspec.DecodeError:
            return None


def refused() -> CursorInvalid:
    """The one answer to every cursor that cannot be used."""
    return CursorInvalid(
        "This cursor cannot be used here: it is damaged, older than seven days, or of another "
        "session, stream type or filters. Start the stream without it.",
        field="cursor",
    )


def _reading(config: StreamConfig) -> bytes:
    text = f"{config.stream_type}\0".encode() + msgspec.json.encode(config.filters, order="sorted")
    return hashlib.sha256(text).digest()[:12]
