"""Gmail's `users.watch` and `users.stop`.

https://developers.google.com/workspace/gmail/api/guides/push
"""

import re

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import invalid
from scp_sandbox.google.method import Asked
from scp_sandbox.google.push.board import Board, Channel, resource_id
from scp_sandbox.google.push.channels import DAY, read
from scp_sandbox.world.world import World

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a watch."""

    topic: str = msgspec.field(default="", name="topicName")
    label_ids: tuple[str, ...] = msgspec.field(default=(), name="labelIds")
    behavior: str | None = msgspec.field(default=None, name="labelFilterBehavior")
    action: str | None = msgspec.field(default=None, name="labelFilterAction")


class MailWatch:
    """Watches of mailboxes: one for each user, seven days long. Labels do not narrow them here."""

    def __init__(self, world: World, board: Board) -> None:
        self._world = world
        self._board = board

    def watch(self, asked: Asked) -> Reply:
        """Begins a watch, or begins it anew."""
        wanted = read(asked, Wanted)
        if _TOPIC.fullmatch(wanted.topic) is None:
            raise invalid(
                "Invalid topicName does not match projects/sandbox/topics/*",
                reason="invalidArgument",
            )
        mailbox = self._world.mailbox(asked.user)
        if unknown := [label for label in wanted.label_ids if label not in mailbox.labels]:
            raise invalid(f"Invalid label: {unknown[0][:80]}", reason="invalidArgument")
        end = self._board.clock.now_ms() + 7 * DAY * 1000
        self._board.open(
            Channel(
                id=asked.user.email,
                email=asked.user.email,
                service="gmail",
                resource=" ".join(("mailbox", *wanted.label_ids)),
                resource_id=resource_id(asked.user, "mailbox"),
                address=wanted.topic,
                token=None,
                expires_ms=end,
            )
        )
        return asked.reply({"historyId": str(mailbox.history_id), "expiration": str(end)})

    def stop(self, asked: Asked) -> Reply:
        """Ends the watch; without one, too, it is 204."""
        channel = self._board.find("gmail", asked.user.email)
        if channel is not None:
            self._board.close(channel)
        return Reply(status=204)
