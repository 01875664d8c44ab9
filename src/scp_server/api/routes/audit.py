"""The audit trail, as it is shown to a session's holder and to the operator."""

import re
from typing import Final

from scp_server.api.operations import Access, Call, Operation, Parameter
from scp_server.api.routes import examples
from scp_server.api.validation import shown_value
from scp_server.domain.errors import InvalidRequest
from scp_server.ports.audit import AuditEntry, AuditQuery
from scp_wire.rest import AuditPage, AuditRow

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
MAX_CURSOR: Final = 256
_INTEGER: Final = re.compile(r"[0-9]{1,15}")
_EPOCH: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_ACTION: Final = re.compile(r"[a-z_.]{1,64}")


async def read_audit(call: Call) -> AuditPage:
    """`GET /api/audit`."""
    caller = call.caller
    whose = None if caller.session is None else caller.session.pk
    named = _number(call, "session", 2**53)
    if named is not None:
        if whose is not None:
            raise InvalidRequest("Only the operator chooses a session by number.", field="session")
        whose = named
    page = await call.services.audit.page(
        AuditQuery(
            session_pk=whose,
            action=_matched(call, "action", _ACTION, "must be small letters, dots and underscores"),
            since=_moment(call, "since"),
            until=_moment(call, "until"),
            cursor=_cursor(call),
            limit=_number(call, "limit", MAX_LIMIT) or DEFAULT_LIMIT,
        )
    )
    return AuditPage(
        entries=[_row(entry, numbered=caller.operator) for entry in page.entries],
        cursor=page.cursor,
    )


def _row(entry: AuditEntry, *, numbered: bool) -> AuditRow:
    return AuditRow(
        at=entry.at,
        action=entry.action,
        actor=entry.actor,
        result=entry.result,
        stream_id=entry.stream_id,
        stream_type=entry.stream_type,
        items=entry.items,
        bytes=entry.size,
        session=entry.session_pk if numbered else None,
    )


def _matched(call: Call, name: str, form: re.Pattern[str], rule: str) -> str | None:
    asked = call.query(name)
    if asked is not None and not form.fullmatch(asked):
        raise InvalidRequest(f"{name} {rule}.", field=name, **shown_value(asked))
    return asked


def _number(call: Call, name: str, most: int) -> int | None:
    rule = f"must be a whole number from 1 to {most}"
    asked = _matched(call, name, _INTEGER, rule)
    if asked is not None and not 1 <= int(asked) <= most:
        raise InvalidRequest(f"{name} {rule}.", field=name, minimum=1, maximum=most)
    return None if asked is None else int(asked)


def _moment(call: Call, name: str) -> float | None:
    asked = _matched(call, name, _EPOCH, "must be a time in epoch seconds")
    return None if asked is None else float(asked)


def _cursor(call: Call) -> str | None:
    asked = call.query("cursor")
    if asked is not None and not 1 <= len(asked) <= MAX_CURSOR:
        raise InvalidRequest("cursor is what a page before this one gave.", field="cursor")
    return asked


def _time(name: str, description: str) -> Parameter:
    return Parameter(
        name=name,
        place="query",
        schema={"type": "number", "minimum": 0},
        description=description,
        example="1640995200",
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/audit",
        name="readAudit",
        tag="sessions",
        summary="Who did what to the session's data, newest first; with the operator key, all.",
        description="Which actions there are, and what a row holds: docs/audit.md.",
        handler=read_audit,
        access=Access.SESSION_OR_OPERATOR,
        answer=AuditPage,
        parameters=(
            Parameter(
                name="limit",
                place="query",
                schema={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_LIMIT,
                    "default": DEFAULT_LIMIT,
                },
                description="Rows in a page.",
                example="100",
            ),
            Parameter(
                name="cursor",
                place="query",
                schema={"type": "string", "minLength": 1, "maxLength": MAX_CURSOR},
                description="Where the page before this one ended.",
                example="bXK0vT",
            ),
            Parameter(
                name="action",
                place="query",
                schema={"type": "string", "pattern": "^[a-z_.]{1,64}$"},
                description="Only rows of this action.",
                example="delivered",
            ),
            _time("since", "Only rows from this time on, in epoch seconds."),
            _time("until", "Only rows before this time, in epoch seconds."),
            Parameter(
                name="session",
                place="query",
                schema={"type": "integer", "minimum": 1},
                description="Only rows of the session with this number; operator key only.",
                example="12",
            ),
        ),
        examples={"answer": examples.AUDIT},
    ),
)
