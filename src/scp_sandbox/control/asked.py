"""What control calls carry, and how they are refused."""

from typing import Literal, TypeVar

import msgspec

from scp_sandbox.call import Call
from scp_sandbox.faults import Kind
from scp_sandbox.world.recipe import Shape

Body = TypeVar("Body", bound=msgspec.Struct)


class ControlError(Exception):
    """A control call refused, with words that tell what to mend."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


def read(call: Call, kind: type[Body]) -> Body:
    """A call's JSON body; nothing at all counts as `{}`.

    Raises:
        ControlError: 400 when it is of another shape.
    """
    try:
        return msgspec.json.decode(call.body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise ControlError(400, str(error)) from error


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/users/{email}/mail`: `count` letters, or one given word by word."""

    count: int = 1
    subject: str | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    sender_name: str | None = msgspec.field(default=None, name="from_name")
    body: str | None = None
    shape: Shape | None = None
    thread_id: str | None = None
    labels: tuple[str, ...] | None = None


class Labels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/messages/{id}/labels`; `thread` takes the whole thread along."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    thread: bool = False


class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/messages/{id}/trash` and the like; `thread` takes the whole thread along."""

    thread: bool = False


class Appointment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/users/{email}/events` and `…/{id}/update`.

    `start` and `end` are dates or moments with an offset; `calendar` is an id or `primary`.
    """

    calendar: str = "primary"
    summary: str | None = None
    description: str | None = None
    location: str | None = None
    start: str | None = None
    end: str | None = None
    zone: str | None = None
    recurrence: tuple[str, ...] | None = None


class Instance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/events/{id}/cancel`; with `original` only that instance of a series."""

    calendar: str = "primary"
    original: str | None = None


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/events/{id}/move`: by so many minutes."""

    calendar: str = "primary"
    minutes: int = 60


class NewContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/users/{email}/contacts` and `…/{id}/update`, where null leaves as it is."""

    given: str | None = None
    family: str | None = None
    emails: tuple[str, ...] | None = None
    phones: tuple[str, ...] | None = None
    company: str | None = None
    title: str | None = None
    notes: str | None = None


class OtherContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/contacts/{id}/merge`."""

    other: str


class NewFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/users/{email}/files`.

    `mime_type` is Google's; `parent` a folder's id or `root`; `shared_by` an address, of somebody
    who shares the file with the user. `size` is that of `words` unless given.
    """

    name: str
    mime_type: str = "text/plain"
    parent: str | None = None
    words: str = ""
    size: int | None = None
    shared_by: str | None = None


class FileFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/files/{id}/update`."""

    name: str | None = None
    description: str | None = None
    starred: bool | None = None
    shared: bool | None = None


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/files/{id}/edit`."""

    words: str


class Parent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/files/{id}/move`."""

    parent: str


class Bustle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/users/{email}/bustle`: random changes, the same for the same seed."""

    mail: int = 0
    events: int = 0
    contacts: int = 0
    files: int = 0
    seed: int = 1


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/faults`; see `scp_sandbox.faults.Order`. `count: null` is for ever."""

    kind: Kind
    method: str | None = None
    path: str = ""
    count: int | None = 1
    every: int = 1
    after: int = 0
    status: int = 503
    seconds: float = 0.0
    retry_after: int | None = None
    reason: str | None = None
    item: str | None = None


class Advance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /sandbox/clock`: forward by so many seconds."""

    advance: float = 0.0


class Whose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Orders for one user, or, without `user`, for everybody."""

    user: str | None = None


class Figures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST /sandbox/quotas`: a mode, then figures on top of it; null lifts a limit."""

    mode: Literal["generous", "published"] | None = None
    gmail_units_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    calendar_requests_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    gmail_concurrency: int | msgspec.UnsetType | None = msgspec.UNSET
    people_reads_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    people_full_syncs_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    drive_units_per_minute: int | msgspec.UnsetType | None = msgspec.UNSET
    refusal: Literal["mixed", "403", "429"] | msgspec.UnsetType = msgspec.UNSET
