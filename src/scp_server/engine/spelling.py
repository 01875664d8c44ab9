"""How a change becomes the body of an event, within the size an event may have."""

import hashlib

from scp_server.domain.changes import Change
from scp_server.domain.streams import StreamConfig
from scp_wire.encode import ENVELOPE_ROOM, MAX_EVENT_BYTES, encode_body
from scp_wire.events import Origin, UpdateData
from scp_wire.stream_types import DATA_TYPES, StreamType


def change_id(stream_type: StreamType, change: Change) -> str:
    """The same for the same version of an item, however and whenever the change was found."""
    text = "\0".join((stream_type, change.item.id, change.version, change.reason or ""))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def update_body(config: StreamConfig, change: Change, origin: Origin) -> bytes:
    """The `data` of a `data_update`; without the raw form where it would be too large."""
    data = UpdateData(
        data_type=DATA_TYPES[config.stream_type],
        payload=change.item,
        change=change.kind,
        origin=origin,
        change_id=change_id(config.stream_type, change),
        reason=change.reason,
    )
    plain = encode_body(data)
    if not config.include_raw or change.raw is None:
        return plain
    whole = encode_body(_with_raw(data, change.raw, omitted=False))
    if len(whole) + ENVELOPE_ROOM <= MAX_EVENT_BYTES:
        return whole
    return encode_body(_with_raw(data, None, omitted=True))


def _with_raw(data: UpdateData, raw: object, *, omitted: bool) -> UpdateData:
    return UpdateData(
        data_type=data.data_type,
        payload=data.payload,
        change=data.change,
        origin=data.origin,
        change_id=data.change_id,
        reason=data.reason,
        raw=raw,
        raw_omitted=omitted,
    )
