"""People's methods as a table: path and scopes. Every call is one read."""

import re
from collections.abc import Callable

from scp_sandbox.call import Call, Reply
from scp_sandbox.google.method import Asked, Method
from scp_sandbox.google.people.asking import begins_full_sync
from scp_sandbox.google.people.connections import Connections
from scp_sandbox.google.people.persons import Persons
from scp_sandbox.google.people.search import Search
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

_CONTACTS = frozenset((scopes.CONTACTS, scopes.CONTACTS_READONLY))
_PEOPLE = _CONTACTS | {scopes.CONTACTS_OTHER_READONLY, scopes.EMAIL, scopes.PROFILE}
_ONE = "people/(?P<person>[^/:]+)"


def people_methods(world: World) -> tuple[Method, ...]:
    """Every People method there is here."""
    connections, persons, search = Connections(world), Persons(world), Search(world).contacts
    return (
        _method(
            "connections.list",
            "ListConnections",
            f"{_ONE}/connections",
            _CONTACTS,
            connections.list,
            full_sync=begins_full_sync,
        ),
        _method("get", "GetPerson", _ONE, _PEOPLE, persons.get),
        _method("searchContacts", "SearchContacts", "people:searchContacts", _CONTACTS, search),
        _method("getBatchGet", "BatchGetPeople", "people:batchGet", _PEOPLE, persons.batch_get),
    )


def _method(
    name: str,
    rpc: str,
    path: str,
    granted: frozenset[str],
    answer: Callable[[Asked], Reply],
    *,
    full_sync: Callable[[Call], bool] | None = None,
) -> Method:
    return Method(
        service="people",
        name=f"people.people.{name}",
        rpc=f"google.people.v1.PeopleService.{rpc}",
        http="GET",
        path=re.compile(f"/v1/{path}"),
        units=1,
        scopes=granted,
        answer=answer,
        full_sync=full_sync,
    )
