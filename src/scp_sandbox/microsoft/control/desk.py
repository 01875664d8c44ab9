"""The control API's routes for the sandboxed Microsoft; `scp_sandbox.control.desk` serves them."""

import re
from collections.abc import Callable
from typing import Any

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.control.machinery import Machinery
from scp_sandbox.microsoft.control.mail import MailControl
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
        self._machinery = Machinery(house)

    def rooms(self) -> tuple[Row, ...]:
        """HTTP methods, path and room of each verb."""
        return (*self._general(), *self._of_mail())

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
            **self._house.office.standing.report(account),
        }
