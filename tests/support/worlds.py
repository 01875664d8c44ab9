"""What the sandbox's world holds of each stream type, as a stream should leave a consumer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from support.processes import fetch

Fact = Any
"""What is compared of one item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One stream type at one provider, and how its world is asked, moved and shaken."""

    name: str
    provider: str
    stream_type: str
    world: Callable[[str, str], dict[str, Fact]]
    """(sandbox url, account) -> what is there, by id."""
    held: Callable[[dict[str, Any]], Fact]
    """The same fact of a payload that a consumer holds."""
    bustle: str
    """The name of this world's random changes in `bustle`."""
    lose_position: str
    """Path of the control call that makes every position given out so far useless."""
    elsewhere: Callable[[str, str], set[str]] = lambda _sandbox, _account: set()
    """Ids of what exists and lies outside of what is streamed: it may be held, or not."""
    share: float = 1.0
    """Of the items the sandbox was asked for, how many there are at least."""


def bustled(sandbox: str, account: str, kind: Kind, changes: int, seed: int) -> None:
    """Make so many random changes."""
    room = "users" if kind.provider == "google" else "outlook"
    fetch(f"{sandbox}/sandbox/{room}/{account}/bustle", {kind.bustle: changes, "seed": seed})


def position_lost(sandbox: str, account: str, kind: Kind) -> None:
    """Let the provider forget every place it has given out, if its places can be forgotten."""
    if kind.lose_position:
        fetch(f"{sandbox}{kind.lose_position}", {"user": account})


def _messages(sandbox: str, account: str) -> dict[str, Fact]:
    return {m["id"]: _message(m) for m in _google(sandbox, account, "messages")}


def _message(listed: dict[str, Any]) -> Fact:
    # No change of a message touches more than its labels.
    return listed["threadId"], sorted(listed["labelIds"])


def _message_held(payload: dict[str, Any]) -> Fact:
    return payload["thread_id"], sorted(payload["labels"])


def _threads(sandbox: str, account: str) -> dict[str, Fact]:
    """Threads that the default listing has: with one message outside of trash and spam."""
    threads: dict[str, dict[str, Fact]] = {}
    for message in _google(sandbox, account, "messages?all=true"):
        threads.setdefault(message["threadId"], {})[message["id"]] = _message(message)
    shown = {message["threadId"] for message in _google(sandbox, account, "messages")}
    return {identity: threads[identity] for identity in shown}


def _thread_held(payload: dict[str, Any]) -> Fact:
    return {message["id"]: _message_held(message) for message in payload["messages"]}


def _events(sandbox: str, account: str) -> dict[str, Fact]:
    calendars = _google(sandbox, account, "events", "calendars")
    return {e["id"]: _event(name, e) for name, events in calendars.items() for e in events}


def _event(calendar: str, listed: dict[str, Any]) -> Fact:
    named = calendar, listed["series"], listed["status"]
    if listed["status"] == "cancelled":
        # All that Google tells of an instance that was called off.
        return *named, None, listed["original"], None
    return *named, listed["summary"], listed["start"], listed["end"]


def _event_held(payload: dict[str, Any]) -> Fact:
    names = ("calendar_id", "series_id", "status", "subject", "start", "end")
    return tuple(payload[name] for name in names)


def _google_contacts(sandbox: str, account: str) -> dict[str, Fact]:
    listed = _google(sandbox, account, "contacts")
    return {c["resourceName"]: (c["name"], c["emails"], c["phones"], c["company"]) for c in listed}


def _contact_held(payload: dict[str, Any]) -> Fact:
    return tuple(payload[name] for name in ("subject", "emails", "phones", "organisation"))


def _google_files(sandbox: str, account: str) -> dict[str, Fact]:
    return {f["id"]: _file(f) for f in _google(sandbox, account, "files")}


def _file(listed: dict[str, Any]) -> Fact:
    parents = [listed["parent"]] if listed["parent"] else []
    edited = datetime.fromisoformat(listed["modified"])
    return listed["name"], parents, listed["trashed"], listed["size"], edited


def _file_held(payload: dict[str, Any]) -> Fact:
    edited = datetime.fromisoformat(payload["modified"])
    return *(payload[n] for n in ("subject", "parent_ids", "trashed", "size")), edited


def _google(sandbox: str, account: str, what: str, inside: str = "") -> Any:  # noqa: ANN401 - JSON
    answer = fetch(f"{sandbox}/sandbox/users/{account}/{what}")
    return answer[inside or what.partition("?")[0]]


def _outlook(sandbox: str, account: str, what: str) -> Any:  # noqa: ANN401 - JSON
    return fetch(f"{sandbox}/sandbox/outlook/{account}/{what}")[what.partition("?")[0]]


def _outlook_window() -> str:
    """The default window, as the control API asks for it."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    low, high = today - timedelta(days=30), today + timedelta(days=365)
    return f"events?start={low:%Y-%m-%dT%H:%M:%SZ}&end={high:%Y-%m-%dT%H:%M:%SZ}"


def _outlook_events(sandbox: str, account: str) -> dict[str, Fact]:
    """Masters, exceptions and single events that the default window shows, by immutable id."""
    roots = {event["id"]: event for event in _outlook(sandbox, account, "events")}
    shown: dict[str, Fact] = {}
    for event in _outlook(sandbox, account, _outlook_window()):
        series = roots.get(event["seriesMasterId"])
        if series is not None:
            shown[series["immutableId"]] = _outlook_event(series, None)
        if event["type"] != "occurrence":
            shown[event["immutableId"]] = _outlook_event(event, series)
    return shown


def _outlook_event(listed: dict[str, Any], series: dict[str, Any] | None) -> Fact:
    begin, end = (datetime.fromisoformat(listed[name]) for name in ("start", "end"))
    spelled = "%Y-%m-%d" if listed["allDay"] else "%Y-%m-%dT%H:%M:%SZ"
    unsure = listed["showAs"] == "tentative" or listed["response"] == "tentativelyAccepted"
    return (
        listed["subject"],
        f"{begin:{spelled}}",
        f"{end:{spelled}}",
        "tentative" if unsure else "confirmed",
        series and series["immutableId"],
        listed["type"] == "seriesMaster",
        listed["calledOff"],
    )


def _outlook_event_held(payload: dict[str, Any]) -> Fact:
    lines = payload["recurrence"] or []
    off = [line.partition(":")[2] for line in lines if line.startswith("EXDATE")]
    return (
        *(payload[name] for name in ("subject", "start", "end", "status", "series_id")),
        any(line.startswith("RRULE:") for line in lines),
        sorted(day for line in off for day in line.split(",")),
    )


def _outlook_events_elsewhere(sandbox: str, account: str) -> set[str]:
    """Events that were moved out of the window: no deletion, so a consumer may still hold them."""
    there = {event["immutableId"] for event in _outlook(sandbox, account, "events")}
    far = _outlook(sandbox, account, "events?start=2022-01-01T00:00:00Z&end=2031-01-01T00:00:00Z")
    there |= {event["immutableId"] for event in far if event["type"] == "exception"}
    return there - _outlook_events(sandbox, account).keys()


def _outlook_contacts(sandbox: str, account: str) -> dict[str, Fact]:
    # Outlook has room for three addresses, and for one mobile number.
    return {
        c["immutableId"]: (c["displayName"], c["emails"][:3], _numbers(c["phones"]), c["company"])
        for c in _outlook(sandbox, account, "contacts")
    }


def _numbers(phones: list[list[str]]) -> list[str]:
    mobile = [number for kind, number in phones if kind == "mobile"]
    return sorted([*mobile[:1], *(number for kind, number in phones if kind != "mobile")])


def _outlook_contact_held(payload: dict[str, Any]) -> Fact:
    # Outlook keeps numbers by what they are for.
    return (
        *(payload[name] for name in ("subject", "emails")),
        sorted(payload["phones"]),
        payload["organisation"],
    )


def _onedrive_files(sandbox: str, account: str) -> dict[str, Fact]:
    # What is in the bin is not there at all.
    return {f["id"]: _file({**f, "trashed": False}) for f in _outlook(sandbox, account, "files")}


def _outlook_messages(sandbox: str, account: str) -> dict[str, Fact]:
    folders = {f["id"]: f["name"] for f in _outlook(sandbox, account, "folders")}
    return {
        m["immutableId"]: (
            m["subject"],
            m["conversationId"],
            not m["isRead"],
            [folders[m["folderId"]], *m["categories"]],
        )
        for m in _outlook(sandbox, account, "messages")
    }


def _outlook_message_held(payload: dict[str, Any]) -> Fact:
    return tuple(payload[name] for name in ("subject", "thread_id", "unread", "labels"))


GMAIL_MESSAGES = Kind(
    name="gmail_messages",
    provider="google",
    stream_type="gmail_messages",
    world=_messages,
    held=_message_held,
    bustle="mail",
    lose_position="/sandbox/history/expire",
)
GMAIL_THREADS = replace(
    GMAIL_MESSAGES,
    name="gmail_threads",
    stream_type="gmail_threads",
    world=_threads,
    held=_thread_held,
    share=0.2,
)
CALENDAR_EVENTS = Kind(
    name="calendar_events",
    provider="google",
    stream_type="calendar_events",
    world=_events,
    held=_event_held,
    bustle="events",
    lose_position="/sandbox/sync_tokens/expire",
)
GOOGLE_CONTACTS = replace(
    CALENDAR_EVENTS,
    name="contacts-google",
    stream_type="contacts",
    world=_google_contacts,
    held=_contact_held,
    bustle="contacts",
)
GOOGLE_FILES = Kind(
    name="files-google",
    provider="google",
    stream_type="files",
    world=_google_files,
    held=_file_held,
    bustle="files",
    lose_position="",
    share=0.9,
)
OUTLOOK_MESSAGES = Kind(
    name="outlook_messages",
    provider="microsoft",
    stream_type="outlook_messages",
    world=_outlook_messages,
    held=_outlook_message_held,
    bustle="mail",
    lose_position="/sandbox/outlook/delta/expire",
)
OUTLOOK_EVENTS = Kind(
    name="outlook_events",
    provider="microsoft",
    stream_type="outlook_events",
    world=_outlook_events,
    elsewhere=_outlook_events_elsewhere,
    held=_outlook_event_held,
    bustle="events",
    lose_position="/sandbox/outlook/delta/expire",
    share=0.2,
)
OUTLOOK_CONTACTS = Kind(
    name="contacts-microsoft",
    provider="microsoft",
    stream_type="contacts",
    world=_outlook_contacts,
    held=_outlook_contact_held,
    bustle="contacts",
    lose_position="/sandbox/outlook/delta/expire",
)
ONEDRIVE_FILES = Kind(
    name="files-microsoft",
    provider="microsoft",
    stream_type="files",
    world=_onedrive_files,
    held=_file_held,
    bustle="files",
    lose_position="/sandbox/outlook/delta/expire",
    share=0.85,
)
KINDS = (
    GMAIL_MESSAGES,
    GMAIL_THREADS,
    CALENDAR_EVENTS,
    GOOGLE_CONTACTS,
    GOOGLE_FILES,
    OUTLOOK_MESSAGES,
    OUTLOOK_EVENTS,
    OUTLOOK_CONTACTS,
    ONEDRIVE_FILES,
)
