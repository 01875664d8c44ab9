"""Events: a stream as the body of a response, and tickets for clients that can only use a URL."""

import re
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from scp_server.access.tickets import TICKET_SECONDS
from scp_server.api.operations import Call
from scp_server.api.routes.streams import own_stream
from scp_server.api.validation import shown_value
from scp_server.delivery.asgi_line import line_below
from scp_server.delivery.forms import Form, form_for
from scp_server.delivery.http_readers import Reading, Wanted
from scp_server.delivery.ndjson import NDJSON
from scp_server.delivery.sse import SSE
from scp_server.domain.errors import InvalidRequest
from scp_server.domain.event_ref import EventRef, parse
from scp_wire.rest import TicketOpened

BEGAN: Final = "SCP-Last-Event-ID"
"""The response's header: after which event it begins."""
MAX_EVENTS: Final = 1_000_000_000
MAX_TIMEOUT: Final = 86_400
"""Seconds."""
_FORMS: Final = (SSE, NDJSON)
_INTEGER: Final = re.compile(r"[0-9]{1,12}")
_DECIMAL: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_SWITCH: Final = {"true": True, "false": False}


class EventsResponse(Response):
    """The events of a reading, as they come."""

    def __init__(self, reading: Reading, form: Form, headers: dict[str, str]) -> None:
        self._reading = reading
        self.status_code = 200
        self.media_type = form.media
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin at once, so that the client knows that it is connected; then carry the events."""
        headers = self.raw_headers
        start = {"type": "http.response.start", "status": self.status_code, "headers": headers}
        await self._reading.carry(start, receive, send, line_below(scope))


async def read_events(call: Call) -> Response:
    """`GET /api/stream/{stream_id}/events`."""
    services = call.services
    wanted = _wanted(call)
    session = services.gate.need_session(call.caller)
    await own_stream(call)
    headers = {"X-Accel-Buffering": "no"}
    if call.request.method == "HEAD":
        response = Response(media_type=wanted.form.media, headers=headers)
        del response.headers["content-length"]
        return response
    # Who came with a ticket has not shown the session's id, and is not shown it.
    shown = call.caller.presented or session.masked_secret
    reading = await services.readers.open(session, shown, wanted)
    if reading is None:
        return Response(status_code=204, headers=_began(wanted.place))
    try:
        # A session that ended just before it was attached has told it nothing.
        await services.gate.stays(call.caller)
    except BaseException:
        reading.close()
        raise
    return EventsResponse(reading, wanted.form, headers | _began(reading.began))


async def open_ticket(call: Call) -> TicketOpened:
    """`POST /api/tickets`."""
    services = call.services
    session = services.gate.need_session(call.caller)
    ticket = await services.tickets.issue(session, call.caller)
    return TicketOpened(ticket=ticket.reveal(), expires_at=services.clock.now() + TICKET_SECONDS)


def _began(place: EventRef | None) -> dict[str, str]:
    return {} if place is None else {BEGAN: str(place)}


def _wanted(call: Call) -> Wanted:
    max_events = _number(call, "max_events", _INTEGER, MAX_EVENTS)
    return Wanted(
        stream_id=call.path("stream_id"),
        form=_form(call),
        place=_place(call),
        batch=_batch(call),
        max_events=None if max_events is None else int(max_events),
        timeout=_number(call, "timeout", _DECIMAL, MAX_TIMEOUT),
        agent_pk=None if call.caller.agent is None else call.caller.agent.pk,
    )


def _form(call: Call) -> Form:
    asked = call.query("format")
    if asked is None:
        return form_for(_FORMS, ",".join(call.request.headers.getlist("accept")))
    for form in _FORMS:
        if asked == form.name:
            return form
    names = [form.name for form in _FORMS]
    raise _refusal(call, "format", f"must be one of: {', '.join(names)}", allowed_values=names)


def _batch(call: Call) -> bool:
    asked = call.query("batch") or "false"
    if asked not in _SWITCH:
        raise _refusal(call, "batch", "must be true or false", allowed_values=list(_SWITCH))
    return _SWITCH[asked]


def _place(call: Call) -> EventRef | None:
    """The header goes first: a browser that comes again sends it beside the URL it began with."""
    text = call.request.headers.get("last-event-id") or call.query("last_event_id")
    place = parse(text) if text else None
    if text and place is None:
        raise InvalidRequest(
            "last_event_id is the event_id of the last event you processed. Leave it out to begin"
            " at what nobody has had.",
            field="last_event_id",
        )
    return place


def _number(call: Call, name: str, form: re.Pattern[str], most: int) -> float | None:
    asked = call.query(name)
    if asked is None:
        return None
    if not form.fullmatch(asked) or not 1 <= float(asked) <= most:
        raise _refusal(call, name, f"must be from 1 to {most}", minimum=1, maximum=most)
    return float(asked)


def _refusal(call: Call, name: str, rule: str, **details: object) -> InvalidRequest:
    shown = shown_value(call.query(name))
    return InvalidRequest(f"{name} {rule}.", field=name, **shown, **details)
