"""`users.threads`."""

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.google.errors import not_found
from scp_sandbox.google.gmail.desk import GmailDesk
from scp_sandbox.google.gmail.listing import ESTIMATE, matching, token_after, wanted
from scp_sandbox.google.gmail.messages import view_of
from scp_sandbox.google.gmail.payload import resource, snippet
from scp_sandbox.google.gmail.search import Judge
from scp_sandbox.google.method import Asked
from scp_sandbox.world.message import Message


class Threads:
    """`threads.list` and `threads.get`."""

    def __init__(self, desk: GmailDesk) -> None:
        self._desk = desk

    def list(self, asked: Asked) -> Reply:
        """Threads with a fitting message, by their newest fitting one."""
        what = wanted(self._desk, asked)
        shown: list[Message] = []
        more = False
        for message in matching(self._desk, asked, what):
            if not self._leads(asked, message, what.judge):
                continue
            if len(shown) == what.limit:
                more = True
                break
            shown.append(message)
        body: dict[str, object] = {}
        if shown:
            body["threads"] = [self._entry(asked, m.thread_id) for m in shown]
        if more:
            body["nextPageToken"] = token_after(shown[-1])
        body["resultSizeEstimate"] = ESTIMATE if more else len(shown)
        return asked.reply(body)

    def get(self, asked: Asked) -> Reply:
        """One thread with all its messages, oldest first."""
        view = view_of(asked, formats=("full", "metadata", "minimal"))
        messages = self._desk.mailbox(asked.user).thread(asked.at["id"].lower())
        if not messages:
            raise not_found("gmail")
        if asked.call.one("fields") is None:
            whole = [msgspec.Raw(self._desk.encoded(asked, m, view)) for m in messages]
        else:
            whole = [msgspec.Raw(msgspec.json.encode(resource(m, view))) for m in messages]
        body = {
            "id": messages[0].thread_id,
            "historyId": str(max(m.history_id for m in messages)),
            "messages": whole,
        }
        if asked.call.one("fields") is not None:
            body = msgspec.json.decode(msgspec.json.encode(body))
        return asked.reply(body)

    def _leads(self, asked: Asked, message: Message, judge: Judge) -> bool:
        thread = self._desk.mailbox(asked.user).thread(message.thread_id)
        newer = [m for m in thread if m.order > message.order]
        return not any(judge(m) for m in newer)

    def _entry(self, asked: Asked, thread_id: str) -> dict[str, str]:
        messages = self._desk.mailbox(asked.user).thread(thread_id)
        return {
            "id": thread_id,
            "snippet": snippet(messages[-1]),
            "historyId": str(max(m.history_id for m in messages)),
        }
