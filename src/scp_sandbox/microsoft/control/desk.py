"""The control API's routes for the sandboxed Microsoft; `scp_sandbox.control.desk` serves them."""

import random
import re
from collections.abc import Callable
from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, read
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.control.asked import Bustle
from scp_sandbox.microsoft.control.bustle import (
    contact_change,
    event_change,
    file_change,
    mail_change,
)
from scp_sandbox.microsoft.control.cards import ContactControl, FileControl
from scp_sandbox.microsoft.control.diaries import DiaryControl
from scp_sandbox.microsoft.control.machinery import Machinery
from scp_sandbox.microsoft.control.mail import MOST_AT_ONCE, MailControl
from scp_sandbox.microsoft.estate import Holding
from scp_sandbox.microsoft.house import House
from scp_sandbox.microsoft.mail.arrivals import PostRoom

Room = Callable[[Call, re.Match[str]], Any]
Row = tuple[str, str, Room]

_TOP = "/sandbox/outlook"
_USER = f"{_TOP}/(?P<email>[^/]+@[^/]+)"


class OutlookControl:
    """The rooms under `/sandbox/outlook`."""

    def __init__(self, house: House, seed: int) -> None:
        self._house = house
        self._post = PostRoom(seed, house.estate.clock)
        self._mail = MailControl(self._post)
        self._diary = DiaryControl()
        self._cards = ContactControl()
        self._files = FileControl()
        self._machinery = Machinery(house)

    def rooms(self) -> tuple[Row, ...]:
        """HTTP methods, path and room of each verb."""
        return (*self._general(), *self._of_mail(), *self._of_others())

    def _general(self) -> tuple[Row, ...]:
        m = self._machinery
        return (
            ("GET", _TOP, lambda _, __: self._state()),
            ("POST", f"{_TOP}/tokens/expire", lambda c, _: m.expire_tokens(c)),
            ("POST", f"{_TOP}/consent/revoke", lambda c, _: m.revoke(c)),
            ("POST", f"{_TOP}/challenge", lambda c, _: m.challenge(c)),
            ("POST", f"{_TOP}/mfa", lambda c, _: m.demand(c)),
            ("POST", f"{_TOP}/secret", lambda c, _: m.secret(c)),
            ("POST", f"{_TOP}/mailbox", lambda c, _: m.mailbox(c)),
            ("POST", f"{_TOP}/delta/expire", lambda c, _: m.expire_delta(c)),
            ("GET|DELETE", f"{_TOP}/ledger", lambda c, _: m.ledger(c)),
            ("GET|POST", f"{_TOP}/quotas", lambda c, _: m.quotas(c)),
        )

    def _of_mail(self) -> tuple[Row, ...]:
        mail, of = self._mail, self._holding
        message = f"{_USER}/messages/(?P<id>[^/]+)/(?P<verb>move|mark|categorise|bin|delete)"
        folder = f"{_USER}/folders/(?P<id>[^/]+)/(?P<verb>rename|delete)"
        return (
            ("GET", f"{_USER}/messages", lambda c, m: mail.list(of(m), c)),
            ("POST", f"{_USER}/mail", lambda c, m: mail.deliver(of(m), c)),
            ("POST", message, lambda c, m: mail.act(of(m), c, m["id"], m["verb"])),
            ("GET", f"{_USER}/folders", lambda c, m: mail.folders(of(m), c)),
            ("POST", f"{_USER}/folders", lambda c, m: mail.add_folder(of(m), c)),
            ("POST", folder, lambda c, m: mail.act_on_folder(of(m), c, m["id"], m["verb"])),
        )

    def _of_others(self) -> tuple[Row, ...]:
        diary, cards, files, of = self._diary, self._cards, self._files, self._holding
        event = f"{_USER}/events/(?P<id>[^/]+)/(?P<verb>update|move|delete)"
        card = f"{_USER}/contacts/(?P<id>[^/]+)/(?P<verb>update|delete)"
        file = f"{_USER}/files/(?P<id>[^/]+)/(?P<verb>update|move|trash|delete)"
        return (
            ("GET", f"{_USER}/events", lambda c, m: diary.list(of(m), c)),
            ("POST", f"{_USER}/events", lambda c, m: diary.create(of(m), c)),
            ("POST", event, lambda c, m: diary.act(of(m), c, m["id"], m["verb"])),
            ("GET", f"{_USER}/contacts", lambda c, m: cards.list(of(m), c)),
            ("POST", f"{_USER}/contacts", lambda c, m: cards.create(of(m), c)),
            ("POST", card, lambda c, m: cards.act(of(m), c, m["id"], m["verb"])),
            ("GET", f"{_USER}/files", lambda c, m: files.list(of(m), c)),
            ("POST", f"{_USER}/files", lambda c, m: files.create(of(m), c)),
            ("POST", file, lambda c, m: files.act(of(m), c, m["id"], m["verb"])),
            ("POST", f"{_USER}/bustle", lambda c, m: self._bustle(of(m), c)),
        )

    def _bustle(self, holding: Holding, call: Call) -> dict[str, Any]:
        asked = read(call, Bustle)
        wanted = (asked.mail, asked.events, asked.contacts, asked.files)
        if not all(0 <= number <= MOST_AT_ONCE for number in wanted):
            raise ControlError(400, f"each number is 0 to {MOST_AT_ONCE}")
        rng = random.Random(asked.seed)  # noqa: S311
        done = [mail_change(rng, holding.box, self._post) for _ in range(asked.mail)]
        done += [event_change(rng, holding) for _ in range(asked.events)]
        done += [contact_change(rng, holding.contacts.book) for _ in range(asked.contacts)]
        done += [file_change(rng, holding.files.drive) for _ in range(asked.files)]
        return {"done": done}

    def _account(self, found: re.Match[str]) -> Account:
        account = self._house.office.by_email(found["email"])
        if account is None:
            names = ", ".join(a.email for a in self._house.office.accounts)
            raise ControlError(404, f"no account {found['email']}; there are {names}")
        return account

    def _holding(self, found: re.Match[str]) -> Holding:
        return self._house.estate.of(self._account(found))

    def _state(self) -> dict[str, Any]:
        return {
            "now": self._house.estate.clock.now(),
            "users": [self._summary(account) for account in self._house.office.accounts],
        }

    def _summary(self, account: Account) -> dict[str, Any]:
        holding = self._house.estate.of(account)
        return {
            "email": account.email,
            "name": account.name,
            "oid": account.oid,
            "tid": account.tid,
            "sub": account.user.sub,
            "personal": account.personal,
            "messages": len(holding.box),
            "folders": len(holding.box.folders()),
            "events": len(list(holding.calendar)),
            "contacts": len(holding.contacts.book),
            "files": sum(
                holding.files.stands(n) and holding.files.own(n) for n in holding.files.drive
            ),
            **self._house.office.standing.report(account),
        }
