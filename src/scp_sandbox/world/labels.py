"""Gmail's labels: the system's, and those this world's people made."""

from dataclasses import dataclass
from typing import Literal

SYSTEM_LABELS = (
    "INBOX", "SPAM", "TRASH", "UNREAD", "STARRED", "IMPORTANT", "SENT", "DRAFT", "CHAT",
    "CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES",
    "CATEGORY_FORUMS",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label; user labels have ids such as `Label_3`."""

    id: str
    name: str
    type: Literal["system", "user"]


PROJECTS, HARBOUR, RECEIPTS, TRAVEL, FAMILY, ABROAD = (f"Label_{n}" for n in range(1, 7))

LABELS = (
    *(Label(id=name, name=name, type="system") for name in SYSTEM_LABELS),
    Label(id=PROJECTS, name="Projects", type="user"),
    Label(id=HARBOUR, name="Projects/Harbour Survey", type="user"),
    Label(id=RECEIPTS, name="Receipts", type="user"),
    Label(id=TRAVEL, name="Travel", type="user"),
    Label(id=FAMILY, name="Family", type="user"),
    Label(id=ABROAD, name="Überseepost 海外", type="user"),
)
