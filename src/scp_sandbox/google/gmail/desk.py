"""What Gmail's resources share: mailboxes, searchers, and encoded messages kept for a while."""

from collections import OrderedDict

import msgspec

from scp_sandbox.google.errors import not_found
from scp_sandbox.google.gmail.payload import View, resource
from scp_sandbox.google.gmail.search import Searcher
from scp_sandbox.google.method import Asked
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.message import Message
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

KEPT_BYTES = 48 * 1024 * 1024
_KEPT_EACH = 256 * 1024

_Key = tuple[str, int, View, str | None]


class GmailDesk:
    """Gives resources the asking user's mailbox, and messages in any format, encoded."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._searchers: dict[str, Searcher] = {}
        self._encoded: OrderedDict[_Key, bytes] = OrderedDict()
        self._kept = 0

    def mailbox(self, user: User) -> Mailbox:
        """The user's mailbox."""
        return self.world.mailbox(user)

    def searcher(self, user: User) -> Searcher:
        """The user's searcher, which remembers what it has read."""
        found = self._searchers.get(user.email)
        if found is None:
            found = self._searchers[user.email] = Searcher(self.mailbox(user).labels)
        return found

    def message(self, asked: Asked, identity: str) -> Message:
        """A message of the asking user.

        Raises:
            GoogleError: 404 when there is none.
        """
        message = self.mailbox(asked.user).get(identity.lower())
        if message is None:
            raise not_found("gmail")
        return message

    def encoded(self, asked: Asked, message: Message, view: View) -> bytes:
        """The JSON of a message, from memory while its labels stay the same."""
        key = (message.id, message.history_id, view, asked.call.one("fields"))
        found = self._encoded.get(key)
        if found is not None:
            self._encoded.move_to_end(key)
            return found
        mask = asked.mask()
        body = resource(message, view)
        octets = msgspec.json.encode(mask.apply(body) if mask else body)
        self._keep(key, octets)
        return octets

    def _keep(self, key: _Key, octets: bytes) -> None:
        if len(octets) > _KEPT_EACH:
            return
        self._encoded[key] = octets
        self._kept += len(octets)
        while self._kept > KEPT_BYTES:
            _, dropped = self._encoded.popitem(last=False)
            self._kept -= len(dropped)
