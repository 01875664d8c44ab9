"""Whether a Gmail message or thread is in a filtered listing: by labels here, by Gmail's own search
where we cannot tell. Gmail judges each message alone, and a thread by any of its messages.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

from scp_server.ports.connector import Ask
from scp_server.providers.foreign import whole
from scp_server.providers.google.gmail_history import Labels, Touched
from scp_server.providers.google.gmail_kind import MailKind
from scp_server.providers.google.gmail_listing import read_page
from scp_server.providers.google.shapes_mail import message_header
from scp_server.providers.moments import LATEST_MS
from scp_wire.filters import MailFilters

HIDDEN: Final = frozenset({"SPAM", "TRASH"})
_PLAIN_ID: Final = re.compile(r"[^\s<>\"(){}]{1,998}\Z")


class Verdict(Enum):
    """What labels alone say."""

    IN = auto()
    OUT = auto()
    ASK = auto()
    """Only Gmail's search knows."""


class MailJudge:
    """Judges by one stream's filters."""

    def __init__(self, filters: MailFilters) -> None:
        self._filters = filters
        self._labels = frozenset(filters.label_ids or ())

    def listing(self) -> tuple[tuple[str, str], ...]:
        """The filters as parameters of messages.list."""
        query = self._filters.query
        return (*self._scope(), *((("q", query),) if query else ()))

    def by_labels(self, labels: Labels) -> Verdict:
        """Whether a message with these labels is in the listing."""
        if labels is None:
            return Verdict.ASK
        if not self._labels <= labels:
            return Verdict.OUT
        # A search or a label can ask for the bin itself: then Gmail decides what is hidden.
        special = self._filters.query is not None or not self._labels.isdisjoint(HIDDEN)
        if not self._filters.include_spam_trash and labels & HIDDEN and not special:
            return Verdict.OUT
        hidden_in_doubt = bool(labels & HIDDEN) and not self._filters.include_spam_trash
        return Verdict.ASK if self._filters.query or hidden_in_doubt else Verdict.IN

    def perhaps_seen(self, message: Touched) -> bool:
        """Whether a consumer may hold this message, which is out now.

        One that only arrived is new to everybody. Else it may have been in the listing in any of
        the states it went through, also if it was not before: a backfill may have met it then.
        """
        if message.only_added:
            return False
        return any(self.by_labels(state) is not Verdict.OUT for state in message.states)

    def check(self, kind: MailKind, narrow: str) -> Ask:
        """Ask Gmail for what of the listing `narrow` leaves.

        The narrowing comes first, so that an unbalanced quote or bracket in the stream's own
        search cannot eat it.
        """
        query = self._filters.query
        q = f"{narrow} ({query})" if query else narrow
        return kind.list_ask((*self._scope(), ("q", q)), size=500, live=True)

    def _scope(self) -> tuple[tuple[str, str], ...]:
        labels = tuple(("labelIds", label) for label in self._filters.label_ids or ())
        everywhere = (("includeSpamTrash", "true"),) if self._filters.include_spam_trash else ()
        return (*labels, *everywhere)


def confirms(listing: Mapping[str, Any], identity: str, kind: MailKind) -> bool:
    """Whether the answer to a check says that the message or thread is in the listing.

    More matches than fit a page leave a doubt: then it counts as in, rather than be lost.

    Raises: ProviderProtocolError when the answer is no listing.
    """
    page = read_page(None, listing, kind.name)
    return identity in page.ids or page.next is not None


def narrowed(message: Mapping[str, Any]) -> str | None:
    """A search that finds this message and hardly another; None when it cannot be singled out.

    By the Message-ID header, or, without a usable one, by the seconds around its arrival (the
    bounds of after: and before: are undocumented).
    """
    identity = (message_header(message, "message-id") or "").strip().strip("<>")
    if _PLAIN_ID.match(identity):
        return f"rfc822msgid:{identity}"
    arrived = whole(message.get("internalDate"))
    if arrived is None or not 0 <= arrived <= LATEST_MS:
        return None
    second = arrived // 1000
    return f"after:{second - 1} before:{second + 2}"


def narrowed_to_any(narrows: Sequence[str]) -> str:
    """A search that finds what any of these finds."""
    if len(narrows) == 1:
        return narrows[0]
    return "{" + " ".join(f"({n})" if " " in n else n for n in narrows) + "}"
