"""Positions: how connectors spell their places. Each is a tagged struct; the tag has a version."""

from typing import Final, TypeVar

import msgspec

from scp_server.domain.errors import PositionLost
from scp_server.domain.streams import Position

P = TypeVar("P", bound=msgspec.Struct)

_ENCODER: Final = msgspec.json.Encoder()


def written(place: msgspec.Struct) -> Position:
    """Spell a place."""
    return Position(_ENCODER.encode(place))


def read(position: Position, kind: type[P]) -> P:
    """The place that was spelled.

    Raises: PositionLost when it is of another kind or version: then all is read anew.
    """
    try:
        return msgspec.json.decode(position, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PositionLost("The stored place was written by another version.") from None
