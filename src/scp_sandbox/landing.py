"""The page at `/`: what this is, and who lives here."""

import html
from collections.abc import Sequence

from scp_sandbox.call import Call, Reply
from scp_sandbox.world.people import User


class Landing:
    """Answers `/`."""

    def __init__(self, users: Sequence[User]) -> None:
        self._users = users

    async def answer(self, call: Call) -> Reply:
        """A small page in plain HTML."""
        people = "".join(
            f"<li>{html.escape(u.person.name)} &lt;{html.escape(u.email)}&gt;</li>"
            for u in self._users
        )
        page = (
            "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Sandbox</title>"
            "<h1>A sandboxed Google and Microsoft</h1><p>Mail, calendars, contacts and files of"
            " invented people, for tests and demos. Served at"
            f" <code>{html.escape(call.base)}</code>.</p>"
            f"<ul>{people}</ul>"
            "<p>What is in the world: <a href=/sandbox/state>/sandbox/state</a>. What was called:"
            " <a href=/sandbox/ledger>/sandbox/ledger</a>. The same of Microsoft:"
            " <a href=/sandbox/outlook>/sandbox/outlook</a>,"
            " <a href=/sandbox/outlook/ledger>/sandbox/outlook/ledger</a>.</p></html>"
        )
        headers = (("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),)
        return Reply(body=page.encode(), content_type="text/html; charset=utf-8", headers=headers)
