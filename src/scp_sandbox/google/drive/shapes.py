"""Drive resources. Pure.

https://developers.google.com/workspace/drive/api/reference/rest/v3/files
"""

import hashlib
from typing import Any

from scp_sandbox.google.people.shapes import moment
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import NATIVE, Node
from scp_sandbox.world.people import Person

Json = dict[str, Any]

DEFAULT = ("kind", "id", "name", "mimeType")
_SITE = "https://drive.sandbox.example"


def file_resource(node: Node, drive: Drive) -> Json:
    """A file or folder with everything there is to say."""
    mine = node.owner.email == drive.user.email
    body: Json = {
        "kind": "drive#file",
        "id": node.id,
        "name": node.name,
        "mimeType": node.mime_type,
        "starred": node.starred,
        "trashed": node.trashed,
        "explicitlyTrashed": node.binned,
        "spaces": ["drive"],
        "version": str(node.version),
        "webViewLink": _link(node),
        "iconLink": f"{_SITE}/icons/{node.mime_type}",
        "hasThumbnail": False,
        "thumbnailVersion": "0",
        "viewedByMe": True,
        "viewedByMeTime": _milliseconds(node.modified_us),
        "createdTime": _milliseconds(node.created_us),
        "modifiedTime": _milliseconds(node.modified_us),
        "modifiedByMe": mine,
        "owners": [person(node.owner, drive)],
        "lastModifyingUser": person(node.owner, drive),
        "shared": node.shared,
        "ownedByMe": mine,
        "capabilities": _capabilities(node, mine=mine),
        "copyRequiresWriterPermission": False,
        "writersCanShare": True,
        "isAppAuthorized": False,
        "quotaBytesUsed": str((node.size or 0) if mine else 0),
    }
    return body | _at_times(node, drive, mine=mine)


def _at_times(node: Node, drive: Drive, *, mine: bool) -> Json:
    """What only some files have."""
    body: Json = {}
    if node.description is not None:
        body["description"] = node.description
    if node.parent is not None:
        body["parents"] = [node.parent]
    if mine:
        body["modifiedByMeTime"] = _milliseconds(node.modified_us)
    if node.shared_us is not None:
        body["sharedWithMeTime"] = _milliseconds(node.shared_us)
        body["sharingUser"] = person(node.owner, drive)
    if node.binned:
        body["trashedTime"] = _milliseconds(node.changed_us)
        body["trashingUser"] = person(drive.user.person, drive)
    if node.size is not None:
        body |= _content(node)
    return body


def short(body: Json) -> Json:
    """What is told of a file when no `fields` are asked for."""
    return {name: body[name] for name in DEFAULT}


def change_resource(node: Node, drive: Drive, *, brief: bool) -> Json:
    """An entry of the changes: the latest state of a file, or that it is gone."""
    body: Json = {
        "kind": "drive#change",
        "changeType": "file",
        "type": "file",
        "time": _milliseconds(node.changed_us),
        "removed": node.removed,
        "fileId": node.id,
    }
    if not node.removed:
        file = file_resource(node, drive)
        body["file"] = short(file) if brief else file
    return body


def person(who: Person, drive: Drive) -> Json:
    """A user as Drive tells of them."""
    number = int(hashlib.sha256(who.email.encode()).hexdigest()[:15], 16)
    return {
        "kind": "drive#user",
        "displayName": who.name,
        "me": who.email == drive.user.email,
        "permissionId": f"{number:020d}",
        "emailAddress": who.email,
    }


def about(drive: Drive) -> Json:
    """The user, and how much room there is."""
    used = sum(n.size or 0 for n in drive if n.shared_us is None)
    binned = sum(n.size or 0 for n in drive if n.trashed)
    return {
        "kind": "drive#about",
        "user": person(drive.user.person, drive),
        "storageQuota": {
            "limit": "16106127360",
            "usage": str(used),
            "usageInDrive": str(used),
            "usageInDriveTrash": str(binned),
        },
        "maxUploadSize": "5242880000000",
        "appInstalled": False,
        "canCreateDrives": False,
        "canCreateTeamDrives": False,
        "folderColorPalette": ["#ac725e", "#d06b64", "#f83a22"],
        "importFormats": {"text/plain": [NATIVE + "document"]},
        "exportFormats": {NATIVE + "document": ["text/plain", "application/pdf"]},
        "maxImportSizes": {NATIVE + "document": "10485760"},
    }


def _content(node: Node) -> Json:
    _, dot, ending = node.name.rpartition(".")
    body: Json = {
        "size": str(node.size),
        "originalFilename": node.name,
        "headRevisionId": hashlib.sha256(f"{node.id}/{node.md5}".encode()).hexdigest()[:40],
        "webContentLink": f"{_SITE}/uc?id={node.id}&export=download",
    }
    if node.md5:
        body["md5Checksum"] = node.md5
    if dot:
        body |= {"fileExtension": ending, "fullFileExtension": ending}
    return body


def _link(node: Node) -> str:
    if node.is_folder:
        return f"{_SITE}/drive/folders/{node.id}"
    return f"{_SITE}/file/d/{node.id}/view?usp=drivesdk"


def _capabilities(node: Node, *, mine: bool) -> Json:
    return {
        "canAddChildren": mine and node.is_folder,
        "canCopy": not node.is_folder,
        "canDelete": mine,
        "canDownload": not node.is_folder,
        "canEdit": mine,
        "canListChildren": node.is_folder,
        "canRename": mine,
        "canShare": mine,
        "canTrash": mine,
        "canUntrash": mine,
    }


def _milliseconds(microseconds: int) -> str:
    return moment(microseconds)[:-4] + "Z"
