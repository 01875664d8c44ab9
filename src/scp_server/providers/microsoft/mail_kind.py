"""Outlook messages as what is followed and listed: their requests, their folders, their shape."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from scp_server.domain.changes import Change
from scp_server.domain.errors import ProviderProtocolError
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import entries, text
from scp_server.providers.microsoft.delta import OUTLOOK
from scp_server.providers.microsoft.folders import ME, InFolders, Naming
from scp_server.providers.microsoft.mail_filters import MailJudge
from scp_server.providers.microsoft.shapes_mail import SELECT, attachments_of, mail_message
from scp_server.providers.microsoft.values import short, version_of
from scp_server.providers.setting_aside import Unreadable
from scp_wire.events import ChangeKind

SEARCH_FOLDER: Final = "#microsoft.graph.mailSearchFolder"
"""Shows messages that are in other folders: read as well, each would come twice."""
TOUCHED: Final = "id,createdDateTime,lastModifiedDateTime,changeKey,parentFolderId,isRead"
_NAMING: Final = Naming(
    items="messages",
    folders="mailFolders",
    select=SELECT,
    touched=TOUCHED,
    of_folders=(("$select", "id,displayName,parentFolderId"),),
)
_FILES: Final = "attachments"


class MailMessages(InFolders):
    """Collections (following) of one mailbox under one stream's filters."""

    what = "a message"

    def __init__(self, judge: MailJudge, unreadable: Unreadable) -> None:
        super().__init__(_NAMING, unreadable)
        self._judge = judge
        self._unreadable = unreadable
        self._names: dict[str, str] | None = None

    def folder(self, entry: Mapping[str, Any]) -> str | None:
        """The folder an entry of the list names; its name is remembered as a label."""
        identity = super().folder(entry)
        if identity is None or entry.get("@odata.type") == SEARCH_FOLDER:
            return None
        name = short(entry.get("displayName"))
        if name:
            self._names = {**(self._names or {}), identity: name}
        return identity

    def prepare(self) -> Reading[None]:
        """Get the names of the folders, when they are not known yet."""
        if self._names is None:
            # Few, and following may wait for them.
            yield from self.folders("", live=True)
            self._names = self._names or {}

    def fill(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[None]:
        """List the attachments of those that have some; only of those in the stream's filters.

        Raises: ProviderProtocolError when a list cannot be read and is worth another try.
        """
        wanted = [
            identity
            for identity, body in bodies.items()
            if body.get("hasAttachments") is True and self._judge.includes(body)
        ]
        if wanted:
            replies = yield tuple(map(_attachments_ask, wanted))
            lists = {f"attachments of {i}": r for i, r in zip(wanted, replies, strict=True)}
            shaped = self._unreadable.replies(lists, lambda _, body: _listed(body))
            for identity, (name, reply) in zip(wanted, lists.items(), strict=True):
                # Of a message that is gone by now there is nothing to list; None: it is not known.
                bodies[identity][_FILES] = [] if reply.absent else shaped.found.get(name)

    def change(self, body: dict[str, Any], kind: ChangeKind) -> Change | None:
        """The change; None when the message is not in the stream's filters."""
        if not self._judge.includes(body):
            return None
        folder = (self._names or {}).get(text(body.get("parentFolderId")) or "")
        unlisted = body.get("hasAttachments") is True and body.get(_FILES) is None
        files = None if unlisted else attachments_of({"value": body.get(_FILES)})
        item = mail_message(body, folder, files)
        return Change(kind=kind, item=item, version=version_of(body), raw=body)


def list_ask(method: str, params: Sequence[tuple[str, str]]) -> Ask:
    """A page of the mailbox's messages, whole."""
    return Ask(
        method=method,
        base="graph_url",
        path=f"{ME}/messages",
        params=(("$select", SELECT), *params),
        headers=OUTLOOK,
    )


def _attachments_ask(message: str) -> Ask:
    return Ask(
        method="graph.attachments.list",
        base="graph_url",
        path=f"{ME}/messages/{quote(message, safe='')}/attachments",
        params=(("$select", "id,name,contentType,size,isInline"),),
        headers=OUTLOOK,
        absent_ok=True,
        one_of_many=True,
    )


def _listed(body: Mapping[str, Any]) -> list[Any]:
    if "value" not in body:
        raise ProviderProtocolError("Microsoft answered a list of attachments with another object.")
    return entries(body, "value")
