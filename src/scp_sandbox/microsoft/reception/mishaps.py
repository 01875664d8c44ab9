"""Carries out ordered faults on one Graph call, in Graph's own words."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from scp_sandbox.call import Reply, Wreck
from scp_sandbox.faults import Kind, Order, without_id
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.estate import AREAS, Estate
from scp_sandbox.microsoft.graph.asked import Service
from scp_sandbox.microsoft.graph.errors import (
    GraphError,
    expired_token,
    no_such_file,
    not_found,
    sync_state_lost,
)
from scp_sandbox.microsoft.identity.office import Office

Owner = Callable[[], Account | None]

_HTML = Reply(
    content_type="text/html; charset=utf-8",
    body=b"<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h2>Our"
    b" services aren't available right now</h2></body></html>",
)
_WRONG = b'{"value":{"0":null},"@odata.nextLink":7,"id":[3],"subject":{},"body":"none"}'
_WORDS = {
    400: ("BadRequest", "The request is malformed or incorrect."),
    403: ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    409: ("Conflict", "The request conflicts with the current state."),
    412: ("ErrorIrresolvableConflict", "The send or update operation could not be performed."),
    423: ("resourceLocked", "The resource is locked."),
    429: ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
    500: ("ErrorInternalServerError", "An internal server error occurred. The operation failed."),
    502: ("UnknownError", "Bad gateway."),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
    504: ("UnknownError", "The server timed out waiting for the backend."),
}


class Mishaps:
    """Does to a call, its reply or the world what the orders say."""

    def __init__(self, estate: Estate, office: Office) -> None:
        self._estate = estate
        self._office = office

    def befall(self, order: Order, owner: Owner) -> None:
        """Changes the world before a call is looked at."""
        account = owner()
        if account is None:
            return
        match order.kind:
            case Kind.EXPIRE_TOKENS:
                self._office.mint.expire_access(account.oid)
            case Kind.REVOKE_GRANTS:
                self._office.standing.revoke(account)
                self._office.mint.expire_access(account.oid)
            case Kind.DEAD_HISTORY | Kind.DEAD_SYNC_TOKENS:
                for area in AREAS:
                    self._estate.of(account).forget(area)
            case _:
                pass

    def instead(self, orders: Sequence[Order], service: Service) -> Reply | GraphError | None:
        """What is given instead of a true reply, if any order says so."""
        for order in orders:
            match order.kind:
                case Kind.STATUS:
                    return _status(order, service)
                case Kind.RESET:
                    return Reply(wreck=Wreck.RESET)
                case Kind.HTML:
                    return _HTML
                case Kind.WRONG_JSON:
                    return Reply(body=_WRONG)
                case _:
                    pass
        return None

    def afterwards(self, orders: Sequence[Order], reply: Reply, account: Account | None) -> Reply:
        """What becomes of a true reply."""
        for order in orders:
            match order.kind:
                case Kind.TRUNCATE:
                    reply = replace(reply, wreck=Wreck.TRUNCATE)
                case Kind.BROKEN_JSON:
                    reply = replace(reply, body=reply.body[: len(reply.body) // 2])
                case Kind.DUPLICATE if "json" in reply.content_type:
                    reply = _doubled(reply)
                case Kind.NAMELESS if "json" in reply.content_type:
                    reply = replace(reply, body=without_id(reply.body, order.item))
                case Kind.GONE if account and "json" in reply.content_type:
                    self._vanish(reply, account)
                case _:
                    pass
        return reply

    def _vanish(self, reply: Reply, account: Account) -> None:
        """Deletes the first listed item for good: listed, and gone when it is fetched."""
        body = msgspec.json.decode(reply.body)
        for entry in body.get("value") or ():
            if isinstance(entry, dict) and self._estate.of(account).remove(str(entry.get("id"))):
                return


def _status(order: Order, service: Service) -> GraphError:
    error = _usual(order.status, service)
    code = order.reason or error.code
    headers = error.headers
    if order.retry_after:
        headers = (*headers, ("retry-after", str(order.retry_after)))
    return replace(error, code=code, headers=headers)


def _usual(status: int, service: Service) -> GraphError:
    if status == 401:
        return expired_token()
    if status == 404:
        return no_such_file() if service == "drive" else not_found()
    if status == 410:
        return sync_state_lost()
    if status == 429 and service == "drive":
        words = "The request has been throttled"
        return GraphError(status=429, code="activityLimitReached", message=words)
    code, words = _WORDS.get(status, ("generalException", "An error occurred."))
    return GraphError(status=status, code=code, message=words)


def _doubled(reply: Reply) -> Reply:
    """The first three items of a list once more at its end."""
    body: dict[str, Any] = msgspec.json.decode(reply.body)
    if isinstance(body.get("value"), list):
        body["value"] = [*body["value"], *body["value"][:3]]
    return replace(reply, body=msgspec.json.encode(body))
