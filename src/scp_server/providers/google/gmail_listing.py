"""A page of Gmail's messages.list or threads.list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from scp_server.domain.changes import Skipped
from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.behind import Behind, recognised
from scp_server.providers.foreign import entries, identifier, text, whole
from scp_server.providers.page_walk import NAMELESS, identified
from scp_server.providers.setting_aside import Unreadable

Json = dict[str, Any]

_STATES: Final = {"messages": "id", "threads": "id,historyId,snippet"}
"""What tells that an entry may stand elsewhere than before: a message never does, its time of
arrival stays. A thread does when its newest message goes or comes, which changes these."""


def listing_fields(key: str) -> str:
    """What is asked of a listing of `key` ("messages" or "threads").

    The estimate is worthless but always there: it tells an empty listing from none at all.
    """
    return f"nextPageToken,resultSizeEstimate,{key}({_STATES[key]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPage:
    """Entries, newest first, each once; `token` is what the page was asked for with."""

    token: str | None
    entries: dict[str, Json]
    """What the listing has of each, by id."""
    next: str | None
    skipped: tuple[Skipped, ...] = ()
    """Entries without an id."""

    @property
    def ids(self) -> list[str]:
        """Ids in their order."""
        return list(self.entries)

    def behind(self, mark: str | None) -> Behind:
        """What a place says is handled of it."""
        return recognised(self.entries, mark, listing=True)

    def mark(self, count: int) -> str | None:
        """What a place says when so many of its first are handled."""
        return Behind().plus(list(self.entries.items())[:count]).mark


def read_page(
    token: str | None, body: Mapping[str, Any], key: str, odd: Unreadable | None = None
) -> MailPage:
    """A page. Entries without an id are set aside by `odd`; without it they do not matter.

    Raises: ProviderProtocolError when it is none, or worth another try.
    """
    if key not in body and whole(body.get("resultSizeEstimate")) is None:
        raise ProviderProtocolError(f"Google answered {key}.list with another object.")
    named, nameless = identified(entries(body, key), _id)
    if nameless and odd is not None:
        odd.give_up({f"nameless {key} at {token or ''}": NAMELESS})
    following = text(body.get("nextPageToken"))
    return MailPage(
        token=token,
        entries=named,
        next=following or None,
        skipped=nameless if odd is not None else (),
    )


def _id(entry: Mapping[str, Any]) -> str | None:
    return identifier(entry.get("id"))
