"""Plans an Outlook mailbox: its folders, and the same kinds of mail as at the Google. Pure."""

from scp_sandbox.microsoft.mail.ids import Ids
from scp_sandbox.microsoft.mail.mail import Folder, Mail
from scp_sandbox.world import labels
from scp_sandbox.world.mailplan import plan_mailbox
from scp_sandbox.world.message import Message
from scp_sandbox.world.people import User

ROOT = "msgfolderroot"
INBOX, DRAFTS, SENT, DELETED, JUNK, ARCHIVE = (
    "inbox", "drafts", "sentitems", "deleteditems", "junkemail", "archive",
)  # fmt: skip
_KNOWN = (
    (INBOX, "Inbox"),
    (DRAFTS, "Drafts"),
    (SENT, "Sent Items"),
    (DELETED, "Deleted Items"),
    (JUNK, "Junk Email"),
    (ARCHIVE, "Archive"),
    ("outbox", "Outbox"),
    ("conversationhistory", "Conversation History"),
)
# Key, name, the key of what it lies in.
_OWN = (
    (labels.PROJECTS, "Projects", ROOT),
    (labels.HARBOUR, "Harbour Survey", labels.PROJECTS),
    (labels.RECEIPTS, "Receipts", INBOX),
    (labels.TRAVEL, "Travel", INBOX),
    (labels.FAMILY, "Family", ROOT),
    (labels.ABROAD, "Überseepost 海外", labels.FAMILY),
)
CATEGORIES = (
    "Red category", "Orange category", "Yellow category", "Green category", "Blue category",
    "Purple category", "Harbour's",
)  # fmt: skip
_SYSTEM = (
    ("SPAM", JUNK),
    ("TRASH", DELETED),
    ("DRAFT", DRAFTS),
    ("SENT", SENT),
)
_OTHER = frozenset(("CATEGORY_PROMOTIONS", "CATEGORY_SOCIAL", "CATEGORY_FORUMS", "SPAM"))


def plan_folders(ids: Ids) -> list[Folder]:
    """Every folder of a new mailbox, the root first."""
    rows = [(ROOT, "Top of Information Store", ROOT, True)]
    rows += [(key, name, ROOT, False) for key, name in _KNOWN]
    rows += [(key, name, parent, False) for key, name, parent in _OWN]
    rows += [("recoverableitemsdeletions", "Deletions", "root", True)]
    known = {ROOT, *(key for key, _ in _KNOWN), "recoverableitemsdeletions"}
    return [
        Folder(
            id=ids.folder(key),
            name=name,
            parent=ids.folder(parent),
            change=number,
            created=number,
            known=key if key in known else None,
            hidden=hidden,
        )
        for number, (key, name, parent, hidden) in enumerate(rows, 1)
    ]


def plan_mails(user: User, seed: int, visible: int, ids: Ids) -> list[Mail]:
    """Every message of a new mailbox, oldest first.

    `visible` of them are in neither Deleted Items nor Junk; what is there (4 %) comes on top.
    """
    planned = plan_mailbox(user, seed, visible)
    return [_mail(message, number, ids) for number, message in enumerate(planned, 1)]


def _mail(message: Message, number: int, ids: Ids) -> Mail:
    marks = frozenset(message.labels)
    own = next((label for label in message.labels if label.startswith("Label_")), None)
    return Mail(
        core=message.order,
        folder=ids.folder(_folder(marks, own)),
        conversation=int(message.thread_id, 16),
        recipe=message.recipe,
        change=number,
        arrived=number,
        modified_ms=message.internal_ms + 1000 + message.order % 90_000,
        read="UNREAD" not in marks,
        draft="DRAFT" in marks,
        flagged="STARRED" in marks,
        importance="high" if "IMPORTANT" in marks and message.order % 3 == 0 else "normal",
        focused=marks.isdisjoint(_OTHER),
        categories=_categories(message, own),
    )


def _folder(marks: frozenset[str], own: str | None) -> str:
    for label, folder in _SYSTEM:
        if label in marks:
            return folder
    if "INBOX" in marks:
        return INBOX
    return own or ARCHIVE


def _categories(message: Message, own: str | None) -> tuple[str, ...]:
    if own is None:
        return ()
    first = CATEGORIES[int(own[-1])]
    return (first, CATEGORIES[0]) if message.order % 5 == 0 else (first,)
