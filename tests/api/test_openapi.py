"""The OpenAPI document: committed as it is made, typed to the last object, true to the table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scp_server.api.errors import STATUS_OF
from scp_server.api.openapi import codes_of, document_of, encoded
from scp_server.api.routes.table import OPERATIONS
from scp_wire.codes import ErrorCode

COMMITTED = Path(__file__).parents[2] / "schema" / "openapi.json"
DOCUMENT = document_of(OPERATIONS)
EVERY = [
    pytest.param(operation, id=operation["operationId"])
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
]
STATUSES = {
    400: "STREAM_CONFIG_ERROR INVALID_REQUEST CURSOR_INVALID",
    401: "SESSION_REQUIRED TOKEN_EXPIRED",
    403: "INSUFFICIENT_SCOPE FORBIDDEN",
    404: "STREAM_NOT_FOUND NOT_FOUND SESSION_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "STREAM_ALREADY_ACTIVE SESSION_PENDING",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    431: "HEAD_TOO_LARGE",
    429: "STREAM_RATE_LIMITED RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    502: "PROVIDER_ERROR",
    503: "PROVIDER_RATE_LIMITED PROVIDER_UNAVAILABLE STORAGE_UNAVAILABLE SHUTTING_DOWN"
    " SLOW_CONSUMER OVERLOADED",
}
"""Every code and its status."""


def test_the_committed_document_is_the_one_the_code_makes() -> None:
    assert COMMITTED.read_bytes() == encoded(DOCUMENT), "run `make schema`"


def test_every_code_has_the_contracts_status() -> None:
    table = {
        ErrorCode(name): status for status, names in STATUSES.items() for name in names.split()
    }
    assert dict(STATUS_OF) == table
    assert set(table) == set(ErrorCode)


def test_every_code_but_the_deliveries_is_some_operations() -> None:
    answered = set().union(*(codes_of(operation) for operation in OPERATIONS))
    before_any = {ErrorCode.HEAD_TOO_LARGE, ErrorCode.REQUEST_TIMEOUT, ErrorCode.OVERLOADED}
    assert answered == set(ErrorCode) - {ErrorCode.SLOW_CONSUMER} - before_any


def objects(node: object, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of type object in the document, and where it is."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield place, node
        for name, child in node.items():
            yield from objects(child, f"{place}/{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from objects(child, f"{place}/{index}")


def test_nothing_hides_behind_a_bare_object() -> None:
    found = list(objects(DOCUMENT))
    assert len(found) > 50
    bare = [p for p, one in found if not {"properties", "additionalProperties"} & set(one)]
    assert bare == []
    assert all(one.get("additionalProperties") is not True for _, one in found)


@pytest.mark.parametrize("operation", EVERY)
def test_every_failure_is_typed_and_names_its_codes(operation: dict[str, Any]) -> None:
    failures = {
        status: response
        for status, response in operation["responses"].items()
        if status.startswith(("4", "5"))
    }
    assert any(status.startswith("4") for status in failures)
    for response in failures.values():
        for media, content in response["content"].items():
            if media == "text/html":
                assert operation["operationId"] in {"login", "callback"}
                continue
            general, narrowed = content["schema"]["allOf"]
            assert general == {"$ref": "#/components/schemas/Failure"}
            assert narrowed["properties"]["error"]["properties"]["code"]["enum"]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": DOCUMENT["components"]}


@pytest.mark.parametrize("operation", EVERY)
def test_every_example_fits_its_schema(operation: dict[str, Any]) -> None:
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in (one for body in bodies for one in body.get("content", {}).values()):
        if "example" in content:
            jsonschema.Draft202012Validator(resolved(content["schema"])).validate(
                content["example"]
            )


@pytest.mark.parametrize("operation", EVERY)
def test_every_json_success_has_an_example(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None:
            assert "example" in content


def test_each_stream_type_has_its_own_filters() -> None:
    start = DOCUMENT["components"]["schemas"]["StartStream"]
    assert len(start["oneOf"]) == 7
    assert start["discriminator"]["propertyName"] == "stream_type"
    validator = jsonschema.Draft202012Validator(
        resolved({"$ref": "#/components/schemas/StartStream"})
    )
    assert validator.is_valid({"stream_type": "gmail_messages", "filters": {"label_ids": ["A"]}})
    assert not validator.is_valid({"stream_type": "files", "filters": {"label_ids": ["A"]}})
    assert not validator.is_valid({"stream_type": "nonsense"})


def test_it_is_json_that_reads_back() -> None:
    assert json.loads(encoded(DOCUMENT)) == DOCUMENT
