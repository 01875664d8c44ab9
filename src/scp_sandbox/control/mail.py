"""Control of mailboxes: what is in them, and making mail arrive, move and vanish."""

from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, Labels, Mail, Whole, read
from scp_sandbox.world.arrivals import Letter, PostOffice, known
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.message import Message
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

MOST_AT_ONCE = 5000
_HIDDEN = frozenset(("SPAM", "TRASH"))


class MailControl:
    """The verbs under `/sandbox/users/{email}/mail` and `…/messages`."""

    def __init__(self, world: World, post: PostOffice) -> None:
        self._world = world
        self._post = post

    def list(self, user: User, call: Call) -> dict[str, Any]:
        """Messages as the default listing has them, newest first; `all=true`: every message."""
        everything = call.flag("all")
        found = [
            m
            for m in self._world.mailbox(user).newest_first()
            if everything or _HIDDEN.isdisjoint(m.labels)
        ]
        return {"count": len(found), "messages": [_entry(m) for m in found]}

    def deliver(self, user: User, call: Call) -> dict[str, Any]:
        """Delivers mail now."""
        mail = read(call, Mail)
        if not 1 <= mail.count <= MOST_AT_ONCE:
            raise ControlError(400, f"`count` is from 1 to {MOST_AT_ONCE}")
        if any(c in "\r\n" for c in (mail.subject or "") + (mail.sender or "")):
            raise ControlError(400, "`subject` and `from` are single lines")
        mailbox = self._world.mailbox(user)
        if mail.labels is not None and not set(mail.labels) <= set(mailbox.labels):
            raise ControlError(400, f"`labels` are among {', '.join(mailbox.labels)}")
        letter = Letter(
            subject=mail.subject,
            sender=known(mail.sender, mail.sender_name) if mail.sender else None,
            body=mail.body,
            shape=mail.shape,
            thread_id=mail.thread_id,
            labels=mail.labels,
        )
        now = self._world.clock.now_ms()
        sent = [self._post.deliver(mailbox, letter, now) for _ in range(mail.count)]
        return {"messages": [_entry(m) for m in sent], "historyId": str(mailbox.history_id)}

    def relabel(self, user: User, call: Call, identity: str) -> dict[str, Any]:
        """Adds and removes labels."""
        wanted = read(call, Labels)
        mailbox = self._world.mailbox(user)
        chosen = _chosen(mailbox, identity, whole=wanted.thread)
        if unknown := {*wanted.add, *wanted.remove} - set(mailbox.labels):
            raise ControlError(400, f"no such label: {', '.join(sorted(unknown))}")
        mailbox.relabel(chosen, add=wanted.add, remove=wanted.remove)
        return _outcome(mailbox, chosen)

    def act(self, user: User, call: Call, identity: str, verb: str) -> dict[str, Any]:
        """`trash`, `untrash`, `delete`, `read` and `unread`."""
        mailbox = self._world.mailbox(user)
        chosen = _chosen(mailbox, identity, whole=read(call, Whole).thread)
        match verb:
            case "trash":
                mailbox.trash(chosen)
            case "untrash":
                mailbox.untrash(chosen)
            case "delete":
                mailbox.delete(chosen)
            case "read":
                mailbox.relabel(chosen, remove=("UNREAD",))
            case _:
                mailbox.relabel(chosen, add=("UNREAD",))
        return _outcome(mailbox, chosen)


def _chosen(mailbox: Mailbox, identity: str, *, whole: bool) -> list[str]:
    message = mailbox.get(identity)
    if message is None:
        raise ControlError(404, f"no message {identity}")
    if not whole:
        return [identity]
    return [m.id for m in mailbox.thread(message.thread_id)]


def _outcome(mailbox: Mailbox, chosen: list[str]) -> dict[str, Any]:
    left = [m for i in chosen if (m := mailbox.get(i))]
    return {"messages": [_entry(m) for m in left], "historyId": str(mailbox.history_id)}


def _entry(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "threadId": message.thread_id,
        "labelIds": list(message.labels),
        "internalDate": str(message.internal_ms),
        "subject": message.recipe.subject,
    }
