"""Control of what is not the world: faults, quotas, the clock, tokens, grants, dead positions."""

import re
from dataclasses import asdict
from typing import Any

import msgspec

from scp_sandbox.call import Call
from scp_sandbox.control.asked import Advance, ControlError, Fault, Figures, Whose, read
from scp_sandbox.faults import FaultBook, Order
from scp_sandbox.google.push.board import Board
from scp_sandbox.oauth.revocation import Revocation
from scp_sandbox.quota import MODES, Ledger
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World


class Machinery:
    """The orders under `/sandbox/` that are for no single user's items."""

    def __init__(
        self,
        *,
        world: World,
        revocation: Revocation,
        ledger: Ledger,
        faults: FaultBook,
        board: Board,
    ) -> None:
        self._world = world
        self._revocation = revocation
        self._ledger = ledger
        self._faults = faults
        self._board = board

    def place_fault(self, call: Call) -> dict[str, Any]:
        """Orders a fault; returns its number."""
        asked = read(call, Fault)
        if asked.every < 1 or asked.after < 0 or (asked.count is not None and asked.count < 1):
            raise ControlError(400, "`every` and `count` are at least 1, `after` at least 0")
        if not 400 <= asked.status <= 599 or not 0 <= asked.seconds <= 600:
            raise ControlError(400, "`status` is 400 to 599, `seconds` 0 to 600")
        try:
            path = re.compile(asked.path)
        except re.error as error:
            raise ControlError(400, f"`path` is no regular expression: {error}") from error
        fields = {**msgspec.structs.asdict(asked), "path": path}
        return {"id": self._faults.place(Order(**fields))}

    def faults(self, _: Call) -> dict[str, Any]:
        """The standing orders."""
        return {"faults": self._faults.report()}

    def clear_faults(self, _: Call) -> dict[str, Any]:
        """Drops all orders."""
        self._faults.clear()
        return {"faults": []}

    def clock(self, call: Call) -> dict[str, Any]:
        """Tells the time, and on POST turns the clock forward."""
        if call.method == "POST":
            try:
                self._world.clock.advance(read(call, Advance).advance)
            except ValueError as error:
                raise ControlError(400, str(error)) from error
        return {"now": self._world.clock.now(), "offset": self._world.clock.offset}

    def expire_tokens(self, call: Call) -> dict[str, Any]:
        """All access tokens given out so far expire; refresh tokens go on."""
        user = self._user(read(call, Whose).user)
        self._revocation.expire(user)
        return {"expired": user.email if user else "all"}

    def revoke_grants(self, call: Call) -> dict[str, Any]:
        """Grants are gone as if the user had taken them back."""
        user = self._user(read(call, Whose).user)
        self._revocation.revoke(user)
        return {"revoked": user.email if user else "all"}

    def expire_history(self, call: Call) -> dict[str, Any]:
        """Every Gmail history id given out so far is answered 404."""
        chosen = self._chosen(call)
        for user in chosen:
            self._world.mailbox(user).forget_history()
        return {"expired": [user.email for user in chosen]}

    def expire_sync_tokens(self, call: Call) -> dict[str, Any]:
        """Every sync token of calendars (410) and contacts (400) given out so far is dead."""
        chosen = self._chosen(call)
        for user in chosen:
            self._world.forget_calendar_changes(user)
            self._world.addressbook(user).forget_changes()
        return {"expired": [user.email for user in chosen]}

    def channels(self, _: Call) -> dict[str, Any]:
        """Google's watches that stand; nothing is sent to their addresses."""
        return {"channels": [asdict(channel) for channel in self._board.living()]}

    def ledger(self, call: Call) -> dict[str, Any]:
        """Calls per user and method, refusals, tokens; DELETE sets the counts to zero."""
        if call.method == "DELETE":
            self._ledger.reset()
        counts = self._ledger.counts
        names = ("refreshes", "access_tokens", "refresh_tokens", "codes_exchanged", "revocations")
        return {
            "users": self._ledger.report(),
            **{name: counts[name] for name in (*names, "tokens_refused")},
            "quotas": self._figures(),
        }

    def quotas(self, call: Call) -> dict[str, Any]:
        """The limits in force; POST changes them."""
        if call.method == "POST":
            asked = read(call, Figures)
            if asked.mode:
                self._ledger.quotas = MODES[asked.mode]
            given = {k: v for k, v in msgspec.structs.asdict(asked).items() if k != "mode"}
            given = {k: v for k, v in given.items() if v is not msgspec.UNSET}
            self._ledger.change(**given)
        return self._figures()

    def _figures(self) -> dict[str, Any]:
        return asdict(self._ledger.quotas)

    def _chosen(self, call: Call) -> tuple[User, ...]:
        user = self._user(read(call, Whose).user)
        return (user,) if user else self._world.users

    def _user(self, email: str | None) -> User | None:
        if email is None:
            return None
        user = self._world.user(email)
        if user is None:
            raise ControlError(404, f"no user {email}")
        return user
