"""Items that are set aside are counted, and what was a fault of this server's code is logged."""

import re
from typing import Any

import pytest
from providers.pretend_calendars import PretendCalendars, event
from providers.telling import Json, told
from structlog.testing import capture_logs
from support.engine import SilentMeter
from support.streaming import config_of

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.google.calendar import CalendarEvents
from scp_server.providers.watch import ReportedReading
from scp_wire.filters import EventFilters
from scp_wire.stream_types import Provider, StreamType

SECRET = "a word of the user's"


class Stumbling(dict[str, Any]):
    """A part of an event over which its shape stumbles."""

    def get(self, key: str, default: object = None) -> object:
        raise ZeroDivisionError(SECRET, key, default)


UNREADABLE: Json = {"summary": SECRET, "status": "confirmed"}


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize(
    ("odd", "cause"),
    [(UNREADABLE, "unreadable"), (event("bad", start=Stumbling(x=1)), "fault")],
)
def test_what_is_set_aside_is_counted_by_its_cause_and_a_fault_is_logged_without_content(
    odd: Json, cause: str, *, follows: bool
) -> None:
    calendars, meter = PretendCalendars(work=[event("good")]), SilentMeter()
    config = config_of(stream_type=StreamType.CALENDAR_EVENTS)
    reading = ReportedReading(CalendarEvents(EventFilters()), config, meter)
    since, _ = told(reading.bookmark(), calendars)
    calendars.log["work"].append(odd)
    calendars.events["work"]["odd"] = odd
    with capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(ProviderProtocolError):
                told(reading.follow(since) if follows else reading.backfill(None), calendars)
        assert (meter.left_out, lines) == ([], [])
        told(reading.follow(since) if follows else reading.backfill(None), calendars)
    assert meter.left_out == [(Provider.GOOGLE, StreamType.CALENDAR_EVENTS, cause)]
    assert len(lines) == (cause == "fault")
    for line in lines:
        assert re.fullmatch(r"ZeroDivisionError at google/[a-z_]+\.py:\d+", line.pop("fault"))
        assert line == {
            "event": "reading_stumbled",
            "log_level": "error",
            "provider": "google",
            "stream_type": "calendar_events",
        }
