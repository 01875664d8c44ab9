"""HTTP batch, `multipart/mixed` both ways.

https://developers.google.com/workspace/gmail/api/guides/batch
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import anyio

from scp_sandbox.call import Call, Reply, Wreck, parse_target
from scp_sandbox.google.errors import GoogleError, invalid
from scp_sandbox.google.frontdesk import FrontDesk, Ticket, refused

MOST_CALLS = 100

_BOUNDARY = re.compile(r'multipart/mixed\s*;.*?boundary="?([^";]+)"?', re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """One call of a batch. `call` is None when the part cannot be read as a request."""

    content_id: str | None
    call: Call | None


def parse_batch(outer: Call) -> list[BatchPart]:
    """The calls within a batch; the outer headers, but for `Content-*`, go to each of them.

    Raises:
        GoogleError: 400 when the body is no batch, or one of more than 100 calls.
    """
    found = _BOUNDARY.search(outer.headers.get("content-type", ""))
    if found is None:
        raise invalid("Failed to parse batch request, missing boundary.", reason="badRequest")
    fence = b"--" + found[1].encode("latin-1", "replace")
    pieces = (b"\n" + outer.body).split(b"\n" + fence)[1:]
    pieces = [piece for piece in pieces if not piece.startswith(b"--")]
    if not pieces:
        raise invalid("Failed to parse batch request, no parts.", reason="badRequest")
    if len(pieces) > MOST_CALLS:
        raise invalid(
            f"The batch request could not be processed: {len(pieces)} calls in a batch request,"
            f" the limit is {MOST_CALLS}.",
            reason="badRequest",
        )
    inherited = {k: v for k, v in outer.headers.items() if not k.startswith("content-")}
    return [_part(piece.lstrip(b"\r\n"), inherited, outer.base) for piece in pieces]


def render_batch(parts: Sequence[BatchPart], replies: Sequence[Reply]) -> Reply:
    """The replies in the order of the calls, each with its `Content-ID` echoed."""
    boundary = f"batch_{secrets.token_urlsafe(24)}"
    chunks = []
    for part, reply in zip(parts, replies, strict=True):
        chunks.append(f"--{boundary}\r\nContent-Type: application/http\r\n".encode())
        if part.content_id:
            chunks.append(f"Content-ID: {_echo(part.content_id)}\r\n".encode("utf-8", "replace"))
        chunks += (b"\r\n", _response(reply), b"\r\n")
    chunks.append(f"--{boundary}--\r\n".encode())
    wrecks = {reply.wreck for reply in replies}
    if Wreck.RESET in wrecks:
        return Reply(wreck=Wreck.RESET)
    return Reply(
        body=b"".join(chunks),
        content_type=f"multipart/mixed; boundary={boundary}",
        wreck=Wreck.TRUNCATE if Wreck.TRUNCATE in wrecks else None,
    )


class BatchDesk:
    """Answers `POST /batch…`; `prefix` is what the paths of its parts must begin with."""

    def __init__(self, front: FrontDesk, prefix: str) -> None:
        self._front = front
        self._prefix = prefix

    async def answer(self, call: Call) -> Reply:
        """The reply to a batch, which faults may strike as a whole, too."""
        return await self._front.envelope(call, lambda: self._opened(call))

    async def _opened(self, call: Call) -> Reply:
        """Every part on its own: auth, quota, faults; all of them in flight together."""
        try:
            parts = parse_batch(call)
        except GoogleError as error:
            return refused(error, "gmail")
        tickets = [self._front.begin(self._allowed(part.call)) for part in parts]
        replies = [Reply()] * len(parts)

        async def carry_out(place: int, ticket: Ticket) -> None:
            replies[place] = await self._front.finish(ticket)

        async with anyio.create_task_group() as group:
            for place, ticket in enumerate(tickets):
                group.start_soon(carry_out, place, ticket)
        return render_batch(parts, replies)

    def _allowed(self, call: Call | None) -> Call:
        if call is None or not call.path.startswith(self._prefix):
            return Call(method="GET", path="/not-found")
        return call


def _part(piece: bytes, inherited: dict[str, str], base: str) -> BatchPart:
    envelope, _, inner = _cut(piece)
    content_id = _headers(envelope).get("content-id")
    head, _, body = _cut(inner)
    line, _, fields = head.partition(b"\n")
    words = line.decode("latin-1").split()
    if len(words) < 2 or not words[1].startswith("/"):  # full URLs are not allowed in parts
        return BatchPart(content_id=content_id, call=None)
    path, query = parse_target(words[1])
    call = Call(
        method=words[0].upper(),
        path=path,
        query=query,
        headers={**inherited, **_headers(fields)},
        body=body.rstrip(b"\r\n"),
        base=base,
    )
    return BatchPart(content_id=content_id, call=call)


def _cut(octets: bytes) -> tuple[bytes, bytes, bytes]:
    found = _BLANK.search(octets)
    if found is None:
        return octets, b"", b""
    return octets[: found.start()], found[0], octets[found.end() :]


def _headers(block: bytes) -> dict[str, str]:
    lines = (line.decode("latin-1").partition(":") for line in _LINE.split(block) if line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _echo(content_id: str) -> str:
    # Clients split what is inside the brackets; nothing but the prefix may change.
    inner = content_id.removeprefix("<").removesuffix(">")
    return f"<response-{inner}>"


def _response(reply: Reply) -> bytes:
    phrase = HTTPStatus(reply.status).phrase
    lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Content-Type: {reply.content_type}"]
    lines += [f"{name.title()}: {value}" for name, value in reply.headers]
    lines.append(f"Content-Length: {len(reply.body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + reply.body
