"""Outlook messages as what is followed and listed: their requests, their folders, their shape."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from scp_server.domain.changes import Change
from scp_server.ports.connector import Ask, Reading
from scp_server.providers.foreign import identifier, text
from scp_server.providers.microsoft.delta import OUTLOOK, OUTLOOK_DELTA, is_removed, walk
from scp_server.providers.microsoft.mail_filters import MailJudge
from scp_server.providers.microsoft.shapes_mail import SELECT, attachments_of, mail_message
from scp_server.providers.microsoft.values import short, version_of
from scp_wire.events import ChangeKind

ME: Final = "/v1.0/me"
SEARCH_FOLDER: Final = "#microsoft.graph.mailSearchFolder"
"""Shows messages that are in other folders: read as well, each would come twice."""
TOUCHED: Final = "id,createdDateTime,lastModifiedDateTime,changeKey,parentFolderId,isRead"
"""What a round of changes tells: little, but every change of a message changes some of it."""
_FILES: Final = "attachments"


class MailMessages:
    """Collections (following) of one mailbox under one stream's filters."""

    what = "a message"
    own: tuple[str, ...] = ()

    def __init__(self, judge: MailJudge) -> None:
        self._judge = judge
        self._names: dict[str, str] | None = None
        self.folders: Ask | None = Ask(
            method="graph.mailFolders.delta",
            base="graph_url",
            path=f"{ME}/mailFolders/delta",
            params=(("$select", "id,displayName,parentFolderId"),),
            headers=OUTLOOK_DELTA,
        )

    # -- folders ---------------------------------------------------------------------------------

    def folder(self, entry: Mapping[str, Any]) -> str | None:
        """The folder an entry of the listing names; its name is remembered as a label."""
        identity = text(entry.get("id"))
        if not identity or entry.get("@odata.type") == SEARCH_FOLDER:
            return None
        name = short(entry.get("displayName"))
        if name:
            self._names = {**(self._names or {}), identity: name}
        return identity

    def prepare(self) -> Reading[None]:
        """Get the names of the folders, when they are not known yet."""
        if self._names is None and self.folders is not None:
            self._names = {}
            # Few, and following may wait for them.
            listed, _ = yield from walk(replace(self.folders, live=True), "", "a folder")
            for entry in listed:
                if not is_removed(entry):
                    self.folder(entry)

    # -- messages --------------------------------------------------------------------------------

    def round(self, folder: str) -> Ask:
        """The start of a folder's delta query."""
        return Ask(
            method="graph.messages.delta",
            base="graph_url",
            path=f"{ME}/mailFolders/{quote(folder, safe='')}/messages/delta",
            params=(("$select", TOUCHED),),
            headers=OUTLOOK_DELTA,
            absent_ok=True,
        )

    def touched(self, entry: Mapping[str, Any]) -> str | None:
        """Whose state an entry of a round says something of."""
        return identifier(entry.get("id"))

    def get(self, item: str) -> Ask:
        """A message as it is now."""
        return Ask(
            method="graph.messages.get",
            base="graph_url",
            path=f"{ME}/messages/{quote(item, safe='')}",
            params=(("$select", SELECT),),
            headers=OUTLOOK,
            absent_ok=True,
            one_of_many=True,
        )

    def is_item(self, body: Mapping[str, Any]) -> bool:
        """Whatever is found by a message's id is one."""
        return bool(body)

    def left(self, body: Mapping[str, Any], folder: str) -> bool:
        """What is removed from a folder and is there has moved."""
        del body, folder
        return False

    def fill(self, bodies: Mapping[str, dict[str, Any]]) -> Reading[None]:
        """List the attachments of those that have some; only of those in the stream's filters."""
        wanted = [
            (identity, body)
            for identity, body in bodies.items()
            if body.get("hasAttachments") is True and self._judge.includes(body)
        ]
        if wanted:
            replies = yield tuple(_attachments_ask(identity) for identity, _ in wanted)
            for (_, body), reply in zip(wanted, replies, strict=True):
                body[_FILES] = reply.body.get("value", [])

    def change(self, body: dict[str, Any], kind: ChangeKind) -> Change | None:
        """The change; None when the message is not in the stream's filters."""
        if not self._judge.includes(body):
            return None
        folder = (self._names or {}).get(text(body.get("parentFolderId")) or "")
        files = attachments_of({"value": body.get(_FILES)})
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
