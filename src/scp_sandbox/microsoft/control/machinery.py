"""Control of what is in no mailbox: consents, challenges, the secret, delta tokens, limits."""

from typing import Any

import msgspec

from scp_sandbox.call import Call
from scp_sandbox.control.asked import ControlError, read
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.control.asked import Dead, Demand, Enabled, Expired, Figures, Whose
from scp_sandbox.microsoft.graph.errors import GraphError
from scp_sandbox.microsoft.graph.throttle import MODES
from scp_sandbox.microsoft.house import House

_LOST = "The sync state generation is not found; run a full synchronization."


class Machinery:
    """The orders under `/sandbox/outlook/` that are for no single account's items."""

    def __init__(self, house: House) -> None:
        self._house = house

    def expire_tokens(self, call: Call) -> dict[str, Any]:
        """All access tokens given out so far expire; refresh tokens go on."""
        chosen = self._chosen(read(call, Whose).user)
        for account in chosen:
            self._house.office.mint.expire_access(account.oid)
        return {"expired": _emails(chosen)}

    def revoke(self, call: Call) -> dict[str, Any]:
        """Consents are taken back: refresh tokens are refused, access tokens live to their end."""
        chosen = self._chosen(read(call, Whose).user)
        for account in chosen:
            self._house.office.standing.revoke(account)
        return {"revoked": _emails(chosen)}

    def challenge(self, call: Call) -> dict[str, Any]:
        """Graph answers 401 `insufficient_claims` until a refresh carries the claims."""
        chosen = self._chosen(read(call, Whose).user)
        for account in chosen:
            self._house.office.standing.challenge(account)
        return {"challenged": _emails(chosen)}

    def demand(self, call: Call) -> dict[str, Any]:
        """A refresh is answered 50076 until the user signs in anew."""
        asked = read(call, Demand)
        chosen = self._chosen(asked.user)
        for account in chosen:
            self._house.office.standing.demand(account, asked.error if asked.required else None)
        return {"required": asked.required, "users": _emails(chosen)}

    def secret(self, call: Call) -> dict[str, Any]:
        """The client secret is past its end, or good again."""
        expired = read(call, Expired).expired
        self._house.office.standing.secret_expired = expired
        return {"expired": expired}

    def mailbox(self, call: Call) -> dict[str, Any]:
        """Takes an account's Exchange mailbox away, or gives it back."""
        asked = read(call, Enabled)
        chosen = self._chosen(asked.user)
        for account in chosen:
            self._house.estate.of(account).mailbox_enabled = asked.enabled
        return {"enabled": asked.enabled, "users": _emails(chosen)}

    def expire_delta(self, call: Call) -> dict[str, Any]:
        """Delta tokens given out so far die."""
        asked = read(call, Dead)
        if not 400 <= asked.status <= 499:
            raise ControlError(400, "`status` is 400 to 499")
        loss = GraphError(status=asked.status, code=asked.code, message=_LOST)
        usual = asked.code == Dead().code and asked.status == Dead().status
        chosen = self._chosen(asked.user)
        for account in chosen:
            for area in asked.areas:
                self._house.estate.of(account).forget(area, None if usual else loss)
        return {"expired": _emails(chosen), "areas": list(asked.areas)}

    def ledger(self, call: Call) -> dict[str, Any]:
        """Calls per account and method, refusals, tokens; DELETE sets the counts to zero."""
        house = self._house
        if call.method == "DELETE":
            house.throttle.reset()
            house.exchange.counts.clear()
        names = ("refreshes", "access_tokens", "refresh_tokens", "codes_exchanged")
        counts = house.exchange.counts
        return {
            "users": house.throttle.report(),
            **{name: counts[name] for name in (*names, "tokens_refused")},
            "quotas": self._figures(),
        }

    def quotas(self, call: Call) -> dict[str, Any]:
        """The limits in force; POST changes them."""
        if call.method == "POST":
            asked = read(call, Figures)
            if asked.mode:
                self._house.throttle.limits = MODES[asked.mode]
            given = {k: v for k, v in msgspec.structs.asdict(asked).items() if k != "mode"}
            given = {k: v for k, v in given.items() if v is not msgspec.UNSET}
            self._house.throttle.change(**given)
        return self._figures()

    def _figures(self) -> dict[str, Any]:
        limits = self._house.throttle.limits
        return {
            "requests_per_ten_minutes": limits.requests_per_ten_minutes,
            "concurrency": limits.concurrency,
            "drive_units_per_minute": limits.drive_units_per_minute,
        }

    def _chosen(self, email: str | None) -> tuple[Account, ...]:
        if email is None:
            return self._house.office.accounts
        account = self._house.office.by_email(email)
        if account is None:
            names = ", ".join(a.email for a in self._house.office.accounts)
            raise ControlError(404, f"no account {email}; there are {names}")
        return (account,)


def _emails(chosen: tuple[Account, ...]) -> list[str]:
    return [account.email for account in chosen]
