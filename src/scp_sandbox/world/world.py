"""The whole world: its users and what each of them has, made when first asked for."""

import hashlib

from scp_sandbox.clock import Clock
from scp_sandbox.world.addressbook import AddressBook
from scp_sandbox.world.diary import Diary, DiaryCard
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.people import USERS, User


class World:
    """Holds everything that the providers would hold about the sandbox's users."""

    def __init__(
        self,
        *,
        seed: int,
        messages: int,
        events: int,
        clock: Clock,
        contacts: int = 200,
        files: int = 400,
    ) -> None:
        self.clock = clock
        self._seed = seed
        self._messages = messages
        self._events = events
        self._contacts = contacts
        self._files = files
        self._users = {user.email: user for user in USERS}
        self._by_sub = {user.sub: user for user in USERS}
        self._mailboxes: dict[str, Mailbox] = {}
        self._diaries: dict[str, dict[str, Diary]] = {}
        self._list_epochs: dict[str, int] = {}
        self._books: dict[str, AddressBook] = {}
        self._drives: dict[str, Drive] = {}

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody who has an account."""
        return tuple(self._users.values())

    def user(self, email: str) -> User | None:
        """The user with this address, whatever its case."""
        return self._users.get(email.lower())

    def user_by_sub(self, sub: str) -> User | None:
        """The user with this account number."""
        return self._by_sub.get(sub)

    def mailbox(self, user: User) -> Mailbox:
        """The user's mailbox."""
        found = self._mailboxes.get(user.email)
        if found is None:
            found = Mailbox(user, seed=self._seed, visible=self._messages, clock=self.clock)
            self._mailboxes[user.email] = found
        return found

    def diaries(self, user: User) -> dict[str, Diary]:
        """The user's calendars by id, the primary one first."""
        found = self._diaries.get(user.email)
        if found is None:
            found = {card.id: self._diary(user, card) for card in _cards(user)}
            self._diaries[user.email] = found
        return found

    def diary(self, user: User, calendar_id: str) -> Diary | None:
        """The user's calendar of this id; `primary` is the user's own."""
        wanted = user.email if calendar_id == "primary" else calendar_id
        return self.diaries(user).get(wanted)

    def addressbook(self, user: User) -> AddressBook:
        """The user's contacts, the same at every provider."""
        found = self._books.get(user.email)
        if found is None:
            found = AddressBook(user, seed=self._seed, count=self._contacts, clock=self.clock)
            self._books[user.email] = found
        return found

    def drive(self, user: User) -> Drive:
        """The user's files, the same at every provider."""
        found = self._drives.get(user.email)
        if found is None:
            found = Drive(user, seed=self._seed, count=self._files, clock=self.clock)
            self._drives[user.email] = found
        return found

    def list_epoch(self, user: User) -> int:
        """Which life the user's calendar list is in; its sync tokens die with it."""
        return self._list_epochs.get(user.email, 1)

    def forget_calendar_changes(self, user: User) -> None:
        """Lets all of a user's calendar sync tokens die."""
        self._list_epochs[user.email] = self.list_epoch(user) + 1
        for diary in self.diaries(user).values():
            diary.forget_changes()

    def _diary(self, user: User, card: DiaryCard) -> Diary:
        # Two thirds of the items are the user's own, the rest the team's.
        own = self._events - self._events // 3
        visible = own if card.primary else self._events // 3
        return Diary(user, card, seed=self._seed, visible=visible, clock=self.clock)


def _cards(user: User) -> tuple[DiaryCard, ...]:
    digest = hashlib.sha256(f"team/{user.sub}".encode()).hexdigest()
    team = f"c_{digest}@group.calendar.sandbox.example"
    return (
        DiaryCard(id=user.email, summary=user.email, zone=user.zone, primary=True),
        DiaryCard(
            id=team, summary="Tidewater team", zone="Europe/Berlin", primary=False, access="writer"
        ),
    )
