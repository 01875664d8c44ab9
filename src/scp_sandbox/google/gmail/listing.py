"""What `messages.list` and `threads.list` share: which messages fit, and where a page goes on."""

from collections.abc import Iterator
from dataclasses import dataclass

from scp_sandbox.google.errors import forbidden, invalid
from scp_sandbox.google.gmail.desk import GmailDesk
from scp_sandbox.google.gmail.query import parse
from scp_sandbox.google.gmail.search import Judge, mentions_hidden
from scp_sandbox.google.method import Asked, number
from scp_sandbox.oauth import scopes
from scp_sandbox.world.message import Message

HIDDEN = frozenset(("SPAM", "TRASH"))
# Worthless on purpose: 201 was recorded for a mailbox of 782 messages.
ESTIMATE = 201

# Tokens are 20 decimal digits; this hides that they are the order of the next message.
_TOKEN_MASK = 0x2B5A_91C6_3D0F_7E84
_BODY_SCOPES = {scopes.GMAIL_READONLY, scopes.GMAIL_MODIFY, scopes.FULL_MAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A listing's conditions; `before` is the order below which the page starts."""

    judge: Judge
    limit: int
    before: int | None


def may_read_bodies(asked: Asked) -> bool:
    """Whether more than `gmail.metadata` was granted."""
    return not _BODY_SCOPES.isdisjoint(asked.scopes)


def wanted(desk: GmailDesk, asked: Asked) -> Wanted:
    """Reads a listing's parameters.

    Raises:
        GoogleError: 400 for bad ones, 403 for `q` under the metadata scope alone.
    """
    call = asked.call
    q = call.one("q") or ""
    if q and not may_read_bodies(asked):
        raise forbidden("Metadata scope does not support 'q' parameter")
    labels = frozenset(call.many("labelIds"))
    unknown = labels - desk.mailbox(asked.user).labels.keys()
    if unknown:
        raise invalid(f"Invalid label: {min(unknown)[:100]}")
    tree = parse(q)
    judge = desk.searcher(asked.user).judge(tree, desk.world.clock.now())
    hidden = frozenset[str]()
    if not call.flag("includeSpamTrash") and not mentions_hidden(tree) and not labels & HIDDEN:
        hidden = HIDDEN
    return Wanted(
        judge=lambda m: labels.issubset(m.labels) and hidden.isdisjoint(m.labels) and judge(m),
        limit=number(call, "maxResults", default=100, most=500),
        before=_before(call.one("pageToken")),
    )


def matching(desk: GmailDesk, asked: Asked, what: Wanted) -> Iterator[Message]:
    """Fitting messages, newest first, from where the page starts."""
    return filter(what.judge, desk.mailbox(asked.user).newest_first(what.before))


def token_after(message: Message) -> str:
    """The page token that goes on after `message`, even if it is gone by then."""
    return f"{message.order ^ _TOKEN_MASK:020d}"


def _before(token: str | None) -> int | None:
    if not token:
        return None
    if not (token.isascii() and token.isdecimal() and len(token) == 20):
        raise invalid("Invalid pageToken")
    return int(token) ^ _TOKEN_MASK
