"""Routes control calls. Loopback only, and never for a web page of another origin."""

import random
import re
from collections.abc import Callable
from typing import Any

import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.control.asked import Bustle, ControlError, read
from scp_sandbox.control.diaries import DiaryControl
from scp_sandbox.control.machinery import Machinery
from scp_sandbox.control.mail import MOST_AT_ONCE, MailControl
from scp_sandbox.oauth.clients import LOOPBACK
from scp_sandbox.world.arrivals import PostOffice
from scp_sandbox.world.bustle import event_change, mail_change
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

Room = Callable[[Call, re.Match[str]], Any]
_USER = "/sandbox/users/(?P<email>[^/]+)"


class ControlDesk:
    """Answers everything under `/sandbox/`."""

    def __init__(self, *, world: World, machinery: Machinery, post: PostOffice) -> None:
        self._world = world
        self._post = post
        self._mail = MailControl(world, post)
        self._diaries = DiaryControl(world)
        self._rooms = [
            (http.split("|"), re.compile(path), room)
            for http, path, room in (*self._general(machinery), *self._of_users())
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
        }

    def _bustle(self, user: User, call: Call) -> dict[str, Any]:
        asked = read(call, Bustle)
        if not (0 <= asked.mail <= MOST_AT_ONCE and 0 <= asked.events <= MOST_AT_ONCE):
            raise ControlError(400, f"`mail` and `events` are 0 to {MOST_AT_ONCE}")
        rng = random.Random(asked.seed)  # noqa: S311
        mailbox, now = self._world.mailbox(user), self._world.clock.now_ms()
        done = [mail_change(rng, mailbox, self._post, now) for _ in range(asked.mail)]
        done += [event_change(rng, self._world, user) for _ in range(asked.events)]
        return {"done": done}
