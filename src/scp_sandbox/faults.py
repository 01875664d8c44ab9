"""Faults on order: which calls go wrong, how, and how often. Pure but for its own counting."""

import re
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What goes wrong.

    STATUS answers with the provider's own refusal of that status. LATENCY waits, then goes on.
    RESET closes the connection without an answer, TRUNCATE in the middle of the body. HTML is a
    page with status 200, BROKEN_JSON half a document, WRONG_JSON a document of another shape.
    DUPLICATE repeats items of a list, GONE deletes a listed item for good right after listing it,
    NAMELESS takes an item's id from wherever it is sent.
    The last four change the world before the call is looked at: the caller's tokens, grant, history
    or sync tokens (at the token endpoint, where nobody is known yet, everybody's).
    """

    STATUS = "status"
    LATENCY = "latency"
    RESET = "reset"
    TRUNCATE = "truncate"
    HTML = "html"
    BROKEN_JSON = "broken_json"
    WRONG_JSON = "wrong_json"
    DUPLICATE = "duplicate"
    GONE = "gone"
    NAMELESS = "nameless"
    EXPIRE_TOKENS = "expire_tokens"
    REVOKE_GRANTS = "revoke_grants"
    DEAD_HISTORY = "dead_history"
    DEAD_SYNC_TOKENS = "dead_sync_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order.

    Args:
        kind: what goes wrong.
        method: the HTTP method it is for; None for any.
        path: searched for within the path (not the query).
        count: how many times it strikes; None for ever.
        every: strikes at every n-th call that fits.
        after: how many fitting calls pass unharmed first.
        status: for STATUS.
        seconds: for LATENCY.
        retry_after: adds a `Retry-After` header to STATUS, which Google normally does not send.
        reason: `errors[].reason` for STATUS; None takes the usual one of that status.
        item: the id of the item, for NAMELESS.
    """

    kind: Kind
    method: str | None = None
    path: re.Pattern[str] = re.compile("")
    count: int | None = 1
    every: int = 1
    after: int = 0
    status: int = 503
    seconds: float = 0.0
    retry_after: int | None = None
    reason: str | None = None
    item: str | None = None

    def fits(self, method: str, path: str) -> bool:
        """Whether a call is of the kind this order is for."""
        return self.method in (None, method) and self.path.search(path) is not None


@dataclass(slots=True)
class _Standing:
    order: Order
    seen: int = 0
    struck: int = 0


def without_id(body: bytes, item: str | None) -> bytes:
    """An answer's JSON in which every object that has this id no longer has it."""
    return msgspec.json.encode(_nameless(msgspec.json.decode(body), item)) if body else body


def _nameless(value: object, item: str | None) -> object:
    if isinstance(value, list):
        return [_nameless(inner, item) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _nameless(inner, item)
        for key, inner in value.items()
        if inner != item or key not in ("id", "resourceName", "fileId")
    }


class FaultBook:
    """The orders that stand, and how often each has struck."""

    def __init__(self) -> None:
        self._standing: dict[int, _Standing] = {}
        self._next = 1

    def place(self, order: Order) -> int:
        """Takes an order; returns its number."""
        number = self._next
        self._next += 1
        self._standing[number] = _Standing(order)
        return number

    def clear(self) -> None:
        """Drops all orders."""
        self._standing.clear()

    def strike(self, method: str, path: str) -> tuple[Order, ...]:
        """The orders that strike this call; those used up are dropped."""
        if not self._standing:
            return ()
        struck = []
        for number, standing in list(self._standing.items()):
            order = standing.order
            if not order.fits(method, path):
                continue
            standing.seen += 1
            place = standing.seen - order.after
            if place < 1 or place % order.every:
                continue
            standing.struck += 1
            struck.append(order)
            if order.count is not None and standing.struck >= order.count:
                del self._standing[number]
        return tuple(struck)

    def report(self) -> list[dict[str, object]]:
        """The standing orders, for the control API."""
        return [
            {
                "id": number,
                "kind": standing.order.kind.value,
                "method": standing.order.method,
                "path": standing.order.path.pattern,
                "count": standing.order.count,
                "seen": standing.seen,
                "struck": standing.struck,
            }
            for number, standing in self._standing.items()
        ]
