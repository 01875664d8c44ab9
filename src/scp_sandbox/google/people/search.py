"""`people.searchContacts`: contacts by the beginnings of phrases in them."""

import re
from collections.abc import Iterator

from scp_sandbox.call import Reply
from scp_sandbox.google.method import Asked
from scp_sandbox.google.people.asking import CONTACT, bad, read_mask, sources
from scp_sandbox.google.people.shapes import person
from scp_sandbox.world.contact import Contact
from scp_sandbox.world.world import World

USUAL = 10
MOST = 30
# Scripts written without spaces: a word may begin at any character.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"


class Search:
    """Looks into a user's contacts. Google's may lag behind changes, this never does."""

    def __init__(self, world: World) -> None:
        self._world = world

    def contacts(self, asked: Asked) -> Reply:
        """The first contacts that match; none for an empty query, which only warms a cache."""
        fields = read_mask(asked.call)
        limit = _limit(asked.call.one("pageSize") or "0")
        wanted = " ".join((asked.call.one("query") or "").lower().split())
        known = self._world.addressbook(asked.user)
        if not wanted or CONTACT not in sources(asked.call):
            return asked.reply({})
        start = re.compile(_pattern(wanted))
        found = [c for c in known if any(start.search(text) for text in _texts(c))]
        people = [{"person": person(c, fields)} for c in found[:limit]]
        return asked.reply({"results": people} if people else {})


def _pattern(wanted: str) -> str:
    spelled = re.escape(wanted)
    if not wanted[0].isalnum():
        return spelled
    return f"(?:(?<![^\\W_])|(?=[{_UNSPACED}])){spelled}"


def _texts(contact: Contact) -> Iterator[str]:
    handles = (handle.value for handle in (*contact.emails, *contact.phones))
    work = (text for text in (contact.company, contact.title) if text)
    for text in (contact.display, *handles, *work):
        yield " ".join(text.lower().split())
    for handle in contact.phones:
        yield "+" + "".join(c for c in handle.value if c.isdecimal())


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise bad(f'Invalid value at "page_size" (TYPE_INT32), "{text[:40]}".')
    # Larger ones are taken for the largest.
    return min(int(text[:10]) or USUAL, MOST)
