"""Carries out ordered faults on one API call (providers.md section 15, row 10)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from scp_sandbox.call import JSON, Reply, Wreck
from scp_sandbox.faults import Kind, Order
from scp_sandbox.google.errors import Service, error_body
from scp_sandbox.google.refusals import refusal
from scp_sandbox.oauth.revocation import Revocation
from scp_sandbox.world.people import User
from scp_sandbox.world.world import World

_HTML = Reply(
    content_type="text/html; charset=UTF-8",
    body=b"<!DOCTYPE html><html><title>Sorry...</title><p>We're sorry, but something is not right"
    b" just now.</html>",
)
_WRONG = b'{"messages":"none","items":{"0":null},"id":[7],"history":3,"payload":[],"kind":null}'
_LISTS = ("messages", "threads", "items", "history", "labels")
# How far in the future the time in an ordered 429 lies.
RETRY_SECONDS = 2.0

Owner = Callable[[], User | None]


class Mishaps:
    """Does to a call, its reply or the world what the orders say."""

    def __init__(self, *, world: World, revocation: Revocation) -> None:
        self._world = world
        self._revocation = revocation

    def befall(self, order: Order, owner: Owner) -> None:
        """Changes the world before a call is looked at."""
        match order.kind:
            case Kind.EXPIRE_TOKENS:
                self._revocation.expire(owner())
            case Kind.REVOKE_GRANTS:
                self._revocation.revoke(owner())
            case Kind.DEAD_HISTORY:
                if user := owner():
                    self._world.mailbox(user).forget_history()
            case Kind.DEAD_SYNC_TOKENS:
                if user := owner():
                    self._world.forget_calendar_changes(user)
            case _:
                pass

    def instead(self, orders: Sequence[Order], service: Service) -> Reply | None:
        """The reply given instead of a true one, if any order says so."""
        for order in orders:
            match order.kind:
                case Kind.STATUS:
                    return self._status(order, service)
                case Kind.RESET:
                    return Reply(wreck=Wreck.RESET)
                case Kind.HTML:
                    return _HTML
                case Kind.WRONG_JSON:
                    return Reply(body=_WRONG)
                case _:
                    pass
        return None

    def afterwards(self, orders: Sequence[Order], reply: Reply, user: User | None) -> Reply:
        """What becomes of a true reply."""
        for order in orders:
            match order.kind:
                case Kind.TRUNCATE:
                    reply = replace(reply, wreck=Wreck.TRUNCATE)
                case Kind.BROKEN_JSON:
                    reply = replace(reply, body=reply.body[: len(reply.body) // 2])
                case Kind.DUPLICATE if reply.content_type == JSON:
                    reply = _doubled(reply)
                case Kind.GONE if user:
                    self._vanish(reply, user)
                case _:
                    pass
        return reply

    def _status(self, order: Order, service: Service) -> Reply:
        retry_at = self._world.clock.now() + RETRY_SECONDS
        error = refusal(order.status, order.reason, service, retry_at=retry_at)
        headers = (("retry-after", str(order.retry_after)),) if order.retry_after else ()
        octets = msgspec.json.encode(error_body(error, service))
        return Reply(status=order.status, body=octets, headers=headers)

    def _vanish(self, reply: Reply, user: User) -> None:
        """Deletes the first listed item for good: listed, and gone when it is fetched."""
        body = msgspec.json.decode(reply.body)
        for name in ("messages", "threads"):
            if entries := body.get(name):
                mailbox = self._world.mailbox(user)
                thread = name == "threads"
                ids = [m.id for m in mailbox.thread(entries[0]["id"])] if thread else None
                mailbox.delete(ids or [entries[0]["id"]])


def _doubled(reply: Reply) -> Reply:
    """The first three items of a list once more at its end."""
    body: dict[str, Any] = msgspec.json.decode(reply.body)
    for name in _LISTS:
        if isinstance(body.get(name), list):
            body[name] = [*body[name], *body[name][:3]]
    return replace(reply, body=msgspec.json.encode(body))
