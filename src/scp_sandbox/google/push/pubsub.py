"""Pub/Sub as far as a puller needs it: what watched mailboxes tell.

A subscription is there as soon as it is pulled from, and belongs to the topic of its own name in
its project. Whether a mailbox has changed is looked at when somebody pulls: nothing runs meanwhile.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import GoogleError
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.google.push.board import Board
from scp_sandbox.google.push.channels import read
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

ACK_SECONDS = 10.0
_PATH = r"/v1/projects/(?P<project>[^/]+)/subscriptions/(?P<subscription>[^/:]+)"


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a pull."""

    most: int = msgspec.field(default=0, name="maxMessages")


class Acknowledge(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an acknowledgement."""

    ack_ids: tuple[str, ...] = msgspec.field(default=(), name="ackIds")


@dataclass(slots=True)
class _Notice:
    """A message that waits; nobody else gets it before `leased_until` (seconds)."""

    number: int
    topic: str
    email: str
    history_id: int
    published: float
    leased_until: float = 0.0


class Subscriptions:
    """Hands out what mailboxes tell, again and again until it is acknowledged."""

    def __init__(self, world: World, board: Board) -> None:
        self._world = world
        self._board = board
        self._notices: dict[int, _Notice] = {}
        self._told: dict[tuple[str, str], tuple[int, int]] = {}
        self._count = 0

    def pull(self, asked: Asked) -> Reply:
        """What waits, and is not in somebody's hands; `{}` when nothing does."""
        wanted = read(asked, Pull)
        if wanted.most < 1:
            words = "The value for max_messages is too small. You passed 0 in the request."
            raise GoogleError(status=400, reason="badRequest", message=words)
        topic = _topic(asked)
        self._collect(topic)
        now = self._board.clock.now()
        waiting = [n for n in self._notices.values() if n.topic == topic and n.leased_until <= now]
        for notice in waiting[: wanted.most]:
            notice.leased_until = now + ACK_SECONDS
        body = {"receivedMessages": [_received(n) for n in waiting[: wanted.most]]}
        return asked.reply(body if waiting else {})

    def acknowledge(self, asked: Asked) -> Reply:
        """Forgets messages for good; ids that nobody knows are let pass."""
        topic = _topic(asked)
        for identity in read(asked, Acknowledge).ack_ids:
            number = int(identity) if identity.isascii() and identity.isdecimal() else 0
            if (notice := self._notices.get(number)) and notice.topic == topic:
                del self._notices[number]
        return asked.reply({})

    def _collect(self, topic: str) -> None:
        """Writes a notice for each watched mailbox that changed, or is watched anew."""
        for channel in self._board.living():
            user = self._world.user(channel.email)
            if channel.service != "gmail" or channel.address != topic or user is None:
                continue
            history_id = self._world.mailbox(user).history_id
            state = (history_id, channel.expires_ms)
            if self._told.get((topic, channel.email)) == state:
                continue
            self._told[topic, channel.email] = state
            self._count += 1
            self._notices[self._count] = _Notice(
                number=self._count,
                topic=topic,
                email=channel.email,
                history_id=history_id,
                published=self._board.clock.now(),
            )


def pubsub_methods(world: World, board: Board) -> tuple[Method, ...]:
    """`projects.subscriptions.pull` and `.acknowledge`."""
    subscriptions = Subscriptions(world, board)
    return (
        _method("pull", "Pull", subscriptions.pull),
        _method("acknowledge", "Acknowledge", subscriptions.acknowledge),
    )


def _method(verb: str, rpc: str, answer: Callable[[Asked], Reply]) -> Method:
    return Method(
        service="pubsub",
        name=f"pubsub.projects.subscriptions.{verb}",
        rpc=f"google.pubsub.v1.Subscriber.{rpc}",
        http="POST",
        path=re.compile(f"{_PATH}:{verb}"),
        units=0,
        scopes=frozenset((scopes.PUBSUB, scopes.CLOUD_PLATFORM)),
        answer=answer,
    )


def _topic(asked: Asked) -> str:
    return f"projects/{asked.at['project']}/topics/{asked.at['subscription']}"


def _received(notice: _Notice) -> dict[str, Any]:
    told = {"emailAddress": notice.email, "historyId": str(notice.history_id)}
    moment = datetime.fromtimestamp(notice.published, UTC)
    return {
        "ackId": str(notice.number),
        "message": {
            "data": base64.b64encode(msgspec.json.encode(told)).decode(),
            "messageId": str(10**15 + notice.number),
            "publishTime": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        },
    }
