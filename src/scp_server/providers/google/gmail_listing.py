"""A page of Gmail's messages.list or threads.list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import entries, text, thing, whole


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

    def after(self, item: str | None) -> tuple[str, ...]:
        """What follows an item; all when it is no longer there."""
        start = self.ids.index(item) + 1 if item in self.ids else 0
        return self.ids[start:]


def read_page(token: str | None, body: Mapping[str, Any], key: str) -> MailPage:
    """A page.

    Raises: ProviderProtocolError when it is none, or lists something without an id.
    """
    if key not in body and whole(body.get("resultSizeEstimate")) is None:
        raise ProviderProtocolError(f"Google answered {key}.list with another object.")
    found = [text(thing(entry).get("id")) for entry in entries(body, key)]
    ids = [identity for identity in found if identity]
    if len(ids) < len(found):
        raise ProviderProtocolError(f"Google listed {key} without an id.")
    following = text(body.get("nextPageToken"))
    return MailPage(token=token, ids=tuple(dict.fromkeys(ids)), next=following or None)
