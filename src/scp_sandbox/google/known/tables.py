"""Checks `fields` masks against the names that an answer can have. Pure.

A table has a schema on each line, `Schema= name name:Schema name:*`; two spaces go on with it. What
follows a colon is the schema of what is inside; `*` is anything; without one nothing is inside.
"""

from collections.abc import Mapping
from types import MappingProxyType

from scp_sandbox.google.fields import Mask, MaskError
from scp_sandbox.google.known import calendar, drive, gmail, people

Schema = Mapping[str, str]


def _read(text: str) -> Mapping[str, Schema]:
    schemas = {}
    for line in text.strip().replace("\n  ", " ").splitlines():
        title, _, names = line.partition("=")
        pairs = (name.partition(":") for name in names.split())
        schemas[title] = MappingProxyType({name: inside for name, _, inside in pairs})
    return MappingProxyType(schemas)


_TABLES: Mapping[str, Mapping[str, Schema]] = MappingProxyType(
    {
        "gmail": _read(gmail.FIELDS),
        "calendar": _read(calendar.FIELDS),
        "people": _read(people.FIELDS),
        "drive": _read(drive.FIELDS),
    }
)
_ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "gmail.users.messages.get": "Message",
        "gmail.users.messages.list": "ListMessagesResponse",
        "gmail.users.messages.attachments.get": "MessagePartBody",
        "gmail.users.threads.get": "Thread",
        "gmail.users.threads.list": "ListThreadsResponse",
        "gmail.users.history.list": "ListHistoryResponse",
        "gmail.users.getProfile": "Profile",
        "gmail.users.labels.list": "ListLabelsResponse",
        "gmail.users.labels.get": "Label",
        "gmail.users.watch": "WatchResponse",
        "calendar.events.list": "Events",
        "calendar.events.instances": "Events",
        "calendar.events.get": "Event",
        "calendar.events.watch": "Channel",
        "calendar.calendarList.list": "CalendarList",
        "calendar.calendarList.get": "CalendarListEntry",
        "calendar.calendarList.watch": "Channel",
        "calendar.calendars.get": "Calendar",
        "people.people.connections.list": "ListConnectionsResponse",
        "people.people.get": "Person",
        "people.people.getBatchGet": "GetPeopleResponse",
        "drive.files.list": "FileList",
        "drive.files.get": "File",
        "drive.files.watch": "Channel",
        "drive.changes.getStartPageToken": "StartPageToken",
        "drive.changes.list": "ChangeList",
        "drive.changes.watch": "Channel",
        "drive.about.get": "About",
    }
)


def check(mask: Mask, method: str) -> None:
    """Lets a mask pass whose names a method's answer can have.

    Raises:
        MaskError: naming the first that it cannot.
    """
    if title := _ANSWERS.get(method):
        _check(mask, title, _TABLES[method.partition(".")[0]])


def _check(mask: Mask, title: str, schemas: Mapping[str, Schema]) -> None:
    schema = schemas[title]
    for name, inner in mask.names.items():
        if name == "*":
            continue
        inside = schema.get(name)
        if inside is None or (inner.names and not inside):
            raise MaskError(f"Invalid field selection {name}")
        if inside and inside != "*":
            _check(inner, inside, schemas)
