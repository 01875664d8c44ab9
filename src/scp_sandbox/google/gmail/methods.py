"""Gmail's methods as a table: path, price in units, scopes.

https://developers.google.com/workspace/gmail/api/reference/quota
"""

import re
from collections.abc import Callable

from scp_sandbox.call import Reply
from scp_sandbox.google.gmail.desk import GmailDesk
from scp_sandbox.google.gmail.history import History
from scp_sandbox.google.gmail.mailbox import Account
from scp_sandbox.google.gmail.messages import Messages
from scp_sandbox.google.gmail.threads import Threads
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

_BODIES = frozenset((scopes.FULL_MAIL, scopes.GMAIL_MODIFY, scopes.GMAIL_READONLY))
_HEADERS = _BODIES | {scopes.GMAIL_METADATA}
_LABELS = _HEADERS | {scopes.GMAIL_LABELS}


def gmail_methods(world: World) -> tuple[Method, ...]:
    """Every Gmail method there is here."""
    desk = GmailDesk(world)
    messages, threads = Messages(desk), Threads(desk)
    account, history = Account(desk), History(desk)
    return (
        _method("messages.get", "GetMessage", "messages/(?P<id>[^/]+)", 20, _HEADERS, messages.get),
        _method("messages.list", "ListMessages", "messages", 5, _HEADERS, messages.list),
        _method("history.list", "ListHistory", "history", 2, _HEADERS, history.list),
        _method("getProfile", "GetProfile", "profile", 1, _HEADERS, account.profile),
        _method("labels.list", "ListLabels", "labels", 1, _LABELS, account.labels),
        _method("labels.get", "GetLabel", "labels/(?P<id>[^/]+)", 1, _LABELS, account.label),
        _method(
            "messages.attachments.get",
            "GetAttachment",
            "messages/(?P<message>[^/]+)/attachments/(?P<id>[^/]+)",
            20,
            _BODIES,
            messages.attachment,
        ),
        _method("threads.list", "ListThreads", "threads", 10, _HEADERS, threads.list),
        _method("threads.get", "GetThread", "threads/(?P<id>[^/]+)", 40, _HEADERS, threads.get),
    )


def _method(
    name: str,
    rpc: str,
    path: str,
    units: int,
    granted: frozenset[str],
    answer: Callable[[Asked], Reply],
) -> Method:
    return Method(
        service="gmail",
        name=f"gmail.users.{name}",
        rpc=f"caribou.api.proto.MailboxService.{rpc}",
        http="GET",
        path=re.compile(f"/gmail/v1/users/(?P<user>[^/]+)/{path}"),
        units=units,
        scopes=granted,
        answer=answer,
    )
