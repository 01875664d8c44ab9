"""Files as Google Drive would tell them."""

import re
from typing import Any

from providers.telling import Json, param

from scp_server.ports.connector import Ask


def file(identity: str, version: int = 1, **fields: Any) -> Json:  # noqa: ANN401
    return {
        "id": identity,
        "name": f"About {identity}",
        "mimeType": "text/plain",
        "version": str(version),
        "createdTime": "2026-01-01T00:00:00.000Z",
        "trashed": False,
        **fields,
    }


class PretendDrive:
    """Files, the oldest first, and a log of changes; tokens are places in the log."""

    def __init__(self, *files: Json, page: int = 1000) -> None:
        self.page = page
        self.files = {f["id"]: f for f in files}
        self.log: list[str] = []
        self.asked: list[Ask] = []

    def put(self, changed: Json) -> None:
        self.files[changed["id"]] = changed
        self.log.append(changed["id"])

    def delete(self, identity: str) -> None:
        del self.files[identity]
        self.log.append(identity)

    def __call__(self, ask: Ask) -> Json:
        assert ask.base == "drive_url"
        self.asked.append(ask)
        match ask.method:
            case "drive.changes.getStartPageToken":
                return {"startPageToken": str(len(self.log))}
            case "drive.files.list":
                return self._listing(ask)
            case _:
                return self._changes(ask)

    def found(self, q: str | None) -> list[Json]:
        """What a search in Drive's language finds."""
        return [f for f in self.files.values() if q is None or _matches(f, q)]

    def _listing(self, ask: Ask) -> Json:
        found = self.found(param(ask, "q"))
        start = int(param(ask, "pageToken") or 0)
        body: Json = {"files": found[start : start + self.page]}
        if start + self.page < len(found):
            body["nextPageToken"] = str(start + self.page)
        return body

    def _changes(self, ask: Ask) -> Json:
        start = int(param(ask, "pageToken") or 0)
        page = self.log[start : start + self.page]
        latest = [i for n, i in enumerate(self.log) if n >= start and i not in self.log[n + 1 :]]
        body: Json = {"changes": [self._change(i) for i in latest if i in page]}
        onwards = start + self.page < len(self.log)
        body["nextPageToken" if onwards else "newStartPageToken"] = str(
            start + self.page if onwards else len(self.log)
        )
        return body

    def _change(self, identity: str) -> Json:
        change: Json = {"changeType": "file", "fileId": identity, "time": "2026-11-23T12:00:00Z"}
        if identity not in self.files:
            return {**change, "removed": True}
        return {**change, "removed": False, "file": self.files[identity]}


_CLAUSE = re.compile(
    r"name contains '((?:[^'\\]|\\.)*)'|mimeType = '((?:[^'\\]|\\.)*)'|trashed = (\w+)"
)


def _matches(found: Json, q: str) -> bool:
    names, kinds, trashed = [], [], None
    for name, kind, bin_ in _CLAUSE.findall(q):
        if bin_:
            trashed = bin_ == "true"
        elif kind:
            kinds.append(re.sub(r"\\(.)", r"\1", kind))
        else:
            names.append(re.sub(r"\\(.)", r"\1", name))
    words = re.findall(r"\w+", found["name"].casefold())
    return (
        all(any(word.startswith(name) for word in words) for name in names)
        and (not kinds or found["mimeType"] in kinds)
        and (trashed is None or found["trashed"] is trashed)
    )
