"""Routes control calls. Loopback only, and never for a web page of another origin."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.control.asked import Bustle, ControlError, read
from scp_sandbox.control.contacts import ContactControl
from scp_sandbox.control.diaries import DiaryControl
from scp_sandbox.control.files import FileControl
from scp_sandbox.control.machinery import Machinery
from scp_sandbox.control.mail import MOST_AT_ONCE, MailControl
from scp_sandbox.oauth.clients import LOOPBACK
from scp_sandbox.world.arrivals import PostOffice
from scp_sandbox.world.bustle import contact_change, event_change, file_change, mail_change
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

Room = Callable[[Call, re.Match[str]], Any]
_USER = "/sandbox/users/(?P<email>[^/]+)"


class ControlDesk:
    """Answers everything under `/sandbox/`."""

    def __init__(
        self,
        *,
        world: World,
        machinery: Machinery,
        post: PostOffice,
        more: Sequence[tuple[str, str, Room]] = (),
    ) -> None:
        self._world = world
        self._post = post
        self._mail = MailControl(world, post)
        self._diaries = DiaryControl(world)
        self._rooms = [
            (http.split("|"), re.compile(path), room)
            for http, path, room in (
                *self._general(machinery),
                *self._of_users(),
                *self._of_contacts(),
                *self._of_files(),
                *more,
            )
        ]

    async def answer(self, call: Call) -> Reply:
        """The reply to one call: JSON, or `{"error": words}`."""
        try:
            self._check(call)
            return Reply(body=msgspec.json.encode(self._found(call)))
        except ControlError as error:
            body = msgspec.json.encode({"error": error.words})
            return Reply(status=error.status, body=body)

    def _general(self, machinery: Machinery) -> tuple[tuple[str, str, Room], ...]:
        m = machinery
        return (
            ("GET", "/sandbox/state", lambda _, __: self._state()),
            ("POST", "/sandbox/faults", lambda c, _: m.place_fault(c)),
            ("GET", "/sandbox/faults", lambda c, _: m.faults(c)),
            ("DELETE", "/sandbox/faults", lambda c, _: m.clear_faults(c)),
            ("GET|POST", "/sandbox/clock", lambda c, _: m.clock(c)),
            ("POST", "/sandbox/tokens/expire", lambda c, _: m.expire_tokens(c)),
            ("POST", "/sandbox/grants/revoke", lambda c, _: m.revoke_grants(c)),
            ("POST", "/sandbox/history/expire", lambda c, _: m.expire_history(c)),
            ("POST", "/sandbox/sync_tokens/expire", lambda c, _: m.expire_sync_tokens(c)),
            ("GET", "/sandbox/channels", lambda c, _: m.channels(c)),
            ("GET|DELETE", "/sandbox/ledger", lambda c, _: m.ledger(c)),
            ("GET|POST", "/sandbox/quotas", lambda c, _: m.quotas(c)),
        )

    def _of_users(self) -> tuple[tuple[str, str, Room], ...]:
        mail, diaries, user = self._mail, self._diaries, self._user
        message = f"{_USER}/messages/(?P<id>[^/]+)"
        event = f"{_USER}/events/(?P<id>[^/]+)"
        verbs = "(?P<verb>trash|untrash|delete|read|unread)"
        return (
            ("GET", f"{_USER}/messages", lambda c, m: mail.list(user(m), c)),
            ("POST", f"{_USER}/mail", lambda c, m: mail.deliver(user(m), c)),
            ("POST", f"{message}/labels", lambda c, m: mail.relabel(user(m), c, m["id"])),
            ("POST", f"{message}/{verbs}", lambda c, m: mail.act(user(m), c, m["id"], m["verb"])),
            ("GET", f"{_USER}/events", lambda c, m: diaries.list(user(m), c)),
            ("POST", f"{_USER}/events", lambda c, m: diaries.create(user(m), c)),
            ("POST", f"{event}/update", lambda c, m: diaries.update(user(m), c, m["id"])),
            ("POST", f"{event}/move", lambda c, m: diaries.move(user(m), c, m["id"])),
            ("POST", f"{event}/cancel", lambda c, m: diaries.cancel(user(m), c, m["id"])),
            ("POST", f"{_USER}/bustle", lambda c, m: self._bustle(user(m), c)),
        )

    def _of_contacts(self) -> tuple[tuple[str, str, Room], ...]:
        book, user = ContactControl(self._world), self._user
        one = f"{_USER}/contacts/(?P<id>[^/]+)"
        return (
            ("GET", f"{_USER}/contacts", lambda _, m: book.list(user(m))),
            ("POST", f"{_USER}/contacts", lambda c, m: book.create(user(m), c)),
            ("POST", f"{one}/update", lambda c, m: book.update(user(m), c, m["id"])),
            ("POST", f"{one}/delete", lambda _, m: book.delete(user(m), m["id"])),
            ("POST", f"{one}/merge", lambda c, m: book.merge(user(m), c, m["id"])),
            ("POST", f"{one}/rename", lambda _, m: book.rename(user(m), m["id"])),
        )

    def _of_files(self) -> tuple[tuple[str, str, Room], ...]:
        drive, user = FileControl(self._world), self._user
        one = f"{_USER}/files/(?P<id>[^/]+)"
        verbs = "(?P<verb>trash|untrash|delete)"
        return (
            ("GET", f"{_USER}/files", lambda c, m: drive.list(user(m), c)),
            ("POST", f"{_USER}/files", lambda c, m: drive.create(user(m), c)),
            ("POST", f"{one}/update", lambda c, m: drive.update(user(m), c, m["id"])),
            ("POST", f"{one}/edit", lambda c, m: drive.edit(user(m), c, m["id"])),
            ("POST", f"{one}/move", lambda c, m: drive.move(user(m), c, m["id"])),
            ("POST", f"{one}/{verbs}", lambda _, m: drive.act(user(m), m["id"], m["verb"])),
        )

    def _check(self, call: Call) -> None:
        # A page in a browser on this machine is a loopback caller too: its Origin gives it away.
        if call.peer is not None and call.peer not in LOOPBACK:
            raise ControlError(403, "the control API is for this machine only")
        if call.headers.get("origin", call.base) != call.base:
            raise ControlError(403, "the control API is not for other web pages")

    def _found(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        known = False
        for verbs, path, room in self._rooms:
            if found := path.fullmatch(call.path):
                known = True
                if call.method in verbs:
                    return room(call, found)
        raise ControlError(405 if known else 404, f"there is no {call.method} {call.path}")

    def _user(self, found: re.Match[str]) -> User:
        user = self._world.user(found["email"])
        if user is None:
            names = ", ".join(u.email for u in self._world.users)
            raise ControlError(404, f"no user {found['email']}; there are {names}")
        return user

    def _state(self) -> dict[str, Any]:
        return {
            "now": self._world.clock.now(),
            "users": [self._summary(user) for user in self._world.users],
        }

    def _summary(self, user: User) -> dict[str, Any]:
        mailbox = self._world.mailbox(user)
        hidden = ("SPAM", "TRASH")
        listed = sum(not any(h in m.labels for h in hidden) for m in mailbox.newest_first())
        diaries = self._world.diaries(user)
        events = DiaryControl(self._world).list(user, Call(method="GET", path=""))["calendars"]
        return {
            "email": user.email,
            "name": user.person.name,
            "sub": user.sub,
            "messages": listed,
            "messages_total": len(mailbox),
            "threads_total": mailbox.thread_count,
            "history_id": str(mailbox.history_id),
            "calendars": list(diaries),
            "events": sum(map(len, events.values())),
            "contacts": len(self._world.addressbook(user)),
            "files": len(self._world.drive(user)),
        }

    def _bustle(self, user: User, call: Call) -> dict[str, Any]:
        asked = read(call, Bustle)
        counts = (asked.mail, asked.events, asked.contacts, asked.files)
        if not all(0 <= count <= MOST_AT_ONCE for count in counts):
            words = f"`mail`, `events`, `contacts` and `files` are 0 to {MOST_AT_ONCE}"
            raise ControlError(400, words)
        rng = random.Random(asked.seed)  # noqa: S311
        world = self._world
        mailbox, now = world.mailbox(user), world.clock.now_ms()
        done = [mail_change(rng, mailbox, self._post, now) for _ in range(asked.mail)]
        done += [event_change(rng, world, user) for _ in range(asked.events)]
        done += [contact_change(rng, world.addressbook(user)) for _ in range(asked.contacts)]
        done += [file_change(rng, world.drive(user)) for _ in range(asked.files)]
        return {"done": done}
