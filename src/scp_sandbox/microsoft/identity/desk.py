"""Routes the identity platform's calls to their rooms, and lets ordered faults strike them."""

import re
from collections.abc import Callable
from dataclasses import replace

import anyio

from scp_sandbox.call import Call, Reply, Wreck
from scp_sandbox.faults import FaultBook, Kind, Order
from scp_sandbox.microsoft.identity.consent import ConsentPage
from scp_sandbox.microsoft.identity.exchange import Exchange
from scp_sandbox.microsoft.identity.office import Office
from scp_sandbox.microsoft.identity.refusals import Refusal

PATHS = (
    "/{tenant}/oauth2/v2.0/authorize",
    "/{tenant}/oauth2/v2.0/token",
    "/{tenant}/oauth2/v2.0/logout",
    "/{tenant}/discovery/v2.0/keys",
    "/{tenant}/v2.0/.well-known/openid-configuration",
)
_PLACE = re.compile(r"/(?P<tenant>[^/]+)/(?P<rest>.+)")
_WORDS = {
    400: ("invalid_grant", 70000, "The provided grant is invalid."),
    401: ("invalid_client", 7000215, "Invalid client secret provided."),
    403: ("access_denied", 53003, "Access has been blocked by Conditional Access policies."),
    429: ("temporarily_unavailable", 90055, "There are too many requests; the server is busy."),
}
_HTML = Reply(
    content_type="text/html; charset=utf-8",
    body=b"<!DOCTYPE html><title>Sign in to your account</title><p>Something went wrong.",
)

Room = Callable[[Call, str], Reply]


class IdentityDesk:
    """Answers the calls at `PATHS`."""

    def __init__(
        self, office: Office, *, consent: ConsentPage, exchange: Exchange, faults: FaultBook
    ) -> None:
        self._office = office
        self._faults = faults
        self._rooms: dict[tuple[str, str], Room] = {
            ("GET", "oauth2/v2.0/authorize"): consent.show,
            ("POST", "oauth2/v2.0/authorize"): consent.decide,
            ("POST", "oauth2/v2.0/token"): exchange.token,
            ("GET", "oauth2/v2.0/logout"): _signed_out,
            ("GET", "discovery/v2.0/keys"): office.documents.keys,
            ("GET", "v2.0/.well-known/openid-configuration"): office.documents.metadata,
        }

    async def answer(self, call: Call) -> Reply:
        """The reply to one call."""
        orders = self._faults.strike(call.method, call.path)
        for order in orders:
            await self._befall(order)
        for order in orders:
            if early := self._instead(order, call):
                return early
        reply = self._found(call)
        for order in orders:
            reply = _afterwards(order, reply)
        return reply

    def _found(self, call: Call) -> Reply:
        place = _PLACE.fullmatch(call.path)
        room = self._rooms.get((call.method, place["rest"])) if place else None
        if room is None or place is None:
            return Reply(status=405, body=b"{}", headers=(("allow", "GET, POST"),))
        return room(call, place["tenant"])

    async def _befall(self, order: Order) -> None:
        match order.kind:
            case Kind.LATENCY:
                await anyio.sleep(order.seconds)
            case Kind.EXPIRE_TOKENS:
                self._office.mint.expire_access()
            case Kind.REVOKE_GRANTS:
                for account in self._office.accounts:
                    self._office.standing.revoke(account)
            case _:
                pass

    def _instead(self, order: Order, call: Call) -> Reply | None:
        match order.kind:
            case Kind.RESET:
                return Reply(wreck=Wreck.RESET)
            case Kind.HTML:
                return _HTML
            case Kind.WRONG_JSON:
                return Reply(body=b'{"access_token":[],"expires_in":"soon","token_type":7}')
            case Kind.STATUS:
                return self._status(order, call)
            case _:
                return None

    def _status(self, order: Order, call: Call) -> Reply:
        usual = ("temporarily_unavailable", 90033, "A transient error has occurred.")
        error, code, words = _WORDS.get(order.status, usual)
        said = Refusal(
            error=order.reason or error, code=code, words=words, status=order.status
        ).reply(self._office.clock.now(), call.base)
        extra = (("retry-after", str(order.retry_after)),) if order.retry_after else ()
        return replace(said, headers=said.headers + extra)


def _signed_out(_: Call, __: str) -> Reply:
    page = b"<!DOCTYPE html><title>Sign out</title><p>You signed out of your account."
    return Reply(content_type="text/html; charset=utf-8", body=page)


def _afterwards(order: Order, reply: Reply) -> Reply:
    match order.kind:
        case Kind.TRUNCATE:
            return replace(reply, wreck=Wreck.TRUNCATE)
        case Kind.BROKEN_JSON:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case _:
            return reply
