"""Control of Outlook mailboxes: what is in them, and making mail arrive, move and vanish."""

from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, read
from scp_sandbox.microsoft.control.asked import Categories, Mail, Marks, NewFolder, Where
from scp_sandbox.microsoft.estate import Holding
from scp_sandbox.microsoft.mail.arrivals import Letter, PostRoom
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.mail import Folder
from scp_sandbox.microsoft.mail.mail import Mail as Kept
from scp_sandbox.microsoft.mail.shapes import stamp
from scp_sandbox.world.arrivals import known

MOST_AT_ONCE = 5000


class MailControl:
    """The verbs under `{email}/mail`, `…/messages` and `…/folders`."""

    def __init__(self, post: PostRoom) -> None:
        self._post = post

    def list(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Messages by falling moment of arrival, of all folders or of one."""
        box, name = holding.box, call.one("folder")
        found = box.newest_first(_folder(box, name).id if name else None)
        return {"count": len(found), "messages": [_entry(box, m) for m in found]}

    def folders(self, holding: Holding, _: Call) -> dict[str, Any]:
        """All folders at every depth."""
        box = holding.box
        return {"folders": [_folder_entry(box, f) for f in box.folders()]}

    def deliver(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Delivers mail now."""
        mail, box = read(call, Mail), holding.box
        if not 1 <= mail.count <= MOST_AT_ONCE:
            raise ControlError(400, f"`count` is from 1 to {MOST_AT_ONCE}")
        if any(c in "\r\n" for c in (mail.subject or "") + (mail.sender or "")):
            raise ControlError(400, "`subject` and `from` are single lines")
        answered = _mail(box, mail.conversation) if mail.conversation else None
        letter = Letter(
            subject=mail.subject,
            sender=known(mail.sender, mail.sender_name) if mail.sender else None,
            body=mail.body,
            shape=mail.shape,
            conversation=answered.conversation if answered else None,
            folder=_folder(box, mail.folder).id,
            read=mail.read,
        )
        sent = [self._post.deliver(box, letter) for _ in range(mail.count)]
        return {"messages": [_entry(box, m) for m in sent]}

    def act(self, holding: Holding, call: Call, identity: str, verb: str) -> dict[str, Any]:
        """`move`, `mark`, `categorise`, `bin` and `delete`."""
        box = holding.box
        mail = _mail(box, identity)
        match verb:
            case "move":
                mail = box.move(mail.core, _folder(box, read(call, Where).folder).id)
            case "mark":
                mail = _marked(box, mail, read(call, Marks))
            case "categorise":
                mail = box.update(mail.core, categories=read(call, Categories).categories)
            case "bin":
                mail = box.bin(mail.core)
            case _:
                box.delete(mail.core)
                return {"deleted": identity}
        return _entry(box, mail)

    def add_folder(self, holding: Holding, call: Call) -> dict[str, Any]:
        """Makes a folder."""
        asked, box = read(call, NewFolder), holding.box
        folder = box.add_folder(asked.name, _folder(box, asked.parent).id)
        return _folder_entry(box, folder)

    def act_on_folder(
        self, holding: Holding, call: Call, identity: str, verb: str
    ) -> dict[str, Any]:
        """`rename` and `delete`; the latter takes all that lies in the folder along."""
        box = holding.box
        folder = _folder(box, identity)
        if folder.known is not None:
            raise ControlError(400, "folders with well-known names stay as they are")
        if verb == "rename":
            renamed = box.rename_folder(folder.id, read(call, NewFolder).name)
            return _folder_entry(box, renamed)
        box.delete_folder(folder.id)
        return {"deleted": folder.id}


def _marked(box: Box, mail: Kept, marks: Marks) -> Kept:
    given = {
        name: value
        for name in ("read", "flagged", "importance")
        if (value := getattr(marks, name)) is not None
    }
    return box.update(mail.core, **given)


def _mail(box: Box, identity: str) -> Kept:
    found = box.found(identity)
    if found is None:
        raise ControlError(404, "no message of that id (ordinary ids change with every move)")
    return found


def _folder(box: Box, name: str) -> Folder:
    found = box.folder(name) or next((f for f in box.folders() if f.name == name), None)
    if found is None:
        names = ", ".join(f.known or f.name for f in box.folders())
        raise ControlError(404, f"no folder {name}; there are {names}")
    return found


def _entry(box: Box, mail: Kept) -> dict[str, Any]:
    folder = box.folder(mail.folder)
    return {
        "id": box.ids.message(mail.core, mail.moves, immutable=False),
        "immutableId": box.ids.message(mail.core, mail.moves, immutable=True),
        "folder": (folder.known or folder.name) if folder else None,
        "folderId": mail.folder,
        "conversationId": box.ids.conversation(mail.conversation),
        "receivedDateTime": stamp(mail.received_ms),
        "subject": mail.recipe.subject,
        "isRead": mail.read,
        "categories": list(mail.categories),
    }


def _folder_entry(box: Box, folder: Folder) -> dict[str, Any]:
    total, unread = box.totals(folder.id)
    return {
        "id": folder.id,
        "known": folder.known,
        "name": folder.name,
        "parent": folder.parent,
        "total": total,
        "unread": unread,
    }
