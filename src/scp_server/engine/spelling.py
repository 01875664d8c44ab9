"""How a change becomes the body of an event, within the size an event may have."""

import hashlib

from msgspec.structs import replace

from scp_server.domain.changes import Change
from scp_server.domain.streams import StreamConfig
from scp_wire.encode import ENVELOPE_ROOM, MAX_EVENT_BYTES, encode_body
from scp_wire.events import Origin, UpdateData
from scp_wire.items import Item, Message
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
    raw = change.raw if config.include_raw else None
    if raw is not None:
        try:
            whole = encode_body(replace(data, raw=raw))
        except RecursionError:
            # Nested as deep as can just be read.
            whole = None
        if whole is not None and _fits(whole):
            return whole
        data = replace(data, raw_omitted=True)
    return _bounded(data)


def _bounded(data: UpdateData) -> bytes:
    """Without the bodies where even those would be too large: escaped, a byte may become six."""
    body = encode_body(data)
    for name in ("body_html", "body_text"):
        if _fits(body):
            break
        data = replace(data, payload=_without(data.payload, name))
        body = encode_body(data)
    return body


def _without(item: Item, name: str) -> Item:
    if getattr(item, name, None) is None:
        return item
    changed: dict[str, object] = {name: None}
    if isinstance(item, Message):
        changed["truncated"] = [*item.truncated, *({name} - set(item.truncated))]
    return replace(item, **changed)


def _fits(body: bytes) -> bool:
    return len(body) + ENVELOPE_ROOM <= MAX_EVENT_BYTES
