"""`people.get` and `people.getBatchGet`."""

from typing import Any

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import not_found
from scp_sandbox.google.method import Asked
from scp_sandbox.google.people.asking import bad, person_fields, sources
from scp_sandbox.google.people.shapes import person, profile
from scp_sandbox.oauth import scopes
from scp_sandbox.world.world import World

MOST_AT_ONCE = 200
_NOT_FOUND = 5  # google.rpc.Code


class Persons:
    """Single people: contacts, and the user."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, asked: Asked) -> Reply:
        """One person; a contact is also found by a name it had before."""
        fields = person_fields(asked.call)
        sources(asked.call)
        found = self._found(asked, asked.at["person"], fields)
        if found is None:
            raise not_found("people")
        return asked.reply(found)

    def batch_get(self, asked: Asked) -> Reply:
        """Up to 200 people, each with a status of its own."""
        fields = person_fields(asked.call)
        sources(asked.call)
        names = asked.call.many("resourceNames")
        if not names:
            raise bad("Request must contain at least one resource name.")
        if len(names) > MOST_AT_ONCE:
            raise bad(f"Request must contain at most {MOST_AT_ONCE} resource names.")
        return asked.reply({"responses": [self._response(asked, n, fields) for n in names]})

    def _response(self, asked: Asked, name: str, fields: frozenset[str]) -> dict[str, Any]:
        kind, _, identity = name.partition("/")
        found = self._found(asked, identity, fields) if kind == "people" else None
        if found is None:
            status = {"code": _NOT_FOUND, "message": "Requested entity was not found."}
            return {"httpStatusCode": 404, "requestedResourceName": name, "status": status}
        return {
            "httpStatusCode": 200,
            "requestedResourceName": name,
            "person": found,
            "status": {},
        }

    def _found(self, asked: Asked, identity: str, fields: frozenset[str]) -> dict[str, Any] | None:
        if identity in ("me", asked.user.sub):
            return profile(asked.user, fields)
        if asked.scopes.isdisjoint((scopes.CONTACTS, scopes.CONTACTS_READONLY)):
            return None
        digits = identity.removeprefix("c")
        if identity == digits or not (digits.isascii() and digits.isdecimal()) or len(digits) > 20:
            return None
        contact = self._world.addressbook(asked.user).by_number(int(digits))
        return person(contact, fields) if contact else None
