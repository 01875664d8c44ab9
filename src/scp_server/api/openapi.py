"""OpenAPI 3.1, written from the route table and msgspec's own JSON Schemas.

`python -m scp_server.api.documents openapi > schema/openapi.json`
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

import msgspec

from scp_server.api.details import ErrorDetails
from scp_server.api.errors import STATUS_OF
from scp_server.api.operations import Access, Operation
from scp_server.domain.streams import StreamState
from scp_wire.codes import ErrorCode
from scp_wire.filters import FILTERS_OF
from scp_wire.rest import Failure, StartStream
from scp_wire.stream_types import Provider, StreamType

Json = dict[str, Any]

_REF: Final = "#/components/schemas/"
_TEMPLATE: Final = _REF + "{name}"
_TYPES: Final = [kind.value for kind in StreamType]
_PROVIDERS: Final = [provider.value for provider in Provider]

_CODES_OF_ACCESS: Final[dict[Access, tuple[ErrorCode, ...]]] = {
    Access.OPEN: (),
    Access.ANYONE: (ErrorCode.SESSION_NOT_FOUND,),
    Access.SESSION: (
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.SESSION_REQUIRED,
        ErrorCode.SESSION_PENDING,
    ),
    Access.WAITING_SESSION: (ErrorCode.SESSION_NOT_FOUND, ErrorCode.SESSION_REQUIRED),
    Access.SESSION_OR_OPERATOR: (
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.SESSION_REQUIRED,
        ErrorCode.SESSION_PENDING,
    ),
    Access.KEY: (
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.SESSION_REQUIRED,
        ErrorCode.SESSION_PENDING,
        ErrorCode.FORBIDDEN,
    ),
    Access.OPERATOR: (
        ErrorCode.SESSION_NOT_FOUND,
        ErrorCode.SESSION_REQUIRED,
        ErrorCode.SESSION_PENDING,
        ErrorCode.FORBIDDEN,
    ),
}
_CODES_OF_PAGES: Final = (
    ErrorCode.INVALID_REQUEST,
    ErrorCode.NOT_FOUND,
    ErrorCode.SESSION_NOT_FOUND,
    ErrorCode.FORBIDDEN,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.INSUFFICIENT_SCOPE,
    ErrorCode.PROVIDER_ERROR,
    ErrorCode.PROVIDER_RATE_LIMITED,
    ErrorCode.PROVIDER_UNAVAILABLE,
    ErrorCode.STORAGE_UNAVAILABLE,
)

_SESSION_WAYS: Final[tuple[Json, ...]] = (
    {"sessionBearer": []},
    {"sessionHeader": []},
    {"sessionQuery": []},
)
_OPERATOR_WAY: Final[tuple[Json, ...]] = ({"operatorKey": []},)
_AGENT_WAY: Final[tuple[Json, ...]] = ({"agentKey": []},)
_AGENTS_SESSION: Final[tuple[Json, ...]] = ({"agentKey": [], "sessionHeader": []},)
_SECURITY: Final[dict[Access, tuple[Json, ...]]] = {
    Access.OPEN: (),
    Access.ANYONE: ({}, *_SESSION_WAYS, *_AGENTS_SESSION, *_AGENT_WAY, *_OPERATOR_WAY),
    Access.SESSION: (*_SESSION_WAYS, *_AGENTS_SESSION),
    Access.WAITING_SESSION: (*_SESSION_WAYS, *_AGENTS_SESSION),
    Access.SESSION_OR_OPERATOR: (*_SESSION_WAYS, *_AGENTS_SESSION, *_OPERATOR_WAY),
    Access.KEY: (*_AGENT_WAY, *_OPERATOR_WAY),
    Access.OPERATOR: _OPERATOR_WAY,
}

_SCHEMES: Final[Json] = {
    "sessionBearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session id: `Authorization: Bearer session-...`.",
    },
    "sessionHeader": {"type": "apiKey", "in": "header", "name": "X-Session-ID"},
    "sessionQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "session_id",
        "description": "For clients that can send nothing else; may be switched off.",
    },
    "ticketQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "Of `POST /api/tickets`: good once, within 30 seconds.",
    },
    "agentKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An agent's key: `Authorization: Bearer agent-...`. Sessions of an agent"
        " answer only together with it; the session id is then in `X-Session-ID` or the body.",
    },
    "operatorKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The operator's key: `Authorization: Bearer operator-...`.",
    },
}

_HEADERS: Final[dict[str, tuple[str, str]]] = {
    "X-RateLimit-Limit": ("integer", "Requests the tightest limit allows."),
    "X-RateLimit-Remaining": ("integer", "Requests that are left of it."),
    "X-RateLimit-Reset": ("integer", "When a place is free again, in epoch seconds."),
    "RateLimit-Policy": ("string", "The limit as in draft-ietf-httpapi-ratelimit-headers-10."),
    "RateLimit": ("string", "What is left of it, and seconds until a place is free."),
}

_ENUMS: Final[tuple[tuple[str, str, list[str]], ...]] = (
    ("StreamStarted", "stream_type", _TYPES),
    ("StreamStarted", "provider", _PROVIDERS),
    ("FullConfiguration", "stream_type", _TYPES),
    ("FullConfiguration", "provider", _PROVIDERS),
    ("StreamSummary", "stream_type", _TYPES),
    ("StreamSummary", "provider", _PROVIDERS),
    ("StreamTypeState", "stream_type", _TYPES),
    ("SessionState", "provider", _PROVIDERS),
    ("StreamStatus", "status", [state.value for state in StreamState]),
    ("StreamSummary", "status", [state.value for state in StreamState]),
    ("StreamStopped", "status", [state.value for state in StreamState]),
)
"""Texts that are one of few."""


def document_of(operations: Iterable[Operation]) -> Json:
    """The document that describes these operations."""
    table = list(operations)
    paths: Json = {}
    for operation in table:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SCP streaming",
            "version": "1",
            "summary": "A user's mail and calendar, streamed to agents.",
            "description": "Every answer under /api is an envelope: success and data, or success"
            " and error, but for events: see readStreamEvents. They also travel over Socket.IO.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name, _ in groupby(operation.tag for operation in table)],
        "paths": paths,
        "components": {
            "schemas": _schemas(table),
            "headers": {
                name: {"description": words, "schema": {"type": kind}}
                for name, (kind, words) in _HEADERS.items()
            },
            "securitySchemes": _SCHEMES,
        },
    }


def encoded(document: Json) -> bytes:
    """The document as it is served and committed."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def codes_of(operation: Operation) -> set[ErrorCode]:
    """Every code an operation may fail with."""
    codes = {ErrorCode.INTERNAL_ERROR, ErrorCode.METHOD_NOT_ALLOWED, *operation.codes}
    codes.update(_CODES_OF_ACCESS[operation.access])
    if operation.page:
        codes.update(_CODES_OF_PAGES)
    if operation.metered:
        codes |= {ErrorCode.RATE_LIMIT_EXCEEDED, ErrorCode.FORBIDDEN, ErrorCode.INVALID_REQUEST}
        codes.add(ErrorCode.STORAGE_UNAVAILABLE)
    if operation.access is not Access.OPEN:
        codes |= {ErrorCode.INVALID_REQUEST, ErrorCode.STORAGE_UNAVAILABLE}
    if operation.body is not None:
        codes |= {ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE}
    if operation.starts_work:
        codes.add(ErrorCode.SHUTTING_DOWN)
    return codes


def _operation(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        described["description"] = operation.description
    if operation.parameters:
        described["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.place == "path",
                "description": parameter.description,
                "schema": parameter.schema,
                "example": parameter.example,
            }
            for parameter in operation.parameters
        ]
    ways = list(_SECURITY[operation.access])
    if operation.takes_tickets:
        ways.append({"ticketQuery": []})
    if operation.body is StartStream:  # its body can carry the session
        ways.insert(0, {})
    described["security"] = ways
    if operation.body is not None:
        media: Json = {"schema": {"$ref": _REF + operation.body.__name__}}
        if "request" in operation.examples:
            media["example"] = operation.examples["request"]
        described["requestBody"] = {
            "required": not operation.body_optional,
            "content": {"application/json": media},
        }
    described["responses"] = _responses(operation)
    return described


def _responses(operation: Operation) -> Json:
    responses = {str(operation.status): _success(operation)}
    if operation.may_be_empty:
        empty = {"description": "No Content: there is nothing more."}
        responses["204"] = _with_headers(empty, operation)
    if operation.page:
        responses["303"] = {"description": "See Other: the browser is sent on."}
    failing = sorted(codes_of(operation), key=lambda code: (STATUS_OF[code], code))
    for status, codes in groupby(failing, key=STATUS_OF.__getitem__):
        responses[str(status)] = _failure(operation, status, list(codes))
    return dict(sorted(responses.items()))


def _success(operation: Operation) -> Json:
    response: Json = {"description": HTTPStatus(operation.status).phrase}
    if operation.answer is None:
        kinds = (operation.media, *operation.other_media)
        response["content"] = {kind: {"schema": {"type": "string"}} for kind in kinds}
        return response
    media: Json = {
        "schema": {
            "type": "object",
            "properties": {
                "success": {"type": "boolean", "const": True},
                "data": {"$ref": _REF + operation.answer.__name__},
            },
            "required": ["success", "data"],
            "additionalProperties": False,
        }
    }
    if "answer" in operation.examples:
        media["example"] = {"success": True, "data": operation.examples["answer"]}
    return _with_headers(response | {"content": {"application/json": media}}, operation)


def _failure(operation: Operation, status: int, codes: list[ErrorCode]) -> Json:
    names = [code.value for code in codes]
    response: Json = {"description": f"{HTTPStatus(status).phrase}: {', '.join(names)}."}
    # What comes before the operation is found (405) is answered to programs.
    if operation.page and status != STATUS_OF[ErrorCode.METHOD_NOT_ALLOWED]:
        response["content"] = {"text/html": {"schema": {"type": "string"}}}
        return response
    told = {"type": "object", "properties": {"code": {"type": "string", "enum": names}}}
    narrowed = {"type": "object", "properties": {"error": told}}
    schema = {"allOf": [{"$ref": _REF + "Failure"}, narrowed]}
    response["content"] = {"application/json": {"schema": schema}}
    return _with_headers(response, operation)


def _with_headers(response: Json, operation: Operation) -> Json:
    if operation.metered:
        response["headers"] = {name: {"$ref": "#/components/headers/" + name} for name in _HEADERS}
    return response


def _schemas(operations: list[Operation]) -> Json:
    shapes: list[Any] = [Failure, ErrorDetails, *dict.fromkeys(FILTERS_OF.values())]
    for operation in operations:
        shapes += [shape for shape in (operation.body, operation.answer) if shape is not None]
    _, schemas = msgspec.json.schema_components(shapes, ref_template=_TEMPLATE)
    schemas["ErrorObject"]["properties"]["details"] = {"$ref": _REF + "ErrorDetails"}
    for struct, name, values in _ENUMS:
        schemas[struct]["properties"][name] = {"type": "string", "enum": values}
    kinds = list(dict.fromkeys(shape.__name__ for shape in FILTERS_OF.values()))
    any_filters = {"anyOf": [{"$ref": _REF + kind} for kind in kinds]}
    for struct in ("Configuration", "FullConfiguration"):
        schemas[struct]["properties"]["filters"] = any_filters
    schemas["OpenSession"]["properties"]["stream_types"]["items"] = {
        "type": "string",
        "enum": _TYPES,
    }
    schemas.update(_starts(schemas.pop("StartStream")))
    return dict(sorted(schemas.items()))


def _starts(start: Json) -> Json:
    """`StartStream` as one schema per stream type, each with its own filters."""
    schemas: Json = {}
    for kind, filters in FILTERS_OF.items():
        name = "Start" + "".join(word.capitalize() for word in kind.value.split("_"))
        own = {
            "stream_type": {"type": "string", "const": kind.value},
            "filters": {"$ref": _REF + filters.__name__},
        }
        schemas[name] = start | {
            "title": name,
            "description": f"Start a stream of {kind.value}.",
            "properties": start["properties"] | own,
        }
    mapping = {
        one["properties"]["stream_type"]["const"]: _REF + name for name, one in schemas.items()
    }
    schemas["StartStream"] = {
        "description": start["description"],
        "oneOf": [{"$ref": ref} for ref in mapping.values()],
        "discriminator": {"propertyName": "stream_type", "mapping": mapping},
    }
    return schemas
