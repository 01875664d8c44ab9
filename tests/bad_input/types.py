"""What the providers say their items are made of, and values of those types.

A type is a word: `string`, `int64`, `date-time`, the name of another type, `a|b|c` for an
enumeration, `[word]` for an array. Google's types are read from the discovery documents that come
with its own client. Microsoft publishes no such file for Python; its types are written down below
from the resource pages of the Graph reference (https://learn.microsoft.com/graph/api/resources).
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from certified.discovery import document
from hypothesis import strategies as st

Json = dict[str, Any]
Types = Mapping[str, Mapping[str, str]]
"""Fields by type, and the type of each."""

CANARY: Final = "CANARY"
"""Begins every text: none of it may be in an error or a log."""

# -- Google ----------------------------------------------------------------------------------------


@cache
def google_types(api: str) -> Types:
    """All types of an API; an object without a name is called by its field's."""
    schemas = document(api)["schemas"].items()
    return dict(pair for name, schema in schemas for pair in _named(name, schema))


def _named(name: str, schema: Json) -> Iterator[tuple[str, dict[str, str]]]:
    properties = schema.get("properties", {})
    yield name, {field: _word(f"{name}.{field}", kind) for field, kind in properties.items()}
    for field, kind in properties.items():
        inner = kind["items"] if kind.get("type") == "array" else kind
        if inner.get("type") == "object":
            yield from _named(f"{name}.{field}", inner)


def _word(path: str, schema: Json) -> str:
    if "$ref" in schema:
        return str(schema["$ref"])
    match schema.get("type"):
        case "array":
            return f"[{_word(path, schema['items'])}]"
        case "object":
            return path
        case _ if "enum" in schema:
            return "|".join(schema["enum"])
        case kind:
            return str(schema.get("format") or kind)


# -- Microsoft -------------------------------------------------------------------------------------

_ITEM: Final = "changeKey:string createdDateTime:date-time lastModifiedDateTime:date-time "
_GRAPH: Final = {
    "message": _ITEM
    + "id:string categories:[string] bccRecipients:[recipient] body:itemBody bodyPreview:string "
    "ccRecipients:[recipient] conversationId:string conversationIndex:byte flag:followupFlag "
    "from:recipient hasAttachments:boolean importance:low|normal|high "
    "inferenceClassification:focused|other internetMessageId:string isDraft:boolean isRead:boolean "
    "isReadReceiptRequested:boolean parentFolderId:string receivedDateTime:date-time "
    "replyTo:[recipient] sender:recipient sentDateTime:date-time subject:string "
    "toRecipients:[recipient] uniqueBody:itemBody webLink:string attachments:[attachment]",
    "event": _ITEM
    + "id:string categories:[string] allowNewTimeProposals:boolean attendees:[attendee] "
    "body:itemBody bodyPreview:string cancelledOccurrences:[string] end:dateTimeTimeZone "
    "hasAttachments:boolean iCalUId:string importance:low|normal|high isAllDay:boolean "
    "isCancelled:boolean isOnlineMeeting:boolean isOrganizer:boolean isReminderOn:boolean "
    "location:location locations:[location] onlineMeetingUrl:string organizer:recipient "
    "originalEndTimeZone:string originalStart:date-time originalStartTimeZone:string "
    "recurrence:patternedRecurrence reminderMinutesBeforeStart:int32 responseRequested:boolean "
    "responseStatus:responseStatus sensitivity:normal|personal|private|confidential "
    "seriesMasterId:string showAs:free|tentative|busy|oof|workingElsewhere|unknown "
    "start:dateTimeTimeZone subject:string type:singleInstance|occurrence|exception|seriesMaster "
    "webLink:string",
    "contact": _ITEM + "id:string categories:[string] assistantName:string birthday:date-time "
    "businessAddress:physicalAddress businessPhones:[string] children:[string] companyName:string "
    "department:string displayName:string emailAddresses:[emailAddress] fileAs:string "
    "generation:string givenName:string homePhones:[string] imAddresses:[string] initials:string "
    "jobTitle:string mobilePhone:string nickName:string parentFolderId:string "
    "personalNotes:string surname:string title:string",
    "driveItem": "id:string cTag:string createdBy:identitySet createdDateTime:date-time "
    "deleted:deleted description:string eTag:string file:file fileSystemInfo:fileSystemInfo "
    "folder:folder lastModifiedBy:identitySet lastModifiedDateTime:date-time name:string "
    "package:package parentReference:itemReference remoteItem:driveItem root:root shared:shared "
    "size:int64 webDavUrl:string webUrl:string",
    "recipient": "emailAddress:emailAddress",
    "emailAddress": "name:string address:string",
    "itemBody": "contentType:text|html content:string",
    "followupFlag": "flagStatus:notFlagged|complete|flagged dueDateTime:dateTimeTimeZone",
    "dateTimeTimeZone": "dateTime:local timeZone:string",
    "attachment": "id:string name:string contentType:string size:int32 isInline:boolean",
    "attendee": "emailAddress:emailAddress status:responseStatus type:required|optional|resource",
    "responseStatus": "response:none|organizer|accepted|declined|tentativelyAccepted|notResponded "
    "time:date-time",
    "location": "displayName:string address:physicalAddress locationUri:string uniqueId:string",
    "physicalAddress": "street:string city:string state:string countryOrRegion:string",
    "patternedRecurrence": "pattern:recurrencePattern range:recurrenceRange",
    "recurrencePattern": "type:daily|weekly|absoluteMonthly|relativeMonthly|absoluteYearly "
    "interval:int32 month:int32 dayOfMonth:int32 daysOfWeek:[weekday] firstDayOfWeek:weekday "
    "index:first|second|third|fourth|last",
    "recurrenceRange": "type:endDate|noEnd|numbered startDate:date endDate:date "
    "recurrenceTimeZone:string numberOfOccurrences:int32",
    "identitySet": "user:identity application:identity device:identity",
    "identity": "id:string displayName:string email:string",
    "deleted": "state:string",
    "file": "mimeType:string hashes:hashes",
    "hashes": "quickXorHash:string sha1Hash:string",
    "fileSystemInfo": "createdDateTime:date-time lastModifiedDateTime:date-time",
    "folder": "childCount:int32",
    "package": "type:string",
    "itemReference": "driveId:string driveType:string id:string name:string path:string",
    "root": "",
    "shared": "owner:identitySet scope:string sharedDateTime:date-time",
}
_WEEKDAYS: Final = "sunday|monday|tuesday|wednesday|thursday|friday|saturday"


@cache
def graph_types() -> Types:
    """The types of Graph's items."""
    fields = {name: [line.partition(":") for line in text.split()] for name, text in _GRAPH.items()}
    return {
        name: {field: word.replace("weekday", _WEEKDAYS) for field, _, word in lines}
        for name, lines in fields.items()
    }


# -- values ----------------------------------------------------------------------------------------

_TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=12).map(lambda t: CANARY + t)
_MOMENT: Final = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
_NUMBERS: Final = {
    "int32": st.integers(-(2**31), 2**31 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1).map(str),
    "uint64": st.integers(0, 2**64 - 1).map(str),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
}
_SCALARS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    **_NUMBERS,
    "boolean": st.booleans(),
    "date-time": _MOMENT,
    "google-datetime": _MOMENT,
    "local": st.datetimes().map(lambda moment: moment.isoformat()),
    "date": st.dates().map(lambda day: day.isoformat()),
    "byte": st.sampled_from(["", "Q0FOQVJZ", "Q0FOQVJZ4pyT", "Q0FO_-"]),
    "string": _TEXT,
}
MOST_FIELDS: Final = 6


def instance(types: Types, name: str, depth: int = 4) -> st.SearchStrategy[Json]:
    """Some fields of a type, with values as its schema has them."""
    fields = types[name]
    if not fields or depth == 0:
        return st.just({})

    def chosen(names: set[str]) -> st.SearchStrategy[Json]:
        return st.fixed_dictionaries(
            {field: _value(types, fields[field], depth - 1) for field in sorted(names)}
        )

    return st.sets(st.sampled_from(sorted(fields)), max_size=MOST_FIELDS).flatmap(chosen)


def _value(types: Types, word: str, depth: int) -> st.SearchStrategy[Any]:
    if word.startswith("["):
        return st.lists(_value(types, word[1:-1], depth), max_size=2)
    if word in types:
        return instance(types, word, depth)
    if "|" in word:
        return st.sampled_from(word.split("|"))
    return _SCALARS.get(word, _TEXT)
