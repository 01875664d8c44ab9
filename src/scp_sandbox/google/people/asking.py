"""The parameters of People calls. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from scp_sandbox.call import Call
from scp_sandbox.google.errors import GoogleError

# fmt: off
PERSON_FIELDS = frozenset((
    "addresses", "ageRanges", "biographies", "birthdays", "calendarUrls", "clientData",
    "coverPhotos", "emailAddresses", "events", "externalIds", "genders", "imClients", "interests",
    "locales", "locations", "memberships", "metadata", "miscKeywords", "names", "nicknames",
    "occupations", "organizations", "phoneNumbers", "photos", "relations", "sipAddresses", "skills",
    "urls", "userDefined",
))
SOURCES = frozenset((
    "READ_SOURCE_TYPE_PROFILE", "READ_SOURCE_TYPE_CONTACT", "READ_SOURCE_TYPE_DOMAIN_CONTACT",
    "READ_SOURCE_TYPE_OTHER_CONTACT",
))
# fmt: on
CONTACT = "READ_SOURCE_TYPE_CONTACT"
PROFILE = "READ_SOURCE_TYPE_PROFILE"
MOST_PER_PAGE = 1000

Order = Literal[
    "LAST_MODIFIED_ASCENDING",
    "LAST_MODIFIED_DESCENDING",
    "FIRST_NAME_ASCENDING",
    "LAST_NAME_ASCENDING",
]
_ORDERS: dict[str, Order] = {
    "LAST_MODIFIED_ASCENDING": "LAST_MODIFIED_ASCENDING",
    "LAST_MODIFIED_DESCENDING": "LAST_MODIFIED_DESCENDING",
    "FIRST_NAME_ASCENDING": "FIRST_NAME_ASCENDING",
    "LAST_NAME_ASCENDING": "LAST_NAME_ASCENDING",
}
_SEARCH_PAGE = "https://developers.google.com/people/api/rest/v1/people/searchContacts"
_PAGE = "https://developers.google.com/people/api/rest/v1/people.connections/list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a `people.connections.list` call wants."""

    fields: frozenset[str]
    sources: frozenset[str]
    order: Order
    limit: int
    page_token: str | None
    sync_token: str | None
    keeps_sync: bool

    @property
    def bound(self) -> str:
        """A digest of the parameters that a sync token is bound to."""
        parts = (sorted(self.fields), sorted(self.sources), self.order, self.limit, self.keeps_sync)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    @property
    def paged(self) -> str:
        """A digest of those a page token is bound to: the sync token is one of them."""
        whole = f"{self.bound}/{self.sync_token}"
        return hashlib.sha256(whole.encode()).hexdigest()[:12]


def asking(call: Call) -> Asking:
    """Reads the parameters of a listing.

    Raises:
        GoogleError: 400 for bad ones.
    """
    found = Asking(
        fields=person_fields(call),
        sources=sources(call),
        order=_order(call),
        limit=_limit(call),
        page_token=call.one("pageToken") or None,
        sync_token=call.one("syncToken") or None,
        keeps_sync=call.flag("requestSyncToken"),
    )
    if found.keeps_sync and found.order == "LAST_MODIFIED_DESCENDING":
        raise bad("Sync tokens cannot be requested with sort order LAST_MODIFIED_DESCENDING.")
    return found


def begins_full_sync(call: Call) -> bool:
    """Whether a listing is the first page of a full sync, which a quota of its own counts."""
    return call.flag("requestSyncToken") and not (call.one("pageToken") or call.one("syncToken"))


def person_fields(call: Call) -> frozenset[str]:
    """The fields asked for; the older `requestMask.includeField` names them with `person.`.

    Raises:
        GoogleError: 400 when none are given, or an unknown one.
    """
    text = call.one("personFields") or ""
    older = call.one("requestMask.includeField") or ""
    names = [name.strip() for name in text.split(",") if name.strip()]
    names += [name.strip().removeprefix("person.") for name in older.split(",") if name.strip()]
    if not names:
        raise bad(
            "personFields mask is required. Please specify one or more valid paths. Valid paths are"
            f" documented at {_PAGE}."
        )
    for name in names:
        if name.partition(".")[0] not in PERSON_FIELDS:
            words = f'Invalid personFields mask path: "{name[:80]}".'
            raise bad(f"{words} Valid paths are documented at {_PAGE}.")
    return frozenset(name.partition(".")[0] for name in names)


def read_mask(call: Call) -> frozenset[str]:
    """The fields a search asks for.

    Raises:
        GoogleError: 400 when none are given, or an unknown one.
    """
    names = [name.strip() for name in (call.one("readMask") or "").split(",") if name.strip()]
    if not names:
        raise bad(f"readMask mask is required. Valid paths are documented at {_SEARCH_PAGE}.")
    for name in names:
        if name.partition(".")[0] not in PERSON_FIELDS:
            raise bad(f'Invalid readMask mask path: "{name[:80]}".')
    return frozenset(name.partition(".")[0] for name in names)


def sources(call: Call) -> frozenset[str]:
    """The sources asked for; contacts and profiles when none are.

    Raises:
        GoogleError: 400 for an unknown one.
    """
    asked = frozenset(call.many("sources"))
    if not asked <= SOURCES:
        raise bad(f'Invalid value at "sources": "{min(asked - SOURCES)[:80]}".')
    return asked or frozenset((CONTACT, PROFILE))


def bad(message: str) -> GoogleError:
    """400 of People."""
    return GoogleError(status=400, reason="badRequest", message=message)


def _order(call: Call) -> Order:
    text = call.one("sortOrder") or "LAST_MODIFIED_ASCENDING"
    if text not in _ORDERS:
        raise bad(f'Invalid value at "sort_order": "{text[:80]}".')
    return _ORDERS[text]


def _limit(call: Call) -> int:
    text = call.one("pageSize") or "0"
    if not (text.isascii() and text.isdecimal()):
        raise bad(f'Invalid value at "page_size" (TYPE_INT32), "{text[:40]}".')
    number = int(text[:10])
    if number > MOST_PER_PAGE:
        raise bad(f"Page size must be less than or equal to {MOST_PER_PAGE}.")
    return number or 100
