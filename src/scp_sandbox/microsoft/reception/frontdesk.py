"""Takes each Graph call, alone or in a batch, through faults, auth and throttling to its method."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import anyio
import msgspec

from scp_sandbox.call import Call, Reply, bearer
from scp_sandbox.faults import FaultBook, Kind, Order
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.estate import Estate
from scp_sandbox.microsoft.graph.asked import JSON, Asked, Method, Service, read_prefer
from scp_sandbox.microsoft.graph.errors import (
    GraphError,
    access_denied,
    claims_challenge,
    error_body,
    expired_token,
    foreign_token,
    no_mailbox,
    no_such_path,
    no_token,
    not_found,
)
from scp_sandbox.microsoft.graph.paths import as_me, normalised
from scp_sandbox.microsoft.graph.throttle import Throttle
from scp_sandbox.microsoft.identity.office import Office
from scp_sandbox.microsoft.identity.tokens import Claims
from scp_sandbox.microsoft.reception.mishaps import Mishaps

_DIAGNOSTIC = (
    '{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"4","ScaleUnit":"001",'
    '"RoleInstance":"SB1PEPF00000001"}}'
)


@dataclass(slots=True, kw_only=True)
class Ticket:
    """A call on its way: what strikes it, and, if it was let in, whom it is for."""

    call: Call
    orders: tuple[Order, ...]
    service: Service = "identity"
    method: Method | None = None
    asked: Asked | None = None
    refusal: GraphError | None = None
    entered: Account | None = None


class GraphDesk:
    """Answers calls. `begin` judges and counts a call, `finish` carries it out."""

    def __init__(
        self,
        *,
        estate: Estate,
        office: Office,
        throttle: Throttle,
        faults: FaultBook,
        methods: Sequence[Method],
    ) -> None:
        self._estate = estate
        self._office = office
        self._throttle = throttle
        self._faults = faults
        self._methods = methods
        self._mishaps = Mishaps(estate, office)

    async def answer(self, call: Call) -> Reply:
        """The reply to one call."""
        return await self.finish(self.begin(call))

    async def envelope(self, call: Call, answer: Callable[[], Awaitable[Reply]]) -> Reply:
        """The reply of a call that only carries others: its token is judged, and faults strike."""
        orders = self._strike(call)
        await _wait(orders)
        early = self._mishaps.instead(orders, "identity")
        if isinstance(early, Reply):
            return early
        try:
            if early is not None:
                raise early
            self._caller(call)
            return self._finished(call, self._mishaps.afterwards(orders, await answer(), None))
        except GraphError as error:
            return self._refused(call, error)

    def begin(self, call: Call) -> Ticket:
        """Counts a call in: everything that is decided before any waiting."""
        ticket = Ticket(call=call, orders=self._strike(call))
        try:
            self._admit(ticket)
        except GraphError as error:
            ticket.refusal = error
        return ticket

    async def finish(self, ticket: Ticket) -> Reply:
        """Waits as ordered, answers, and counts the call out."""
        try:
            await _wait(ticket.orders)
            early = self._mishaps.instead(ticket.orders, ticket.service)
            if isinstance(early, Reply):
                return early
            reply = self._carry_out(ticket, early)
            account = ticket.asked.account if ticket.asked else None
            reply = self._mishaps.afterwards(ticket.orders, reply, account)
            return self._finished(ticket.call, reply, ticket.asked)
        except GraphError as error:
            return self._refused(ticket.call, error)
        finally:
            if ticket.entered is not None:
                self._throttle.leave(ticket.entered.email)

    def _carry_out(self, ticket: Ticket, early: GraphError | None) -> Reply:
        method, asked = ticket.method, ticket.asked
        if early is not None or ticket.refusal is not None:
            raise early or ticket.refusal or not_found()
        if method is None or asked is None:
            raise no_such_path(ticket.call.path)
        units = 1 if method.units > 1 and asked.option("token") else method.units
        if over := self._throttle.spend(asked.account.email, method, units):
            raise over
        return method.answer(asked)

    def _admit(self, ticket: Ticket) -> None:
        account, claims = self._caller(ticket.call)
        path, query = normalised(ticket.call.path, ticket.call.query)
        mine = as_me(path, account)
        if mine is None:
            raise access_denied(drive=False)
        found = self._route(ticket.call.method, mine)
        if found is None:
            raise no_such_path(mine.rpartition("/")[2])
        method, at = found
        ticket.method, ticket.service = method, method.service
        ticket.entered = account
        full = self._throttle.enter(account.email, method)
        self._check(method, account, claims)
        ticket.asked = Asked(
            call=replace(ticket.call, query=query),
            path=mine,
            account=account,
            scopes=frozenset(claims.scopes),
            at=at,
            client_id=claims.client,
            prefer=read_prefer(ticket.call.headers.get("prefer", "")),
        )
        if full is not None:
            raise full

    def _check(self, method: Method, account: Account, claims: Claims) -> None:
        if method.scopes.isdisjoint(claims.scopes):
            raise access_denied(drive=method.service == "drive")
        outlook = method.service in ("mail", "calendar", "contacts")
        if outlook and not self._estate.of(account).mailbox_enabled:
            raise no_mailbox()

    def _route(self, http: str, path: str) -> tuple[Method, dict[str, str]] | None:
        for method in self._methods:
            if method.http == http and (found := method.path.fullmatch(path)):
                return method, found.groupdict()
        return None

    def _caller(self, call: Call) -> tuple[Account, Claims]:
        token = bearer(call)
        if token is None:
            raise no_token()
        claims = self._office.mint.read(token)
        account = self._office.by_oid(claims.oid) if claims else None
        if claims is None or account is None or claims.kind != "access":
            raise foreign_token()
        if not self._office.mint.fresh(claims):
            raise expired_token()
        challenge = self._office.standing.challenged(claims)
        if challenge is not None:
            raise claims_challenge(challenge, call.base)
        return account, claims

    def _strike(self, call: Call) -> tuple[Order, ...]:
        orders = self._faults.strike(call.method, call.path)
        for order in orders:
            self._mishaps.befall(order, lambda: self._owner(call))
        return orders

    def _owner(self, call: Call) -> Account | None:
        """Whose token a call bears, dead or alive."""
        claims = self._office.mint.read(bearer(call) or "")
        return self._office.by_oid(claims.oid) if claims else None

    def _refused(self, call: Call, error: GraphError) -> Reply:
        request_id = str(uuid.uuid4())
        client_id = call.headers.get("client-request-id", request_id)
        body = error_body(
            error, now=self._office.clock.now(), request_id=request_id, client_id=client_id
        )
        reply = Reply(
            status=error.status,
            body=msgspec.json.encode(body),
            content_type="application/json",
            headers=error.headers,
        )
        return self._finished(call, reply, request_id=request_id)

    def _finished(
        self, call: Call, reply: Reply, asked: Asked | None = None, request_id: str | None = None
    ) -> Reply:
        identity = request_id or str(uuid.uuid4())
        headers = [
            ("request-id", identity),
            ("client-request-id", call.headers.get("client-request-id", identity)),
            ("x-ms-ags-diagnostic", _DIAGNOSTIC),
            ("cache-control", "private"),
        ]
        if reply.content_type == JSON:
            headers.append(("odata-version", "4.0"))
        if asked is not None and asked.prefer.applied:
            headers.append(("preference-applied", ", ".join(asked.prefer.applied)))
        return replace(reply, headers=(*reply.headers, *headers))


async def _wait(orders: Sequence[Order]) -> None:
    for order in orders:
        if order.kind is Kind.LATENCY:
            await anyio.sleep(order.seconds)
