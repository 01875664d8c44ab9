"""outlook_messages: all folders of a mailbox.

Backfill: `/me/messages` by time of arrival, newest first (mail_backfill). Following: a delta link
for each folder, minted before the backfill begins (following). Ids are immutable ones, so that a
message that moves is the same message.
"""

from scp_server.domain.changes import Followed, Step
from scp_server.domain.streams import Position
from scp_server.ports.connector import Reading
from scp_server.providers.microsoft.following import FolderFollowing
from scp_server.providers.microsoft.mail_backfill import MailBackfill
from scp_server.providers.microsoft.mail_filters import MailJudge
from scp_server.providers.microsoft.mail_kind import MailMessages
from scp_server.providers.setting_aside import Unreadable
from scp_wire.filters import OutlookMailFilters


class OutlookMessages:
    """A connector (ports.connector) of one mailbox under one stream's filters."""

    def __init__(self, filters: OutlookMailFilters, *, max_results: int | None = None) -> None:
        judge, unreadable = MailJudge.of(filters), Unreadable()
        self._messages = messages = MailMessages(judge, unreadable)
        self._following = FolderFollowing(messages, unreadable)
        self._backfill = MailBackfill(messages, judge, unreadable, max_results=max_results)

    def bookmark(self) -> Reading[Position]:
        """A delta link for each folder."""
        return (yield from self._following.bookmark())

    def backfill(self, resume: Position | None) -> Reading[Step]:
        """The next messages, newest first."""
        self._following.doubt.listed()
        return self._messages.told((yield from self._backfill.backfill(resume)))

    def follow(self, since: Position) -> Reading[Followed]:
        """What changed in any folder."""
        return self._messages.told((yield from self._following.follow(since)))
