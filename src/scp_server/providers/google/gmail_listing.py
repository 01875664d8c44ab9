"""A page of Gmail's messages.list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.foreign import entries, text, thing, whole

LISTING_FIELDS: Final = "nextPageToken,resultSizeEstimate,messages/id"
"""The estimate is worthless but always there: it tells an empty listing from none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Ids, newest first, each once; `token` is what the page was asked for with."""

    token: str | None
    ids: tuple[str, ...]
    next: str | None

    def after(self, message: str | None) -> tuple[str, ...]:
        """What follows a message; all when it is no longer there."""
        start = self.ids.index(message) + 1 if message in self.ids else 0
        return self.ids[start:]


def read_page(token: str | None, body: Mapping[str, Any]) -> MessagePage:
    """A page.

    Raises: ProviderProtocolError when it is none, or lists a message without an id.
    """
    if "messages" not in body and whole(body.get("resultSizeEstimate")) is None:
        raise ProviderProtocolError("Google answered messages.list with another object.")
    found = [text(thing(entry).get("id")) for entry in entries(body, "messages")]
    ids = [identity for identity in found if identity]
    if len(ids) < len(found):
        raise ProviderProtocolError("Google listed a message without an id.")
    following = text(body.get("nextPageToken"))
    return MessagePage(token=token, ids=tuple(dict.fromkeys(ids)), next=following or None)
