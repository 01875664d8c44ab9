"""`people.connections.list`: pages, and rounds of changes.

https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from collections.abc import Iterable
from itertools import islice

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import GoogleError
from scp_sandbox.google.method import Asked
from scp_sandbox.google.people.asking import CONTACT, Asking, Order, asking, bad
from scp_sandbox.google.people.shapes import person
from scp_sandbox.google.people.tokens import SYNC_DAYS, Key, PageToken, SyncToken
from scp_sandbox.google.sealing import seal, unseal
from scp_sandbox.world.addressbook import AddressBook
from scp_sandbox.world.contact import Contact
from scp_sandbox.world.world import World

_MISMATCH = "Request parameters must match those of the first call, which {} was returned from."


class Connections:
    """The contacts of a user, as a list that can be followed."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, asked: Asked) -> Reply:
        """One page: of all contacts, or with a sync token of those that changed since."""
        what = asking(asked.call)
        if asked.at["person"] != "me":
            raise bad("Only people/me has connections.")
        book = self._world.addressbook(asked.user)
        start = self._start(book, asked.user.sub, what)
        found = _rows(book, start, what)
        page = list(islice(found, what.limit + 1))
        shown = page[: what.limit]
        body: dict[str, object] = {}
        if shown:
            syncing = start.since is not None
            body["connections"] = [person(c, what.fields, syncing=syncing) for c in shown]
        if len(page) > len(shown):
            body["nextPageToken"] = seal(_onward(start, _key(shown[-1], what.order, start)))
        elif what.keeps_sync:
            token = SyncToken(start.place, what.bound, start.change, start.full_at)
            body["nextSyncToken"] = seal(token)
        if start.since is None:
            total = len(book) if CONTACT in what.sources else 0
            body |= {"totalPeople": total, "totalItems": total}
        return asked.reply(body)

    def _start(self, book: AddressBook, place: str, what: Asking) -> PageToken:
        """From where this page reads."""
        if what.page_token is not None:
            page = unseal(what.page_token, PageToken)
            if page is None or page.spice != "people page" or page.place != place:
                raise bad("Invalid page token.")
            if page.query != what.paged:
                raise bad(_MISMATCH.format("the page token"))
            if page.since is not None:
                self._check(book, page.since, page.full_at)
            return page
        if what.sync_token is None:
            now = self._world.clock.now()
            return PageToken(place, what.paged, book.change, None, now, ())
        sync = unseal(what.sync_token, SyncToken)
        if sync is None or sync.spice != "people sync" or sync.place != place:
            raise bad("Invalid sync token.")
        if sync.query != what.bound:
            raise bad(_MISMATCH.format("the sync token"))
        self._check(book, sync.change, sync.full_at)
        return PageToken(place, what.paged, book.change, sync.change, sync.full_at, ())

    def _check(self, book: AddressBook, change: int, full_at: float) -> None:
        # Seven days after the full sync, not after the token's last use.
        if change < book.floor or self._world.clock.now() - full_at > SYNC_DAYS * 86_400:
            raise expired_sync_token()


def expired_sync_token() -> GoogleError:
    """400 for a dead sync token, as it was captured."""
    return GoogleError(
        status=400,
        reason="badRequest",
        message="Sync token is expired. Clear local cache and retry call without the sync token.",
        detail="EXPIRED_SYNC_TOKEN",
        detail_domain="people.googleapis.com",
    )


def _rows(book: AddressBook, start: PageToken, what: Asking) -> Iterable[Contact]:
    if CONTACT not in what.sources:
        return ()
    after: Key = tuple(start.after)
    if start.since is None:
        ordered = sorted(book, key=lambda c: _key(c, what.order, start))
        return (c for c in ordered if not after or _key(c, what.order, start) > after)
    # What changes while the pages are read is for the next round.
    since = int(after[0]) if after else start.since
    return (c for c in book.changed_since(since) if c.change <= start.change)


def _key(contact: Contact, order: Order, start: PageToken) -> Key:
    if start.since is not None or order == "LAST_MODIFIED_ASCENDING":
        return (contact.change,)
    if order == "LAST_MODIFIED_DESCENDING":
        return (-contact.change,)
    names = (contact.given.casefold(), contact.family.casefold())
    first, second = names if order == "FIRST_NAME_ASCENDING" else names[::-1]
    return (first, second, contact.id)


def _onward(start: PageToken, after: Key) -> PageToken:
    return PageToken(start.place, start.query, start.change, start.since, start.full_at, after)
