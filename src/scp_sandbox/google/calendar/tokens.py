"""Page tokens and sync tokens: opaque to clients, and good for one calendar only. Pure."""

import hashlib

import msgspec

from scp_sandbox.google.sealing import seal, unseal


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a page goes on.

    `change` is the counter when the first page was given (what the round's sync token will say),
    `since` the counter a sync round started from (None: no sync round), `after` the last row's key,
    `query` a digest of the parameters.
    """

    place: str
    change: int
    since: int | None
    after: tuple[int | str, ...]
    query: str


class SyncToken(msgspec.Struct, frozen=True, array_like=True):
    """Up to which change a calendar is known."""

    place: str
    change: int
    spice: str = "sync"


def digest(*texts: str) -> str:
    """A short name for what a token is bound to."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def sealed(token: PageToken | SyncToken) -> str:
    """A token as text."""
    return seal(token)


def page_token(text: str) -> PageToken | None:
    """Reads a page token; None when it is none."""
    return unseal(text, PageToken)


def sync_token(text: str) -> SyncToken | None:
    """Reads a sync token; None when it is none."""
    token = unseal(text, SyncToken)
    return token if token is not None and token.spice == "sync" else None
