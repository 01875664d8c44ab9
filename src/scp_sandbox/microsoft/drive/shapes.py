"""Drives and their items as Graph's JSON; facets that do not apply are left out."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from scp_sandbox.microsoft.drive.files import Files
from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.entities import Kind
from scp_sandbox.world.node import NATIVE, Node
from scp_sandbox.world.people import Person

_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCUMENTS = {
    NATIVE + "document": (".docx", _OFFICE + "wordprocessingml.document"),
    NATIVE + "spreadsheet": (".xlsx", _OFFICE + "spreadsheetml.sheet"),
    NATIVE + "presentation": (".pptx", _OFFICE + "presentationml.presentation"),
    NATIVE + "form": (".form", "application/octet-stream"),
}
# An empty Office document is about so large.
_DOCUMENT_BYTES = 9_000


class ItemKind(Kind[Node]):
    """The kind of a drive's items: what is None is not there at all."""

    __slots__ = ()

    def show(
        self,
        item: Node,
        asked: Asked,
        names: Iterable[str] | None = None,
        *,
        typed: bool = False,
    ) -> dict[str, Any]:
        """An item as JSON."""
        shown = super().show(item, asked, names, typed=typed)
        return {name: value for name, value in shown.items() if value is not None}


def item_kind(files: Files) -> ItemKind:
    """The kind of a drive's items."""
    return ItemKind(name="driveItem", properties=_item(files))


def deleted(files: Files, node: Node) -> dict[str, Any]:
    """What is left of an item that went: a business drive leaves its name out."""
    shown: dict[str, Any] = {
        "@odata.type": "#microsoft.graph.driveItem",
        "id": files.id_of(node.id),
        "deleted": {"state": "deleted"},
        "parentReference": _parent(files, node),
    }
    if files.account.personal:
        shown["name"] = name_of(node)
    else:
        shown["size"] = size_of(node)
    return shown


def drive_kind() -> Kind[Files]:
    """The kind of drives themselves."""
    return Kind(
        name="drive",
        properties={
            "id": lambda f, _: f.id,
            "driveType": lambda f, _: _type(f),
            "name": lambda _, __: "OneDrive",
            "description": lambda _, __: "",
            "createdDateTime": lambda f, _: stamp(f.drive.root.created_us),
            "lastModifiedDateTime": lambda f, _: stamp(f.drive.root.modified_us),
            "webUrl": lambda f, a: _web(f, a, ""),
            "owner": lambda f, _: {"user": _who(f, f.account.user.person)},
            "quota": lambda f, _: _quota(f),
        },
    )


def name_of(node: Node) -> str:
    """An item's name; documents have an extension here."""
    return node.name + _DOCUMENTS.get(node.mime_type, ("", ""))[0]


def size_of(node: Node) -> int:
    """An item's size in bytes."""
    if node.is_folder:
        return 0
    return _DOCUMENT_BYTES + len(node.words) if node.size is None else node.size


def stamp(micros: int) -> str:
    """A moment in whole seconds."""
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _item(files: Files) -> dict[str, Callable[[Node, Asked], Any]]:
    root = files.drive.root.id
    return {
        "id": lambda n, _: files.id_of(n.id),
        "name": lambda n, _: "root" if n.id == root else name_of(n),
        "createdDateTime": lambda n, _: stamp(n.created_us),
        "lastModifiedDateTime": lambda n, _: stamp(n.modified_us),
        "eTag": lambda n, _: f'"{{{_guid(n)}}},{n.version}"',
        "cTag": lambda n, _: f'"c:{{{_guid(n)}}},{_content(n)}"',
        "size": lambda n, _: size_of(n),
        "webUrl": lambda n, a: _web(files, a, "" if n.id == root else name_of(n)),
        "description": lambda n, _: n.description,
        "parentReference": lambda n, _: _parent(files, n),
        "createdBy": lambda n, _: {"user": _who(files, n.owner)},
        "lastModifiedBy": lambda n, _: {"user": _who(files, n.owner)},
        "fileSystemInfo": lambda n, _: {
            "createdDateTime": stamp(n.created_us),
            "lastModifiedDateTime": stamp(n.modified_us),
        },
        "file": lambda n, _: None if n.is_folder or n.id == root else _file(n),
        "folder": lambda n, _: _folder(files, n) if n.is_folder or n.id == root else None,
        "root": lambda n, _: {} if n.id == root else None,
        "deleted": lambda _, __: None,
        "shared": lambda n, _: {"scope": "users"} if n.shared else None,
    }


def _file(node: Node) -> dict[str, Any]:
    mime_type = _DOCUMENTS.get(node.mime_type, ("", node.mime_type))[1]
    digest = hashlib.sha256(f"{node.id}/{node.words}/{node.md5}".encode()).digest()[:20]
    return {"mimeType": mime_type, "hashes": {"quickXorHash": base64.b64encode(digest).decode()}}


def _folder(files: Files, node: Node) -> dict[str, Any]:
    return {"childCount": len(files.children(node))}


def _parent(files: Files, node: Node) -> dict[str, Any]:
    shown: dict[str, Any] = {"driveType": _type(files), "driveId": files.id}
    if node.parent is not None:
        shown |= {"id": files.id_of(node.parent), "path": _path(files, node.parent)}
    return shown


def _path(files: Files, identity: str) -> str:
    names: list[str] = []
    node = files.drive.get(identity)
    while node is not None and node.parent is not None:
        names.append(quote(name_of(node)))
        node = files.drive.get(node.parent)
    return "/".join([f"/drives/{files.id}/root:", *reversed(names)])


def _who(files: Files, person: Person) -> dict[str, Any]:
    shown = {"displayName": person.name, "email": person.email}
    if person.email == files.account.email:
        shown["id"] = files.account.oid
    return shown


def _quota(files: Files) -> dict[str, Any]:
    used = sum(size_of(n) for n in files.drive if files.stands(n) and files.own(n))
    total = 1 << 40
    return {
        "deleted": 0,
        "remaining": total - used,
        "state": "normal",
        "total": total,
        "used": used,
    }


def _type(files: Files) -> str:
    return "personal" if files.account.personal else "business"


def _web(files: Files, asked: Asked, name: str) -> str:
    person = files.account.email.replace("@", "_").replace(".", "_")
    return f"{asked.call.base}/personal/{person}/Documents/{quote(name)}"


def _guid(node: Node) -> str:
    text = hashlib.sha256(node.id.encode()).hexdigest().upper()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}"


def _content(node: Node) -> int:
    """A number that changes with the content only."""
    return int(hashlib.sha256(f"{node.words}/{node.md5}".encode()).hexdigest()[:4], 16)
