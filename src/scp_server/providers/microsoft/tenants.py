"""Tenants: whose accounts a configured tenant admits, and what their issuer is called."""

import re
from dataclasses import dataclass
from typing import Final

CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The directory of all personal accounts: a constant that Microsoft publishes."""
SHARED: Final = frozenset({"common", "organizations", "consumers"})
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLACES: Final = ("{tenant}", "{tenantid}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """`tenant` is common, organizations, consumers, or a directory's id.

    `issuer` is what ID tokens name; `{tenant}` (Microsoft's metadata spells it `{tenantid}`)
    stands for the directory that the user signed in to, which each token names in `tid`.
    """

    tenant: str
    issuer: str

    def admits(self, tid: str) -> bool:
        """Whether accounts of this directory may consent here."""
        if not _ID.fullmatch(tid):
            return False
        match self.tenant.lower():
            case "common":
                return True
            case "organizations":
                return tid != CONSUMERS
            case "consumers":
                return tid == CONSUMERS
            case fixed:
                return tid == fixed

    def issuer_of(self, tid: str) -> str:
        """The issuer of a directory's tokens."""
        return filled(self.issuer, tid)

    def expects(self, issuer: str) -> bool:
        """Whether this is the issuer of a directory that is admitted, to the letter."""
        return any(
            self.admits(tid) and issuer == self.issuer_of(tid) for tid in _ID.findall(issuer)
        )

    def at(self, address: str) -> str:
        """An address of the configured tenant."""
        return filled(address, self.tenant)


def filled(text: str, tenant: str) -> str:
    """The text with a tenant where its place is."""
    for place in _PLACES:
        text = text.replace(place, tenant)
    return text
