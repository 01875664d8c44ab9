"""Calendar's methods as a table: path and scopes. Every call costs one.

https://developers.google.com/workspace/calendar/api/guides/quota
"""

import re
from collections.abc import Callable

from scp_sandbox.call import Reply
from scp_sandbox.google.calendar.calendars import Calendars
from scp_sandbox.google.calendar.events import Events
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

_ALL = frozenset((scopes.CALENDAR, scopes.CALENDAR_READONLY))
_EVENTS = _ALL | {scopes.EVENTS, scopes.EVENTS_READONLY}
_LIST = _ALL | {scopes.CALENDAR_LIST, scopes.CALENDAR_LIST_READONLY}
_CALENDARS = _ALL | {scopes.CALENDARS, scopes.CALENDARS_READONLY}
_ONE = "calendars/(?P<calendar>[^/]+)"


def calendar_methods(world: World) -> tuple[Method, ...]:
    """Every Calendar method there is here."""
    events, calendars = Events(world), Calendars(world)
    mine = "users/me/calendarList"
    return (
        _method("events.list", f"{_ONE}/events", _EVENTS, events.list),
        _method("events.get", f"{_ONE}/events/(?P<event>[^/]+)", _EVENTS, events.get),
        _method(
            "events.instances",
            f"{_ONE}/events/(?P<event>[^/]+)/instances",
            _EVENTS,
            events.instances,
        ),
        _method("calendarList.list", mine, _LIST, calendars.list),
        _method("calendarList.get", f"{mine}/(?P<calendar>[^/]+)", _LIST, calendars.entry),
        _method("calendars.get", _ONE, _CALENDARS, calendars.get),
    )


def _method(
    name: str, path: str, granted: frozenset[str], answer: Callable[[Asked], Reply]
) -> Method:
    resource, _, verb = name.partition(".")
    return Method(
        service="calendar",
        name=f"calendar.{name}",
        rpc=f"calendar.v3.{resource[0].upper()}{resource[1:]}.{verb.capitalize()}",
        http="GET",
        path=re.compile(f"/calendar/v3/{path}"),
        units=1,
        scopes=granted,
        answer=answer,
    )
