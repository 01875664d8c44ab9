"""The Microsoft accounts of the sandbox: two at work in one tenant, one personal."""

from dataclasses import dataclass, replace

from scp_sandbox.world.people import USERS, User

# The tenant in which Microsoft keeps all personal accounts: a published constant.
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
TENANT = "5f0c9a7e-2b41-4d3a-9c58-1e7d60b8a342"
DOMAIN = "outlook.sandbox.example"

_WORK = (
    (
        "3b9d2c61-7e04-4f1c-8a35-60d1f9c2e7b4",
        "AqL2w8Vd0mC5tYkR1sXhJf7uBz3NpGe9QoEiKa4lTyM",
        TENANT,
    ),
    (
        "c84f17a0-95d3-4e62-b1f8-2a7730e5d96c",
        "Jr5TnZ1xUeWq8bDs0vGy6hKcL3mPaOf2RiVtXj9wE7Q",
        TENANT,
    ),
    (
        "00000000-0000-0000-7a31-c05e94d2b86f",
        "AAAAAAAAAAAAAAAAAAAAAK3fPz8uWm1YcVxR6tHsLbE",
        CONSUMERS,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody with a mailbox and a drive at Microsoft.

    `user.sub` is the pairwise subject that the sandbox's client sees; `oid` the account's id
    within its tenant `tid`. The same person has another account at the sandboxed Google, with
    other mail in it.
    """

    user: User
    oid: str
    tid: str

    @property
    def email(self) -> str:
        """The address, which is also the user principal name."""
        return self.user.email

    @property
    def name(self) -> str:
        """The display name."""
        return self.user.person.name

    @property
    def personal(self) -> bool:
        """Whether it is a personal account (`consumers`)."""
        return self.tid == CONSUMERS

    def lives_in(self, tenant: str) -> bool:
        """Whether it can sign in at this tenant's address."""
        match tenant.lower():
            case "common":
                return True
            case "organizations":
                return not self.personal
            case "consumers":
                return self.personal
            case other:
                return other in (self.tid, *(() if self.personal else (DOMAIN,)))


def _account(user: User, oid: str, sub: str, tid: str) -> Account:
    local = user.email.partition("@")[0]
    person = replace(user.person, email=f"{local}@{DOMAIN}")
    return Account(user=User(person=person, sub=sub, zone=user.zone), oid=oid, tid=tid)


ACCOUNTS = tuple(
    _account(user, oid, sub, tid) for user, (oid, sub, tid) in zip(USERS, _WORK, strict=True)
)


def tenant_known(tenant: str) -> bool:
    """Whether anybody could live in a tenant of this name."""
    shared = ("common", "organizations", "consumers")
    return tenant.lower() in (*shared, TENANT, CONSUMERS, DOMAIN)
