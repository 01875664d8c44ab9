"""Outlook mail's methods: paths, scopes, who answers."""

from collections.abc import Callable

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.graph.asked import Asked, Method, path
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.desk import BASIC, MailDesk

_SCOPES = frozenset(("Mail.Read", "Mail.ReadWrite", BASIC))


def mail_methods(box_of: Callable[[Account], Box]) -> tuple[Method, ...]:
    """The methods, the more particular paths first."""
    desk = MailDesk(box_of)
    folder = "/me/mailFolders/{folder}"
    one = "/me/messages/{message}"
    inside = folder + "/messages/{message}"
    rows: tuple[tuple[str, str, Callable[[Asked], Reply]], ...] = (
        ("mailFolders.delta", "/me/mailFolders/delta", desk.folder_delta),
        ("mailFolders.list", "/me/mailFolders", desk.folders),
        ("mailFolders.get", folder, desk.folder),
        ("mailFolders.childFolders", f"{folder}/childFolders", desk.children),
        ("messages.delta", f"{folder}/messages/delta", desk.delta),
        ("messages.list", f"{folder}/messages", desk.of_folder),
        ("messages.list", "/me/messages", desk.messages),
        ("messages.get", one, desk.message),
        ("messages.get", inside, desk.message),
        ("messages.value", rf"{one}/\$value", desk.raw),
        ("attachments.list", f"{one}/attachments", desk.attachments),
        ("attachments.list", f"{inside}/attachments", desk.attachments),
        ("attachments.get", one + "/attachments/{attachment}", desk.attachment),
    )
    return tuple(
        Method(service="mail", name=name, path=path(where), scopes=_SCOPES, answer=answer)
        for name, where, answer in rows
    )
