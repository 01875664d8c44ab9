"""What is asked of Google People, and its answers as pages."""

from typing import Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reply
from scp_server.providers.foreign import entries, text
from scp_server.providers.google.shapes_contact import contact_id
from scp_server.providers.page_walk import ItemPage, by_id
from scp_server.providers.setting_aside import Unreadable

PAGE: Final = 1000
"""Most that connections.list gives: a user has 90 reads a minute."""
PERSON_FIELDS: Final = "names,nicknames,emailAddresses,phoneNumbers,organizations,metadata"

Params = tuple[tuple[str, str], ...]

_BASE: Final[Params] = (("personFields", PERSON_FIELDS), ("pageSize", str(PAGE)))
_KNOWN: Final = frozenset(
    {"connections", "nextPageToken", "nextSyncToken", "totalPeople", "totalItems"}
)


def listing_ask(page: str | None) -> Ask:
    """A page of all contacts, without a sync token: the quota of full syncs is left alone."""
    return _ask((*_BASE, *_place(page)), live=False)


def minting_ask(page: str | None) -> Ask:
    """A page of a full sync, whose last page has a sync token."""
    return _ask((*_BASE, ("requestSyncToken", "true"), *_place(page)), live=False)


def sync_ask(token: str, page: str | None) -> Ask:
    """A page of what changed since a sync token.

    All else is as it was when the token was minted, as Google demands (connections.list).
    """
    sync = (("requestSyncToken", "true"), ("syncToken", token))
    return _ask((*_BASE, *sync, *_place(page)), live=True)


def read_people(reply: Reply, unreadable: Unreadable) -> ItemPage:
    """A page of people.

    Raises: ProviderProtocolError when it is none.
    """
    body = reply.body
    # An empty listing may be an empty object.
    if body and _KNOWN.isdisjoint(body):
        raise ProviderProtocolError("Google answered connections.list with another object.")
    found, skipped = by_id(entries(body, "connections"), contact_id, unreadable)
    return ItemPage(
        entries=found,
        next=text(body.get("nextPageToken")) or None,
        end=text(body.get("nextSyncToken")) or None,
        at=reply.at,
        skipped=skipped,
    )


def _ask(params: Params, *, live: bool) -> Ask:
    return Ask(
        method="people.connections.list",
        base="people_url",
        path="/v1/people/me/connections",
        params=params,
        live=live,
    )


def _place(page: str | None) -> Params:
    return (("pageToken", page),) if page is not None else ()
