"""A page of Gmail's messages.list or threads.list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import entries, identifier, text, thing, whole
from scp_server.providers.page_walk import NAMELESS
from scp_server.providers.setting_aside import Unreadable


def listing_fields(key: str) -> str:
    """What is asked of a listing of `key` ("messages" or "threads").

    The estimate is worthless but always there: it tells an empty listing from none at all.
    """
    return f"nextPageToken,resultSizeEstimate,{key}/id"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    """Ids, newest first, each once; `token` is what the page was asked for with."""

    token: str | None
    ids: tuple[str, ...]
    next: str | None
    skipped: tuple[Skipped, ...] = ()
    """Entries without an id."""

    def after(self, item: str | None) -> tuple[str, ...]:
        """What follows an item; all when it is no longer there."""
        start = self.ids.index(item) + 1 if item in self.ids else 0
        return self.ids[start:]


def read_page(
    token: str | None, body: Mapping[str, Any], key: str, odd: Unreadable | None = None
) -> MailPage:
    """A page. Entries without an id are set aside by `odd`; without it they do not matter.

    Raises: ProviderProtocolError when it is none, or worth another try.
    """
    if key not in body and whole(body.get("resultSizeEstimate")) is None:
        raise ProviderProtocolError(f"Google answered {key}.list with another object.")
    found = [identifier(thing(entry).get("id")) for entry in entries(body, key)]
    ids = [identity for identity in found if identity]
    nameless = len(found) - len(ids) if odd is not None else 0
    if nameless and odd is not None:
        odd.give_up({f"nameless {key} at {token or ''}": NAMELESS})
    following = text(body.get("nextPageToken"))
    return MailPage(
        token=token,
        ids=tuple(dict.fromkeys(ids)),
        next=following or None,
        skipped=(Skipped(id=None, reason=NAMELESS),) * nameless,
    )
