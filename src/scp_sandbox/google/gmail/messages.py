"""`users.messages` and their attachments."""

import base64
from itertools import islice

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import forbidden, invalid
from scp_sandbox.google.gmail.desk import GmailDesk
from scp_sandbox.google.gmail.listing import (
    ESTIMATE,
    matching,
    may_read_bodies,
    token_after,
    wanted,
)
from scp_sandbox.google.gmail.payload import View, attachment
from scp_sandbox.google.method import Asked

FORMATS = ("full", "metadata", "minimal", "raw")


class Messages:
    """`messages.list`, `messages.get` and `messages.attachments.get`."""

    def __init__(self, desk: GmailDesk) -> None:
        self._desk = desk

    def list(self, asked: Asked) -> Reply:
        """Ids, newest first; the key is left out when there are none."""
        what = wanted(self._desk, asked)
        found = list(islice(matching(self._desk, asked, what), what.limit + 1))
        shown = found[: what.limit]
        body: dict[str, object] = {}
        if shown:
            body["messages"] = [{"id": m.id, "threadId": m.thread_id} for m in shown]
        if len(found) > len(shown):
            body["nextPageToken"] = token_after(shown[-1])
        body["resultSizeEstimate"] = ESTIMATE if "nextPageToken" in body else len(shown)
        return asked.reply(body)

    def get(self, asked: Asked) -> Reply:
        """One message in one of four formats."""
        view = view_of(asked)
        message = self._desk.message(asked, asked.at["id"])
        return asked.ready(self._desk.encoded(asked, message, view))

    def attachment(self, asked: Asked) -> Reply:
        """The octets of an attachment, base64url with padding."""
        message = self._desk.message(asked, asked.at["message"])
        octets = attachment(message, asked.at["id"])
        if octets is None:
            raise invalid("Invalid attachment token")
        data = base64.urlsafe_b64encode(octets).decode()
        return asked.reply({"size": len(octets), "data": data})


def view_of(asked: Asked, *, formats: tuple[str, ...] = FORMATS) -> View:
    """The representation a call asks for.

    Raises:
        GoogleError: 400 for an unknown format, 403 for one the metadata scope does not open.
    """
    shape = (asked.call.one("format") or "full").lower()
    if shape not in formats:
        raise invalid(f"Invalid value at 'format': \"{shape[:40]}\"")
    if shape in ("full", "raw") and not may_read_bodies(asked):
        raise forbidden(f"Metadata scope doesn't allow format {shape.upper()}")
    names = asked.call.many("metadataHeaders") if shape == "metadata" else ()
    return View(format=shape, names=tuple(name.lower() for name in names))
