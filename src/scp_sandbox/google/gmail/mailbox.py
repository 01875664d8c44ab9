"""`users.getProfile` and `users.labels`."""

from typing import Any

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import not_found
from scp_sandbox.google.gmail.desk import GmailDesk
from scp_sandbox.google.method import Asked
from scp_sandbox.world.labels import Label


class Account:
    """The profile and the labels of a mailbox."""

    def __init__(self, desk: GmailDesk) -> None:
        self._desk = desk

    def profile(self, asked: Asked) -> Reply:
        """`getProfile`: counts (spam and trash too) and the history id of now."""
        mailbox = self._desk.mailbox(asked.user)
        return asked.reply(
            {
                "emailAddress": asked.user.email,
                "messagesTotal": len(mailbox),
                "threadsTotal": mailbox.thread_count,
                "historyId": str(mailbox.history_id),
            }
        )

    def labels(self, asked: Asked) -> Reply:
        """`labels.list`: system and user labels, without counts."""
        mailbox = self._desk.mailbox(asked.user)
        return asked.reply({"labels": [_label(label) for label in mailbox.labels.values()]})

    def label(self, asked: Asked) -> Reply:
        """`labels.get`: one label with its counts."""
        mailbox = self._desk.mailbox(asked.user)
        label = mailbox.labels.get(asked.at["id"])
        if label is None:
            raise not_found("gmail")
        tagged = [m for m in mailbox.newest_first() if label.id in m.labels]
        unread = [m for m in tagged if "UNREAD" in m.labels]
        return asked.reply(
            {
                **_label(label),
                "messagesTotal": len(tagged),
                "messagesUnread": len(unread),
                "threadsTotal": len({m.thread_id for m in tagged}),
                "threadsUnread": len({m.thread_id for m in unread}),
            }
        )


def _label(label: Label) -> dict[str, Any]:
    body = {"id": label.id, "name": label.name, "type": label.type}
    if label.type == "user":
        return {**body, "messageListVisibility": "show", "labelListVisibility": "labelShow"}
    return body
