"""Takes each API call, alone or as a part of a batch, through faults, auth, quota to its method."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import anyio
import msgspec

from scp_sandbox.call import Call, Reply, bearer
from scp_sandbox.clock import Clock
from scp_sandbox.faults import FaultBook, Kind, Order
from scp_sandbox.google.errors import (
    GoogleError,
    Service,
    bad_credentials,
    error_body,
    forbidden,
    no_credentials,
    scope_insufficient,
    slow_down,
    too_many_at_once,
    too_many_full_syncs,
)
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.google.mishaps import Mishaps
from scp_sandbox.oauth.revocation import Revocation
from scp_sandbox.oauth.tokens import Claims, TokenMint
from scp_sandbox.quota import Ledger
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

NOT_FOUND = Reply(
    status=404,
    content_type="text/html; charset=UTF-8",
    body=b"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>"
    b"<p><b>404.</b> <ins>That\xe2\x80\x99s an error.</ins><p>The requested URL was not found on"
    b" this server.  <ins>That\xe2\x80\x99s all we know.</ins>",
)
_CHALLENGE = ("www-authenticate", 'Bearer realm="https://accounts.google.com/"')
_EXPIRED = (
    "www-authenticate",
    'Bearer realm="https://accounts.google.com/", error="invalid_token"',
)


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A call on its way: what strikes it, and, if it was let in, whom it is for."""

    call: Call
    orders: tuple[Order, ...]
    service: Service
    method: Method | None = None
    asked: Asked | None = None
    refusal: GoogleError | None = None
    counted: bool = False


class FrontDesk:
    """Answers calls. `begin` judges and counts a call, `finish` carries it out."""

    def __init__(
        self,
        *,
        world: World,
        mint: TokenMint,
        revocation: Revocation,
        ledger: Ledger,
        faults: FaultBook,
        methods: Sequence[Method],
    ) -> None:
        self._world = world
        self._clock: Clock = world.clock
        self._mint = mint
        self._ledger = ledger
        self._faults = faults
        self._methods = methods
        self._mishaps = Mishaps(world=world, revocation=revocation)

    async def answer(self, call: Call) -> Reply:
        """The reply to one call."""
        return await self.finish(self.begin(call))

    async def envelope(self, call: Call, answer: Callable[[], Awaitable[Reply]]) -> Reply:
        """The reply of a call that only carries others: no auth, no quota, but faults strike it."""
        orders = self._faults.strike(call.method, call.path)
        for order in orders:
            self._mishaps.befall(order, lambda: self._owner(call))
        await _wait(orders)
        early = self._mishaps.instead(orders, service_of(call.path.removeprefix("/batch")))
        return early or self._mishaps.afterwards(orders, await answer(), None)

    def begin(self, call: Call) -> Ticket:
        """Counts a call in: everything that is decided before any waiting.

        All parts of a batch are begun before any is finished, so that they are in flight together.
        """
        orders = self._faults.strike(call.method, call.path)
        service = service_of(call.path)
        ticket = Ticket(call=call, orders=orders, service=service)
        for order in orders:
            self._mishaps.befall(order, lambda: self._owner(call))
        found = self._route(call)
        if found is None:
            return ticket
        ticket.method, at = found
        try:
            ticket.asked = self._admit(call, ticket.method, at)
        except GoogleError as error:
            ticket.refusal = error
            return ticket
        ticket.counted = True
        if not self._ledger.enter(ticket.asked.user.email, service):
            self._ledger.refuse(ticket.asked.user.email, ticket.method.name)
            ticket.refusal = too_many_at_once()
        return ticket

    async def finish(self, ticket: Ticket) -> Reply:
        """Waits as ordered, answers, and counts the call out."""
        try:
            await _wait(ticket.orders)
            return self._reply(ticket)
        finally:
            if ticket.counted and ticket.asked:
                self._ledger.leave(ticket.asked.user.email)

    def _reply(self, ticket: Ticket) -> Reply:
        early = self._mishaps.instead(ticket.orders, ticket.service)
        if early is not None:
            return early
        if ticket.method is None:
            return NOT_FOUND
        try:
            reply = self._carry_out(ticket)
        except GoogleError as error:
            return refused(error, ticket.service, ticket.call)
        user = ticket.asked.user if ticket.asked else None
        return self._mishaps.afterwards(ticket.orders, reply, user)

    def _carry_out(self, ticket: Ticket) -> Reply:
        if ticket.refusal is not None:
            raise ticket.refusal
        method, asked = ticket.method, ticket.asked
        if method is None or asked is None:
            return NOT_FOUND
        email = asked.user.email
        if (
            method.full_sync is not None
            and method.full_sync(ticket.call)
            and not self._ledger.begin_full_sync(email, method.name)
        ):
            raise too_many_full_syncs()
        over = self._ledger.spend(email, ticket.service, method.name, method.units)
        if over is not None:
            raise slow_down(retry_at=over.retry_at, politely=over.politely, service=ticket.service)
        return method.answer(asked)

    def _route(self, call: Call) -> tuple[Method, dict[str, str]] | None:
        for method in self._methods:
            if method.http == call.method and (found := method.path.fullmatch(call.path)):
                return method, {k: unquote(v) for k, v in found.groupdict().items()}
        return None

    def _admit(self, call: Call, method: Method, at: dict[str, str]) -> Asked:
        claims = self._claims(call)
        user = self._world.user_by_sub(claims.sub)
        if user is None:
            raise bad_credentials()
        granted = frozenset(claims.scopes)
        if method.scopes.isdisjoint(granted):
            raise scope_insufficient(method.service, method.rpc)
        if at.get("user", "me").lower() not in ("me", user.email):
            raise forbidden(f"Delegation denied for {user.email}")
        return Asked(call=call, user=user, scopes=granted, at=at, method=method.name)

    def _claims(self, call: Call) -> Claims:
        token = bearer(call)
        if token is None:
            raise no_credentials()
        claims = self._mint.read(token)
        if claims is None or claims.kind != "access" or not self._mint.alive(claims):
            raise bad_credentials()
        return claims

    def _owner(self, call: Call) -> User | None:
        """Whose token a call bears, dead or alive."""
        claims = self._mint.read(bearer(call) or "")
        return self._world.user_by_sub(claims.sub) if claims else None


def service_of(path: str) -> Service:
    """Whose path it is; Gmail's when nobody else's."""
    first = path.split("/", 3)[1:3]
    match first:
        case ["calendar", *_]:
            return "calendar"
        case ["drive", *_]:
            return "drive"
        case ["v1", "projects"]:
            return "pubsub"
        case ["v1", *_]:
            return "people"
        case _:
            return "gmail"


async def _wait(orders: Sequence[Order]) -> None:
    for order in orders:
        if order.kind is Kind.LATENCY:
            await anyio.sleep(order.seconds)


def refused(error: GoogleError, service: Service, call: Call | None = None) -> Reply:
    """A refusal as a reply."""
    headers: tuple[tuple[str, str], ...] = ()
    if error.status == 401:
        headers = (_CHALLENGE if error.reason == "required" else _EXPIRED,)
    octets = msgspec.json.encode(error_body(error, service))
    if call is not None and call.one("prettyPrint") == "true":
        octets = msgspec.json.format(octets, indent=2) + b"\n"
    return Reply(status=error.status, body=octets, headers=headers)
