"""The reference names everything there is, and its examples are what they say they are."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from scp_sdk import errors
from scp_server.api.routes.table import OPERATIONS
from scp_wire.codes import ErrorCode, ErrorObject
from scp_wire.events import Event, EventType
from scp_wire.items import CalendarEvent, Message
from scp_wire.stream_types import DATA_TYPES, StreamType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPENAPI = ROOT / "schema" / "openapi.json"
PAGES = ("api_reference.md", "websocket_reference.md", "error_codes.md")


def page(name: str) -> str:
    return (DOCS / name).read_text()


def examples(text: str) -> list[str]:
    return re.findall(r"```json\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_error_code_has_its_row_with_the_sdk_class(code: ErrorCode) -> None:
    rows = [row for row in page("error_codes.md").splitlines() if row.startswith(f"| `{code}` ")]
    assert len(rows) == 1
    assert f"`{errors.KIND_OF[code].__name__}`" in rows[0]


def test_every_row_has_the_http_status_the_server_answers_with() -> None:
    table = pytest.importorskip("scp_server.api.errors").STATUS_OF
    said = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page("error_codes.md"), re.MULTILINE))
    expected = {code.value: str(status) for code, status in table.items()}
    del expected[ErrorCode.SLOW_CONSUMER]
    assert said == expected


@pytest.mark.parametrize("event_type", list(EventType))
def test_every_event_type_has_its_section_with_a_full_example(event_type: EventType) -> None:
    section = page("websocket_reference.md").split(f"\n### `{event_type}`\n")
    assert len(section) == 2
    example = msgspec.json.decode(examples(section[1].split("\n## ")[0])[0], type=Event)
    assert example.event_type == event_type


@pytest.mark.parametrize("stream_type", list(StreamType))
def test_every_stream_type_and_data_type_is_named(stream_type: StreamType) -> None:
    assert f"`{stream_type}`" in page("api_reference.md")
    assert f"`{DATA_TYPES[stream_type]}`" in page("websocket_reference.md")


def test_every_operation_of_the_openapi_document_has_its_heading() -> None:
    headings = [row for row in page("api_reference.md").splitlines() if row.startswith("### ")]
    spoken = {pair for row in headings for pair in re.findall(r"`(\w+) (/[^`]+)`", row)}
    assert spoken == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_path_of_the_written_openapi_document_is_in_the_reference() -> None:
    for path in json.loads(OPENAPI.read_text())["paths"]:
        assert f" {path}`" in page("api_reference.md")


@pytest.mark.parametrize("name", PAGES)
def test_json_examples_parse(name: str) -> None:
    for example in examples(page(name)):
        json.loads(example)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_headings_that_exist(name: str) -> None:
    for target, anchor in re.findall(r"\]\((\w+\.md)?#([^)]+)\)", page(name)):
        headings = re.findall(r"^#+ (.+)$", page(target or name), re.MULTILINE)
        assert anchor in {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_examples_of_items_and_errors_have_the_wires_shapes() -> None:
    message, event = examples(page("api_reference.md").split("## Items")[-1])
    assert msgspec.json.decode(message, type=Message, strict=True).sender == "sender@example.com"
    assert msgspec.json.decode(event, type=CalendarEvent).subject == "Planning"
    first = json.loads(examples(page("error_codes.md"))[0])
    assert msgspec.convert(first["error"], ErrorObject).code is ErrorCode.STREAM_CONFIG_ERROR
