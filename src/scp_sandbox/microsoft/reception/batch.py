"""`POST /v1.0/$batch`.

https://learn.microsoft.com/graph/json-batching
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

import anyio
import msgspec

from scp_sandbox.call import Call, Reply, Wreck, parse_target
from scp_sandbox.microsoft.graph.asked import JSON
from scp_sandbox.microsoft.graph.errors import GraphError, bad_request
from scp_sandbox.microsoft.graph.paths import VERSION
from scp_sandbox.microsoft.reception.frontdesk import GraphDesk

MOST_STEPS = 20
# Outlook runs so many parts of one batch at once.
AT_ONCE = 4
_ABSOLUTE = re.compile(r"https?://[^/]+(?P<rest>/.*)?", re.IGNORECASE)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a batch; Microsoft's Python client spells `dependsOn` its own way."""

    id: str
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Any = None
    depends_on: tuple[str, ...] | None = msgspec.field(default=None, name="dependsOn")
    also_depends_on: tuple[str, ...] | None = msgspec.field(default=None, name="depends_on")

    @property
    def needs(self) -> tuple[str, ...]:
        """The steps that have to succeed first."""
        return (*(self.depends_on or ()), *(self.also_depends_on or ()))


class Steps(msgspec.Struct, frozen=True):
    """A batch's body."""

    requests: tuple[Step, ...]


class GraphBatch:
    """Answers batches: every part is judged on its own, four at once."""

    def __init__(self, desk: GraphDesk) -> None:
        self._desk = desk

    async def answer(self, call: Call) -> Reply:
        """The reply to a batch, which faults may strike as a whole, too."""
        return await self._desk.envelope(call, lambda: self._opened(call))

    async def _opened(self, call: Call) -> Reply:
        if call.method != "POST":
            raise GraphError(
                status=405,
                code="Request_BadRequest",
                message="Specified HTTP method is not allowed.",
            )
        steps = _steps(call.body)
        replies: dict[str, Reply] = {}
        done = {step.id: anyio.Event() for step in steps}
        lanes = anyio.CapacityLimiter(AT_ONCE)

        async def carry_out(step: Step) -> None:
            for need in step.needs:
                await done[need].wait()
            if any(replies[need].status >= 400 for need in step.needs):
                replies[step.id] = _FAILED_DEPENDENCY
            else:
                async with lanes:
                    replies[step.id] = await self._desk.answer(_part(step, call))
            done[step.id].set()

        async with anyio.create_task_group() as group:
            for step in steps:
                group.start_soon(carry_out, step)
        return _rendered(steps, replies)


_FAILED_DEPENDENCY = Reply(
    status=424,
    content_type="application/json",
    body=b'{"error":{"code":"FailedDependency","message":"One of the dependent requests failed."}}',
)


def _steps(body: bytes) -> tuple[Step, ...]:
    try:
        steps = msgspec.json.decode(body, type=Steps).requests
    except msgspec.DecodeError as error:
        raise bad_request("Unable to read JSON request payload.") from error
    if len(steps) > MOST_STEPS:
        words = f"Number of batch request steps exceeds the maximum value of {MOST_STEPS}."
        raise bad_request(words, "MaximumValueExceeded")
    known = {step.id: step for step in steps}
    if not steps or len(known) < len(steps):
        raise bad_request("The requests of a batch need ids of their own.", "Request_BadRequest")
    if any(need not in known for step in steps for need in step.needs):
        raise bad_request("A request depends on one that is not in the batch.")
    _check_circles(known)
    return steps


def _check_circles(known: Mapping[str, Step]) -> None:
    left = dict(known)
    while left:
        free = [i for i, step in left.items() if not any(need in left for need in step.needs)]
        if not free:
            raise bad_request("The requests of the batch depend on each other in a circle.")
        for identity in free:
            del left[identity]


def _part(step: Step, outer: Call) -> Call:
    """A step as a call: nothing of the outer headers but the token."""
    absolute = _ABSOLUTE.fullmatch(step.url)
    target = (absolute["rest"] or "/") if absolute else "/" + step.url.lstrip("/")
    if target.startswith(VERSION + "/"):
        target = target[len(VERSION) :]
    path, query = parse_target(VERSION + target)
    headers = {name.lower(): value for name, value in step.headers.items()}
    headers.setdefault("authorization", outer.headers.get("authorization", ""))
    body = b"" if step.body is None else msgspec.json.encode(step.body)
    return Call(
        method=step.method.upper(),
        path=path,
        query=query,
        headers=headers,
        body=body,
        base=outer.base,
        peer=outer.peer,
    )


def _rendered(steps: tuple[Step, ...], replies: Mapping[str, Reply]) -> Reply:
    """The replies, not in the order of the requests: clients are to look at the ids."""
    wrecks = {reply.wreck for reply in replies.values()}
    if Wreck.RESET in wrecks:
        return Reply(wreck=Wreck.RESET)
    answers = [_response(step.id, replies[step.id]) for step in reversed(steps)]
    return Reply(
        body=msgspec.json.encode({"responses": answers}),
        content_type=JSON,
        wreck=Wreck.TRUNCATE if Wreck.TRUNCATE in wrecks else None,
    )


def _response(identity: str, reply: Reply) -> dict[str, Any]:
    headers = {name.title(): value for name, value in reply.headers}
    shown: dict[str, Any] = {"id": identity, "status": reply.status}
    if reply.body:
        headers["Content-Type"] = reply.content_type
        shown["body"] = _body(reply)
    shown["headers"] = headers
    return shown


def _body(reply: Reply) -> Any:  # noqa: ANN401
    """JSON as it is; anything else, broken JSON too, as base64."""
    if "json" in reply.content_type:
        try:
            return msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            pass
    return base64.b64encode(reply.body).decode()
