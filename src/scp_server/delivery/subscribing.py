"""`subscribe_data`: what a consumer wants from now on; `stream_ack`: what it has."""

from typing import Annotated, Final

import msgspec

from scp_server.delivery.naming import field_in
from scp_server.domain.errors import InvalidRequest, ScpError, StreamConfigError
from scp_server.domain.event_ref import EventRef, parse
from scp_server.engine.readers import Proves, Subscription
from scp_wire.stream_types import StreamType

Text = Annotated[str, msgspec.Meta(max_length=256)]
MAX_WINDOW: Final = 1000
"""Events that may be on their way to a consumer that acknowledges."""


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The argument of `subscribe_data`. It replaces the whole subscription."""

    data_types: Annotated[tuple[Text, ...], msgspec.Meta(max_length=32)]
    session_id: Text | None = None
    batch: bool = False
    ack: bool = False
    window: Annotated[int, msgspec.Meta(ge=1, le=MAX_WINDOW)] = 256


class Ack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The argument of `stream_ack`: everything up to `event_id` has been processed."""

    event_id: Text


def read_subscription(data: object) -> tuple[Subscribe, Subscription]:
    """Read a subscription.

    Raises: InvalidRequest (wrong shape), StreamConfigError (unknown type).
    """
    try:
        asked = msgspec.convert(data, Subscribe)
    except msgspec.ValidationError as wrong:
        raise InvalidRequest(
            f"subscribe_data is not as documented: {wrong}",
            field=field_in(wrong, otherwise="subscribe_data"),
        ) from None
    return asked, Subscription(
        types=_types(asked.data_types),
        batch=asked.batch,
        proves=Proves.ACK if asked.ack else Proves.PONG,
        window=asked.window,
    )


def asks_the_same(data: object, subscription: Subscription) -> bool:
    """Whether it asks for nothing but what the consumer has."""
    try:
        return read_subscription(data)[1] == subscription
    except ScpError:
        return False


def read_ack(data: object, subscription: Subscription) -> EventRef:
    """Read an acknowledgement.

    Raises: InvalidRequest (wrong shape, or it was not agreed on).
    """
    if subscription.proves is not Proves.ACK:
        raise InvalidRequest(
            "Acknowledgements are not expected here. Subscribe with `ack: true` first.",
            field="stream_ack",
        )
    try:
        place = parse(msgspec.convert(data, Ack).event_id)
    except msgspec.ValidationError as wrong:
        raise InvalidRequest(
            f"stream_ack is not as documented: {wrong}",
            field=field_in(wrong, otherwise="stream_ack"),
        ) from None
    if place is None:
        raise InvalidRequest(
            "event_id is the event_id of the last event you processed.", field="event_id"
        )
    return place


def _types(names: tuple[str, ...]) -> frozenset[StreamType]:
    known = [str(t) for t in StreamType]
    for name in names:
        if name not in known:
            raise StreamConfigError(
                "There is no such stream type.",
                field="data_types",
                value=name,
                allowed_values=known,
            )
    return frozenset(StreamType(name) for name in names)
