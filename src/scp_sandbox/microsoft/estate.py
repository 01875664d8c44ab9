"""Everything Microsoft holds about the sandbox's accounts, made when first asked for."""

from dataclasses import dataclass
from typing import Literal

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.calendar.ids import EventIds
from scp_sandbox.microsoft.calendar.store import Calendar
from scp_sandbox.microsoft.contacts.book import Contacts
from scp_sandbox.microsoft.drive.files import Files
from scp_sandbox.microsoft.graph.errors import GraphError
from scp_sandbox.microsoft.mail.box import Box

Area = Literal["mail", "calendar", "contacts", "drive"]
AREAS: tuple[Area, ...] = ("mail", "calendar", "contacts", "drive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much each account has at first."""

    seed: int
    messages: int
    events: int
    contacts: int
    files: int


@dataclass(slots=True)
class Holding:
    """What one account has."""

    account: Account
    box: Box
    calendar: Calendar
    contacts: Contacts
    files: Files
    mailbox_enabled: bool = True

    def forget(self, area: Area, loss: GraphError | None = None) -> None:
        """Lets every delta token of an area die, to be refused with `loss` (410 when None)."""
        match area:
            case "mail":
                self.box.forget_changes(loss)
            case "calendar":
                self.calendar.forget_changes(loss)
            case "contacts":
                self.contacts.forget_changes(loss)
            case "drive":
                self.files.forget_changes(loss)

    def remove(self, identity: str) -> bool:
        """Deletes an item for good by its id, whatever it is; False when it is none of these."""
        if mail := self.box.found(identity):
            self.box.delete(mail.core)
            return True
        if contact := self.contacts.found(identity):
            self.contacts.book.delete(contact.id)
            return True
        name = EventIds(self.account.email).read(identity)
        if name is not None and self.calendar.get(name):
            self.calendar.delete(name)
            return True
        node = self.files.found(identity)
        if node is None or node.parent is None:
            return False
        self.files.drive.delete(node.id)
        return True


class Estate:
    """The holdings of all accounts."""

    def __init__(self, sizes: Sizes, clock: Clock) -> None:
        self.clock = clock
        self._sizes = sizes
        self._holdings: dict[str, Holding] = {}

    def of(self, account: Account) -> Holding:
        """What an account has."""
        found = self._holdings.get(account.oid)
        if found is None:
            sizes, user = self._sizes, account.user
            found = Holding(
                account=account,
                box=Box(user, seed=sizes.seed, visible=sizes.messages, clock=self.clock),
                calendar=Calendar(user, seed=sizes.seed, visible=sizes.events, clock=self.clock),
                contacts=Contacts(user, seed=sizes.seed, count=sizes.contacts, clock=self.clock),
                files=Files(account, seed=sizes.seed, count=sizes.files, clock=self.clock),
            )
            self._holdings[account.oid] = found
        return found
