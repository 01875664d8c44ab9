"""`subscribe_data`: what a consumer wants from now on."""

from typing import Annotated

import msgspec

from scp_server.delivery.naming import field_in
from scp_server.domain.errors import InvalidRequest, StreamConfigError
from scp_server.engine.readers import Subscription
from scp_wire.stream_types import StreamType

Text = Annotated[str, msgspec.Meta(max_length=256)]


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The argument of `subscribe_data`. It replaces the whole subscription."""

    data_types: Annotated[tuple[Text, ...], msgspec.Meta(max_length=32)]
    session_id: Text | None = None
    batch: bool = False
    ack: bool = False
    window: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 256


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
    if asked.ack:
        raise InvalidRequest(
            "Acknowledgements are not built yet. Leave `ack` out: pongs prove what arrived.",
            field="ack",
            value=True,
            allowed_values=[False],
        )
    return asked, Subscription(types=_types(asked.data_types), batch=asked.batch)


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
