"""What control calls of the sandboxed Microsoft carry."""

from typing import Literal

import msgspec

from scp_sandbox.microsoft.estate import AREAS, Area
from scp_sandbox.world.recipe import Shape


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST {email}/mail`: `count` letters, or one given word by word."""

    count: int = 1
    subject: str | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    sender_name: str | None = msgspec.field(default=None, name="from_name")
    body: str | None = None
    shape: Shape | None = None
    folder: str = "inbox"
    conversation: str | None = None
    read: bool = False


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/messages/{id}/move`."""

    folder: str


class Marks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/messages/{id}/mark`: what is given is changed."""

    read: bool | None = None
    flagged: bool | None = None
    importance: Literal["low", "normal", "high"] | None = None


class Categories(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/messages/{id}/categorise`: all categories from now on."""

    categories: tuple[str, ...] = ()


class NewFolder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST {email}/folders`, and `…/folders/{id}/rename` (which needs no parent)."""

    name: str
    parent: str = "msgfolderroot"


class Whose(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Orders for one account, or, without `user`, for everybody."""

    user: str | None = None


class Demand(Whose, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST mfa`: a second factor from now on, in these words."""

    required: bool = True
    error: Literal["interaction_required", "invalid_grant"] = "interaction_required"


class Expired(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST secret`."""

    expired: bool = True


class Enabled(Whose, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST mailbox`."""

    enabled: bool = True


class Dead(Whose, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST delta/expire`."""

    areas: tuple[Area, ...] = AREAS
    code: str = "SyncStateNotFound"
    status: int = 410


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST quotas`: a mode, then figures on top of it; null lifts a limit."""

    mode: Literal["generous", "published"] | None = None
    requests_per_ten_minutes: int | msgspec.UnsetType | None = msgspec.UNSET
    concurrency: int | msgspec.UnsetType | None = msgspec.UNSET
    drive_units_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET


class Bustle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST {email}/bustle`: random changes, the same for the same seed."""

    mail: int = 0
    events: int = 0
    contacts: int = 0
    files: int = 0
    seed: int = 1


class Appointment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST {email}/events` and `…/{id}/update`; `start` and `end` are dates, or moments."""

    subject: str | None = None
    description: str | None = None
    location: str | None = None
    start: str | None = None
    end: str | None = None
    zone: str | None = None
    recurrence: tuple[str, ...] | None = None


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/events/{id}/move`: by so many minutes (an all-day one by whole days)."""

    minutes: int = 60


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST {email}/contacts` and `…/{id}/update`: what is given is said or changed."""

    given: str | None = None
    family: str | None = None
    emails: tuple[str, ...] | None = None
    phones: tuple[str, ...] | None = None
    company: str | None = None
    title: str | None = None
    notes: str | None = None


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST {email}/files`, `…/{id}/update` and `…/{id}/move`."""

    name: str | None = None
    mime_type: str = "text/plain"
    folder: bool = False
    parent: str | None = None
    words: str | None = None
