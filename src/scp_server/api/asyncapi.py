"""AsyncAPI 3.0: the events and who sends them, written from the wire's own types."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from scp_server.api.details import ErrorDetails
from scp_server.delivery.subscribing import Subscribe
from scp_wire import events, items
from scp_wire.codes import ErrorObject
from scp_wire.events import EventType
from scp_wire.stream_types import Provider, StreamType

Json = dict[str, Any]

_REF: Final = "#/components/schemas/"
_TYPES: Final = [kind.value for kind in StreamType]

DATA_OF: Final[Mapping[EventType, type[msgspec.Struct]]] = MappingProxyType(
    {
        EventType.DATA_UPDATE: events.UpdateData,
        EventType.TOKEN_REFRESH: events.TokenRefreshData,
        EventType.RATE_LIMIT_WARNING: events.RateLimitData,
        EventType.STREAM_STARTED: events.StreamData,
        EventType.STREAM_COMPLETED: events.StreamData,
        EventType.STREAM_STOPPED: events.StreamData,
        EventType.STREAM_RESUMED: events.StreamData,
        EventType.STREAM_ERROR: events.StreamErrorData,
        EventType.STREAM_GAP: events.GapData,
        EventType.SESSION_EXPIRED: events.NoticeData,
        EventType.SERVER_DRAINING: events.NoticeData,
    }
)
"""`data` of each event but `data_batch`, which holds many of `data_update`."""

_WORDS: Final[Mapping[EventType, str]] = MappingProxyType(
    {
        EventType.DATA_UPDATE: "One item was read, or changed.",
        EventType.DATA_BATCH: "Items in order, as one event; only for who asked for batches.",
        EventType.TOKEN_REFRESH: "The provider's token was renewed.",
        EventType.RATE_LIMIT_WARNING: "A limit is about to be reached.",
        EventType.STREAM_STARTED: "The stream began.",
        EventType.STREAM_COMPLETED: "All is read, and nothing is followed.",
        EventType.STREAM_STOPPED: "The stream was stopped; its cursor goes on from here.",
        EventType.STREAM_RESUMED: "What a gap announced has been read again.",
        EventType.STREAM_ERROR: "Something went wrong; `fatal` says whether it ended the stream.",
        EventType.STREAM_GAP: "A place could not be gone back to.",
        EventType.SESSION_EXPIRED: "The session is over; the connection ends.",
        EventType.SERVER_DRAINING: "The server goes down; connect again to go on.",
    }
)


def asyncapi() -> Json:
    """The document."""
    schemas = _schemas()
    named = {
        "streamEvent": ("stream_event", {"oneOf": [_ref(_name(kind)) for kind in EventType]}),
        "subscribeData": ("subscribe_data", _ref("Subscribe")),
        "subscriptionConfirmed": ("subscription_confirmed", _ref("SubscriptionConfirmed")),
        "error": ("error", _ref("ErrorObject")),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SCP streaming",
            "version": "1",
            "description": "Socket.IO v5 at /socket.io, the default namespace. Connect with"
            " `session_id` (and `agent_id`) in the query or in `auth`; a refusal is a"
            " `connect_error` whose `data` is the error object.",
            "license": {"name": "Apache-2.0"},
        },
        "channels": _channels(list(named)),
        "operations": _operations(list(named)),
        "components": {
            "messages": {
                key: {"name": name, "contentType": "application/json", "payload": payload}
                for key, (name, payload) in named.items()
            },
            "schemas": schemas,
        },
    }


def _channels(keys: list[str]) -> Json:
    return {
        "events": {
            "address": "/socket.io",
            "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in keys},
        },
        "stream": {
            "address": "/api/stream/{stream_id}/events",
            "description": "One stream's events as the body of an HTTP response: server-sent"
            " events, or lines of JSON. /openapi.json has the request.",
            "parameters": {"stream_id": {"description": "As a start returned it."}},
            "messages": {"streamEvent": {"$ref": "#/components/messages/streamEvent"}},
        },
    }


def _operations(keys: list[str]) -> Json:
    over_socketio = {
        key: {
            "action": "receive" if key == "subscribeData" else "send",
            "channel": {"$ref": "#/channels/events"},
            "messages": [{"$ref": f"#/channels/events/messages/{key}"}],
        }
        for key in keys
    }
    over_http = {
        "action": "send",
        "channel": {"$ref": "#/channels/stream"},
        "messages": [{"$ref": "#/channels/stream/messages/streamEvent"}],
    }
    return over_socketio | {"readStreamEvents": over_http}


def _schemas() -> Json:
    shapes: list[Any] = [events.Event, ErrorObject, ErrorDetails, Subscribe]
    shapes += [*dict.fromkeys(DATA_OF.values()), items.Message, items.CalendarEvent, items.Gone]
    _, schemas = msgspec.json.schema_components(shapes, ref_template=_REF + "{name}")
    schemas["ErrorObject"]["properties"]["details"] = _ref("ErrorDetails")
    schemas["StreamErrorData"]["properties"]["details"] = _ref("ErrorDetails")
    update = schemas["UpdateData"]["properties"]
    update["payload"] = {"anyOf": [_ref(one) for one in ("Message", "CalendarEvent", "Gone")]}
    update["raw"] = {"description": "The provider's own object, with `include_raw`."}
    schemas["BatchData"] = _batch()
    schemas["Subscribe"]["properties"]["data_types"]["items"] = {"type": "string", "enum": _TYPES}
    schemas["SubscriptionConfirmed"] = {
        "type": "object",
        "properties": {
            "session_id": {"type": "string"},
            "data_types": {"type": "array", "items": {"type": "string", "enum": _TYPES}},
        },
        "required": ["session_id", "data_types"],
    }
    envelope = schemas.pop("Event")
    for kind in EventType:
        schemas[_name(kind)] = _event(kind, envelope)
    return dict(sorted(schemas.items()))


def _event(kind: EventType, envelope: Json) -> Json:
    data = "BatchData" if kind is EventType.DATA_BATCH else DATA_OF[kind].__name__
    own = {
        "event_type": {"type": "string", "const": kind.value},
        "provider": {"type": "string", "enum": [provider.value for provider in Provider]},
        "data": _ref(data),
    }
    return {
        **envelope,
        "title": _name(kind),
        "description": _WORDS[kind],
        "properties": envelope["properties"] | own,
    }


def _batch() -> Json:
    numbered = {"type": "object", "properties": {"offset": {"type": "integer"}}}
    item = {"allOf": [_ref("UpdateData"), numbered | {"required": ["offset"]}]}
    return {
        "title": "BatchData",
        "type": "object",
        "properties": {"items": {"type": "array", "items": item}},
        "required": ["items"],
    }


def _name(kind: EventType) -> str:
    return "".join(word.capitalize() for word in kind.value.split("_")) + "Event"


def _ref(name: str) -> Json:
    return {"$ref": _REF + name}
