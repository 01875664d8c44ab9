"""People's page tokens and sync tokens. Pure."""

import msgspec

SYNC_DAYS = 7

Key = tuple[int | str, ...]


class PageToken(msgspec.Struct, frozen=True, array_like=True):
    """Where a page goes on.

    `change` is the book's counter when the first page was given (what the round's sync token will
    say), `since` the counter a sync round started from (None: a full one), `full_at` when the full
    sync began (seconds since the epoch), `after` the last row's key, `query` the bound parameters.
    """

    place: str
    query: str
    change: int
    since: int | None
    full_at: float
    after: Key
    spice: str = "people page"


class SyncToken(msgspec.Struct, frozen=True, array_like=True):
    """Up to which change a book is known, and when the full sync was that it all began with."""

    place: str
    query: str
    change: int
    full_at: float
    spice: str = "people sync"
