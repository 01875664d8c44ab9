"""The published schemas and what is spelled agree."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scp_wire.items import CalendarEvent, Contact, File, Message, Thread
from scp_wire.schemas import VERSION, schemas

ITEMS = {
    "message": Message,
    "thread": Thread,
    "event": CalendarEvent,
    "contact": Contact,
    "file": File,
}


@pytest.mark.parametrize("name", ITEMS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_an_item_holds_fits_its_schema(name: str, data: st.DataObject) -> None:
    item = data.draw(st.from_type(ITEMS[name]))
    spelled = json.loads(msgspec.json.encode(item))
    jsonschema.validate(spelled, schemas()[name], cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_without_one_of_its_fields_does_not_fit(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"id": "a"}, schemas()[name])


def test_the_published_files_are_schemas_by_their_own_word() -> None:
    folder = Path(__file__).parents[2] / "schema" / VERSION
    published = {path.stem: json.loads(path.read_bytes()) for path in folder.glob("*.json")}
    assert published == schemas()
    for schema in published.values():
        jsonschema.Draft202012Validator.check_schema(schema)
