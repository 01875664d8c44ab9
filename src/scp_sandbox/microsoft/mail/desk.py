"""The methods of Outlook mail."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.accounts import Account
from scp_sandbox.microsoft.graph.asked import MOST_TOP, Asked
from scp_sandbox.microsoft.graph.entities import DEFAULT_TOP, Kind, listing, owned, single
from scp_sandbox.microsoft.graph.errors import (
    access_denied,
    bad_request,
    malformed_id,
    not_found,
    not_with_search,
)
from scp_sandbox.microsoft.graph.links import opened, sealed
from scp_sandbox.microsoft.mail import content
from scp_sandbox.microsoft.mail.box import Box
from scp_sandbox.microsoft.mail.delta import Deltas
from scp_sandbox.microsoft.mail.kql import MOST_RESULTS, parse_search
from scp_sandbox.microsoft.mail.mail import Folder, Mail
from scp_sandbox.microsoft.mail.plan import ROOT
from scp_sandbox.microsoft.mail.shapes import (
    ATTACHMENT,
    basic,
    folder_kind,
    message_kind,
    shown,
)

BASIC = "Mail.ReadBasic"
_EXPAND = re.compile(r"attachments(?:\(\s*\$select=(?P<names>[^)]*)\))?", re.IGNORECASE)


class Skip(msgspec.Struct, frozen=True, array_like=True):
    """Where a search goes on."""

    place: str
    skip: int


class MailDesk:
    """Answers calls about messages and folders."""

    def __init__(self, box_of: Callable[[Account], Box]) -> None:
        self._box_of = box_of

    # -- messages --------------------------------------------------------------------------------

    def messages(self, asked: Asked) -> Reply:
        """`GET /me/messages`: the whole mailbox, Deleted Items and Junk too."""
        return self._listed(asked, None)

    def of_folder(self, asked: Asked) -> Reply:
        """`GET /me/mailFolders/{folder}/messages`."""
        return self._listed(asked, self._folder(asked))

    def delta(self, asked: Asked) -> Reply:
        """`GET /me/mailFolders/{folder}/messages/delta`."""
        box = self._box(asked)
        deltas = Deltas(box, self._kind(asked), folder_kind(box))
        return deltas.messages(asked, self._folder(asked))

    def message(self, asked: Asked) -> Reply:
        """`GET /me/messages/{id}`."""
        mail, kind = self._mail(asked), self._kind(asked)
        expand = _expanded(asked)
        if expand is None:
            return single(kind, mail, asked, context=owned(asked, "messages"))
        reply = single(kind, mail, asked, context=owned(asked, "messages"))
        body = msgspec.json.decode(reply.body)
        return asked.reply(body | {"attachments": _files(mail, asked, expand)})

    def raw(self, asked: Asked) -> Reply:
        """`GET /me/messages/{id}/$value`: the MIME octets."""
        _check_full(asked)
        return Reply(body=content.raw(self._mail(asked)), content_type="text/plain")

    def attachments(self, asked: Asked) -> Reply:
        """`GET /me/messages/{id}/attachments`."""
        _check_full(asked)
        mail = self._mail(asked)
        place = owned(asked, f"messages('{asked.at['message']}')/attachments")
        names = ATTACHMENT.selected(asked)
        body = {"@odata.context": asked.context(place), "value": _files(mail, asked, names)}
        return asked.reply(body)

    def attachment(self, asked: Asked) -> Reply:
        """`GET /me/messages/{id}/attachments/{attachment}`."""
        _check_full(asked)
        for each in content.attachments(self._mail(asked)):
            if each.id == asked.at["attachment"]:
                place = owned(asked, f"messages('{asked.at['message']}')/attachments/$entity")
                body = shown(each, asked, ATTACHMENT.selected(asked))
                return asked.reply({"@odata.context": asked.context(place), **body})
        raise not_found()

    # -- folders ---------------------------------------------------------------------------------

    def folders(self, asked: Asked) -> Reply:
        """`GET /me/mailFolders`: what lies directly in the root."""
        box = self._box(asked)
        root = box.folder(ROOT)
        return self._folders(asked, root.id if root else "", "me/mailFolders")

    def children(self, asked: Asked) -> Reply:
        """`GET /me/mailFolders/{folder}/childFolders`."""
        folder = self._folder(asked)
        place = f"me/mailFolders('{folder.known or folder.id}')/childFolders"
        return self._folders(asked, folder.id, place)

    def folder(self, asked: Asked) -> Reply:
        """`GET /me/mailFolders/{folder}`."""
        kind = folder_kind(self._box(asked))
        return single(kind, self._folder(asked), asked, context=owned(asked, "mailFolders"))

    def folder_delta(self, asked: Asked) -> Reply:
        """`GET /me/mailFolders/delta`: folders at every depth."""
        box = self._box(asked)
        return Deltas(box, self._kind(asked), folder_kind(box)).folders(asked)

    # -- within ----------------------------------------------------------------------------------

    def _folders(self, asked: Asked, parent: str, place: str) -> Reply:
        box = self._box(asked)
        hidden = (asked.option("includeHiddenFolders") or "").lower() == "true"
        found = [f for f in box.folders(parent) if hidden or not f.hidden]
        context = owned(asked, "mailFolders")
        return listing(folder_kind(box), found, asked, place=place, context=context)

    def _listed(self, asked: Asked, folder: Folder | None) -> Reply:
        box = self._box(asked)
        place = "me/messages"
        if folder is not None:
            place = f"me/mailFolders('{folder.known or folder.id}')/messages"
        mails = box.newest_first(folder.id if folder else None)
        if asked.option("$search") is not None:
            return self._searched(asked, mails, place)
        context = owned(asked, "messages")
        expand = _expanded(asked)
        reply = listing(self._kind(asked), mails, asked, place=place, context=context)
        return reply if expand is None else self._with_files(asked, reply, expand)

    def _with_files(self, asked: Asked, reply: Reply, names: tuple[str, ...]) -> Reply:
        body = msgspec.json.decode(reply.body)
        for each in body["value"]:
            mail = self._box(asked).found(each["id"])
            each["attachments"] = _files(mail, asked, names) if mail else []
        return asked.reply(body)

    def _searched(self, asked: Asked, mails: Iterable[Mail], place: str) -> Reply:
        """`$search`: latest sent first, a thousand at most, and nothing beside it."""
        _check_full(asked)
        if asked.option("$orderby") is not None:
            raise not_with_search("$orderBy", "SearchWithOrderBy")
        if asked.option("$filter") is not None:
            raise not_with_search("$filter", "SearchWithFilter")
        for name, code in (("$skip", "SearchWithSkip"), ("$count", "SearchWithCount")):
            if asked.option(name) is not None:
                raise not_with_search(name, code)
        judge = parse_search(asked.option("$search") or "")
        kind = self._kind(asked)
        names = kind.selected(asked)
        top = asked.number("$top", least=1, most=MOST_TOP) or asked.prefer.page or DEFAULT_TOP
        token = asked.option("$skiptoken")
        skip = opened(token, Skip).skip if token else 0
        found = sorted(filter(judge, mails), key=lambda m: m.recipe.date_ms, reverse=True)
        found = found[:MOST_RESULTS]
        body: dict[str, Any] = {
            "@odata.context": asked.context(owned(asked, "messages")),
            "value": [kind.show(m, asked, names) for m in found[skip : skip + top]],
        }
        if skip + top < len(found):
            body["@odata.nextLink"] = asked.same(
                place, **{"$skiptoken": sealed(Skip(place, skip + top))}
            )
        return asked.reply(body)

    def _box(self, asked: Asked) -> Box:
        return self._box_of(asked.account)

    def _kind(self, asked: Asked) -> Kind[Mail]:
        kind = message_kind(self._box(asked))
        return basic(kind) if _only_basic(asked) else kind

    def _folder(self, asked: Asked) -> Folder:
        found = self._box(asked).folder(asked.at["folder"])
        if found is None:
            name = asked.at["folder"]
            raise not_found() if name.startswith("AQMk") or name.isalpha() else malformed_id()
        return found

    def _mail(self, asked: Asked) -> Mail:
        box = self._box(asked)
        text = asked.at["message"]
        if box.ids.read(text) is None:
            raise not_found() if text.startswith("AA") else malformed_id()
        mail = box.found(text)
        if mail is None or ("folder" in asked.at and mail.folder != self._folder(asked).id):
            raise not_found()
        return mail


def _only_basic(asked: Asked) -> bool:
    return not any(s in asked.scopes for s in ("Mail.Read", "Mail.ReadWrite"))


def _check_full(asked: Asked) -> None:
    if _only_basic(asked):
        raise access_denied(drive=False)


def _files(mail: Mail, asked: Asked, names: tuple[str, ...] | None) -> list[dict[str, Any]]:
    return [shown(each, asked, names or None) for each in content.attachments(mail)]


def _expanded(asked: Asked) -> tuple[str, ...] | None:
    """The properties of expanded attachments (empty: all); None when none are asked for."""
    text = asked.option("$expand")
    if text is None:
        return None
    match = _EXPAND.fullmatch(text.strip())
    if match is None:
        raise bad_request(f"Parsing OData Select and Expand failed: '{text[:60]}'.")
    _check_full(asked)
    return tuple(ATTACHMENT.spelled(n.strip()) for n in (match["names"] or "").split(",") if n)
