"""How events are written into the body of an HTTP response, whichever its form."""

from collections.abc import Sequence
from typing import Protocol

from scp_server.delivery.courier import Flush
from scp_server.domain.event_ref import EventRef
from scp_wire import encode


class Form(Protocol):
    """One media type of a body. It has no state."""

    @property
    def name(self) -> str:
        """As `?format=` names it."""
        ...

    @property
    def media(self) -> str:
        """The media type."""
        ...

    @property
    def beat(self) -> bytes:
        """What says nothing but that the connection is alive."""
        ...

    def opening(self, place: EventRef | None) -> bytes:
        """What the body begins with, for a reader that goes on after `place`."""
        ...

    def spelled(self, event: bytes, place: EventRef | None) -> bytes:
        """One event, which is JSON in a single line; notices have no place."""
        ...


def chunk(form: Form, flush: Flush, shown_session: str) -> bytes:
    """A flush as one piece of the body; a whole run is spelled once for all who get the same."""
    if flush.run is None:
        notices = (encode.event(notice, shown_session) for notice in flush.notices)
        return b"".join(form.spelled(notice, None) for notice in notices)
    if not flush.whole:
        return _frames(form, flush, shown_session)
    made = flush.run.made
    key = (form.name, shown_session, len(flush.frames))
    found: bytes | None = made.get(key)
    if found is None:
        found = made[key] = _frames(form, flush, shown_session)
    return found


def _frames(form: Form, flush: Flush, shown_session: str) -> bytes:
    epoch = flush.run.epoch if flush.run else ""
    return b"".join(
        form.spelled(frame.event(shown_session), EventRef(epoch, frame.n)) for frame in flush.frames
    )


def form_for(forms: Sequence[Form], accept: str) -> Form:
    """The form that an `Accept` header prefers (RFC 9110 section 12.5.1); the last of `forms`
    where it has no preference among them.
    """
    best, most = forms[-1], 0.0
    for form in forms:
        quality = _quality(form.media, accept)
        if quality > most:
            best, most = form, quality
    return best


def _quality(media: str, accept: str) -> float:
    for one in accept.split(","):
        named, *parameters = (part.strip().lower() for part in one.split(";"))
        if named == media:
            return min((_weight(parameter) for parameter in parameters), default=1.0)
    return 0.0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
