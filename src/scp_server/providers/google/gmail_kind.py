"""What reading messages and reading threads differ in, and what Gmail is asked for either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from scp_server.domain.changes import Change
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reading, Reply
from scp_server.providers.foreign import text
from scp_server.providers.google.gmail_listing import listing_fields
from scp_server.providers.setting_aside import Shaped, Unreadable
from scp_wire.events import ChangeKind
from scp_wire.items import Gone, Message, Thread

ME: Final = "/gmail/v1/users/me"
PAGE: Final = 100
LEFT_FILTER: Final = "left_filter"

Json = dict[str, Any]
Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailKind:
    """Messages or threads."""

    name: Literal["messages", "threads"]
    """As paths, methods and listings spell it."""
    group: int
    """How many are fetched at once."""
    item: Callable[[Mapping[str, Any]], Message | Thread]
    """Raises ProviderProtocolError for one without an id."""
    version: Callable[[Mapping[str, Any]], str]

    def change(self, body: Json, kind: ChangeKind) -> Change:
        """The item as it is in what Gmail sent."""
        return Change(kind=kind, item=self.item(body), version=self.version(body), raw=body)

    def list_ask(
        self, filters: Params, token: str | None = None, *, size: int = PAGE, live: bool = False
    ) -> Ask:
        """A page of the filtered listing."""
        place: Params = (("pageToken", token),) if token is not None else ()
        paging = (("maxResults", str(size)), ("fields", listing_fields(self.name)))
        return Ask(
            method=f"gmail.{self.name}.list",
            base="gmail_url",
            path=f"{ME}/{self.name}",
            params=(*filters, *paging, *place),
            live=live,
        )

    def get_ask(self, identity: str, *, live: bool = False) -> Ask:
        """One of them, whole."""
        return Ask(
            method=f"gmail.{self.name}.get",
            base="gmail_url",
            path=f"{ME}/{self.name}/{quote(identity, safe='')}",
            params=(("format", "full"),),
            absent_ok=True,
            live=live,
            one_of_many=True,
        )

    def created(
        self, ids: Sequence[str], replies: Sequence[Reply], unreadable: Unreadable
    ) -> Shaped[Change]:
        """Shape what a backfill fetched.

        One that is gone since it was listed is told by following, and to no one else.
        """
        answers = dict(zip(ids, replies, strict=True))
        return unreadable.replies(answers, self._as_created)

    def fetched(
        self, ids: Sequence[str], unreadable: Unreadable
    ) -> Reading[tuple[Shaped[tuple[Json, Change]], set[str]]]:
        """Fetch those that changed, group by group: their bodies and shapes, and who is gone."""
        answers: dict[str, Reply] = {}
        for start in range(0, len(ids), self.group):
            group = ids[start : start + self.group]
            replies = yield tuple(self.get_ask(identity, live=True) for identity in group)
            answers.update(zip(group, replies, strict=True))
        gone = {identity for identity, reply in answers.items() if reply.absent}
        return unreadable.replies(answers, self._as_updated), gone

    def _as_created(self, identity: str, body: Json) -> Change:
        return self.change(self._own(body, identity), ChangeKind.CREATED)

    def _as_updated(self, identity: str, body: Json) -> tuple[Json, Change]:
        return body, self.change(self._own(body, identity), ChangeKind.UPDATED)

    def _own(self, body: Json, identity: str) -> Json:
        if text(body.get("id")) != identity:
            one = self.name.removesuffix("s")
            raise ProviderProtocolError(f"Google answered with another {one} than was asked for.")
        return body


def gone(identity: str, version: str, reason: str | None = None) -> Change:
    """One that is no longer there, or no longer in the filter."""
    return Change(kind=ChangeKind.DELETED, item=Gone(id=identity), version=version, reason=reason)
