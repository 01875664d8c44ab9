"""Carries out ordered faults on one API call."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from scp_sandbox.call import JSON, Reply, Wreck
from scp_sandbox.faults import Kind, Order, without_id
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
_LISTS = (
    "messages", "threads", "items", "history", "labels", "connections", "files", "changes",
)  # fmt: skip
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
                    self._world.addressbook(user).forget_changes()
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
                case Kind.NAMELESS if reply.content_type == JSON:
                    reply = replace(reply, body=without_id(reply.body, order.item))
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
        mailbox = self._world.mailbox(user)
        for name, field in (
            ("messages", "id"),
            ("threads", "id"),
            ("files", "id"),
            ("connections", "resourceName"),
        ):
            identity = str((body.get(name) or [{}])[0].get(field, ""))
            if name == "files" and self._world.drive(user).get(identity):
                self._world.drive(user).delete(identity)
            elif name == "connections" and identity:
                self._forget(user, identity)
            elif identity and name in ("messages", "threads"):
                thread = [m.id for m in mailbox.thread(identity)] if name == "threads" else []
                mailbox.delete(thread or [identity])

    def _forget(self, user: User, resource_name: str) -> None:
        book = self._world.addressbook(user)
        number = resource_name.removeprefix("people/c")
        contact = book.by_number(int(number)) if number.isdecimal() else None
        if contact is not None:
            book.delete(contact.id)


def _doubled(reply: Reply) -> Reply:
    """The first three items of a list once more at its end."""
    body: dict[str, Any] = msgspec.json.decode(reply.body)
    for name in _LISTS:
        if isinstance(body.get(name), list):
            body[name] = [*body[name], *body[name][:3]]
    return replace(reply, body=msgspec.json.encode(body))
