"""What all rooms of the identity platform share."""

from dataclasses import dataclass

from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.accounts import ACCOUNTS, Account
from scp_sandbox.microsoft.identity.codes import Codes
from scp_sandbox.microsoft.identity.documents import Documents
from scp_sandbox.microsoft.identity.standing import Standing
from scp_sandbox.microsoft.identity.tokens import TokenMint
from scp_sandbox.oauth.clients import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The client registered here, and all that is known of accounts, codes and tokens."""

    client: Client
    mint: TokenMint
    codes: Codes
    standing: Standing
    documents: Documents
    clock: Clock
    accounts: tuple[Account, ...] = ACCOUNTS

    def by_email(self, email: str) -> Account | None:
        """The account of this address, whatever its case."""
        wanted = email.lower()
        return next((a for a in self.accounts if a.email == wanted), None)

    def by_oid(self, oid: str) -> Account | None:
        """The account of this object id."""
        return next((a for a in self.accounts if a.oid == oid), None)


def open_office(*, client: Client, key: bytes, clock: Clock, lifetime: int) -> Office:
    """An office with nobody's consent in it yet."""
    mint = TokenMint(key=key, clock=clock, lifetime=lifetime)
    return Office(
        client=client,
        mint=mint,
        codes=Codes(clock),
        standing=Standing(mint),
        documents=Documents(clock),
        clock=clock,
    )
