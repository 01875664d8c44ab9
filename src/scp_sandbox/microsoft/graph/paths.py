"""Graph's ways to write a path, brought into one. Pure."""

import re

from scp_sandbox.call import Query
from scp_sandbox.microsoft.accounts import Account

VERSION = "/v1.0"
_DELTA = re.compile(r"/(?:microsoft\.graph\.)?delta(?:\((?:token='(?P<token>[^']*)')?\))?$")
_KEYED = re.compile(r"([A-Za-z]+)\('([^']*)'\)")
_USERS = re.compile(r"/users/([^/]+)(/.*)?", re.IGNORECASE)
# `me-token-to-replace` is what Microsoft's own clients write and rewrite.
_ME = "me-token-to-replace"


def normalised(path: str, query: Query) -> tuple[str, Query]:
    """A path within the version, keys as segments, `delta` plain; its token goes to the query."""
    inner = path[len(VERSION) :] if path.startswith(VERSION) else path
    inner = "/" + inner.strip("/")
    delta = _DELTA.search(inner)
    if delta is not None:
        inner = inner[: delta.start()] + "/delta"
        if delta["token"] is not None:
            query = {**query, "token": [delta["token"]]}
    return _KEYED.sub(r"\1/\2", inner), query


def as_me(path: str, account: Account) -> str | None:
    """`/users/{id}/…` as `/me/…` where it is the caller; None where it is somebody else."""
    match = _USERS.fullmatch(path)
    if match is None:
        return path
    if match[1].lower() not in (_ME, account.oid, account.email):
        return None
    return f"/me{match[2] or ''}"
