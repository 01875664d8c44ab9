"""Routes OAuth calls to their rooms, and lets ordered faults strike them."""

from collections.abc import Callable
from dataclasses import replace

import anyio
import msgspec

from scp_sandbox.call import Call, Reply, Wreck
from scp_sandbox.faults import FaultBook, Kind, Order
from scp_sandbox.oauth.consent import ConsentPage
from scp_sandbox.oauth.exchange import Exchange
from scp_sandbox.oauth.identity import Identity
from scp_sandbox.oauth.revocation import Revocation

AUTHORIZE = "/o/oauth2/v2/auth"
PATHS = (
    AUTHORIZE,
    "/token",
    "/revoke",
    "/tokeninfo",
    "/oauth2/v3/certs",
    "/v1/userinfo",
    "/.well-known/openid-configuration",
)

_ERRORS = {
    400: ("invalid_grant", "Token has been expired or revoked."),
    401: ("invalid_client", "Unauthorized"),
    403: ("access_denied", "Account restricted"),
    429: ("rate_limit_exceeded", "Rate Limit Exceeded"),
}


class OAuthDesk:
    """Answers the calls at `PATHS`."""

    def __init__(
        self,
        *,
        consent: ConsentPage,
        exchange: Exchange,
        identity: Identity,
        revocation: Revocation,
        faults: FaultBook,
    ) -> None:
        self._faults = faults
        self._revocation = revocation
        self._rooms: dict[tuple[str, str], Callable[[Call], Reply]] = {
            ("GET", AUTHORIZE): consent.show,
            ("POST", AUTHORIZE): consent.decide,
            ("POST", "/token"): exchange.token,
            ("POST", "/revoke"): exchange.revoke,
            ("GET", "/tokeninfo"): identity.tokeninfo,
            ("POST", "/tokeninfo"): identity.tokeninfo,
            ("GET", "/oauth2/v3/certs"): identity.certs,
            ("GET", "/v1/userinfo"): identity.userinfo,
            ("POST", "/v1/userinfo"): identity.userinfo,
            ("GET", "/.well-known/openid-configuration"): identity.discovery,
        }

    async def answer(self, call: Call) -> Reply:
        """The reply to one call."""
        orders = self._faults.strike(call.method, call.path)
        for order in orders:
            await self._befall(order)
        for order in orders:
            if early := _instead(order):
                return early
        room = self._rooms.get((call.method, call.path))
        if room is None:
            return Reply(status=405, body=b"{}", headers=(("allow", "GET, POST"),))
        reply = room(call)
        for order in orders:
            reply = _afterwards(order, reply)
        return reply

    async def _befall(self, order: Order) -> None:
        match order.kind:
            case Kind.LATENCY:
                await anyio.sleep(order.seconds)
            case Kind.EXPIRE_TOKENS:
                self._revocation.expire(None)
            case Kind.REVOKE_GRANTS:
                self._revocation.revoke(None)
            case _:
                pass


def _instead(order: Order) -> Reply | None:
    match order.kind:
        case Kind.RESET:
            return Reply(wreck=Wreck.RESET)
        case Kind.HTML:
            return Reply(content_type="text/html", body=b"<!DOCTYPE html><title>Sorry</title>")
        case Kind.WRONG_JSON:
            return Reply(body=b'{"access_token":[],"expires_in":"soon"}')
        case Kind.STATUS:
            usual = ("internal_failure", "Backend Error")
            error, words = _ERRORS.get(order.status, usual)
            body = {"error": order.reason or error, "error_description": words}
            headers = (("retry-after", str(order.retry_after)),) if order.retry_after else ()
            return Reply(status=order.status, body=msgspec.json.encode(body), headers=headers)
        case _:
            return None


def _afterwards(order: Order, reply: Reply) -> Reply:
    match order.kind:
        case Kind.TRUNCATE:
            return replace(reply, wreck=Wreck.TRUNCATE)
        case Kind.BROKEN_JSON:
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        case _:
            return reply
