"""What a Drive query finds: a tree to a judge of nodes. Pure."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from scp_sandbox.google.drive.query import Both, Compare, Either, Node, Not, QueryError, Within
from scp_sandbox.world.drive import Drive
from scp_sandbox.world.node import Node as File

Judge = Callable[[File], bool]

_WORDS = re.compile(r"[^\W_]+")
_TESTS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TIMES: dict[str, Callable[[File], int | None]] = {
    "modifiedTime": lambda f: f.modified_us,
    "createdTime": lambda f: f.created_us,
    "sharedWithMeTime": lambda f: f.shared_us,
    "viewedByMeTime": lambda f: f.modified_us,
}
_SWITCHES: dict[str, Judge] = {
    "trashed": lambda f: f.trashed,
    "starred": lambda f: f.starred,
    "sharedWithMe": lambda f: f.shared_us is not None,
}


@dataclass(frozen=True, slots=True)
class Searcher:
    """Judges the files of one drive."""

    drive: Drive

    def judge(self, node: Node) -> Judge:
        """Whether a file is found.

        Raises:
            QueryError: for terms, operators and values that do not go together.
        """
        match node:
            case Both(left, right):
                one, other = self.judge(left), self.judge(right)
                return lambda f: one(f) and other(f)
            case Either(left, right):
                one, other = self.judge(left), self.judge(right)
                return lambda f: one(f) or other(f)
            case Not(inner):
                judged = self.judge(inner)
                return lambda f: not judged(f)
            case Within(value, collection):
                return self._within(value, collection)
            case Compare():
                return _compared(node)

    def _within(self, value: str, collection: str) -> Judge:
        match collection:
            case "parents":
                folder = self.drive.root.id if value == "root" else value
                return lambda f: f.parent == folder
            case "owners":
                wanted = self._address(value)
                return lambda f: f.owner.email == wanted
            case "writers" | "readers":
                wanted = self._address(value)
                me = self.drive.user.email
                return lambda f: wanted in (f.owner.email, me)
            case _:
                raise QueryError(f"no collection {collection}")

    def _address(self, value: str) -> str:
        return self.drive.user.email if value == "me" else value.lower()


def _compared(node: Compare) -> Judge:
    if node.term in _SWITCHES:
        return _switched(node, _SWITCHES[node.term])
    if node.term in _TIMES:
        return _timed(node, _TIMES[node.term])
    match node.term, node.operator:
        case "name", "contains":
            return _named(node.value)
        case "name" | "mimeType", "=" | "!=":
            return _equal(node)
        case "mimeType", "contains":
            wanted = node.value.lower()
            return lambda f: f.mime_type.lower().startswith(wanted)
        case "fullText", "contains":
            return _written(node.value)
        case _:
            raise QueryError(f"{node.term} {node.operator} is not known here")


def _switched(node: Compare, read: Judge) -> Judge:
    if node.operator not in ("=", "!=") or node.value not in ("true", "false"):
        raise QueryError(f"{node.term} is true or false")
    wanted = (node.value == "true") == (node.operator == "=")
    return lambda f: read(f) == wanted


def _timed(node: Compare, read: Callable[[File], int | None]) -> Judge:
    test = _TESTS.get(node.operator)
    try:
        at = datetime.fromisoformat(node.value)
    except ValueError:
        raise QueryError(f"{node.value[:40]} is no time") from None
    if test is None:
        raise QueryError(f"{node.operator} is not for times")
    # The zone that is meant when none is written is UTC.
    wanted = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)

    def judged(file: File) -> bool:
        moment = read(file)
        return moment is not None and test(moment, wanted)

    return judged


def _equal(node: Compare) -> Judge:
    wanted, same = node.value.casefold(), node.operator == "="
    if node.term == "name":
        return lambda f: (f.name.casefold() == wanted) == same
    return lambda f: (f.mime_type.casefold() == wanted) == same


def _named(value: str) -> Judge:
    """`name contains`: each word begins a word of the name; `World` finds no `HelloWorld`."""
    wanted = _words(value)

    def judged(file: File) -> bool:
        name = _words(file.name)
        return all(any(word.startswith(each) for word in name) for each in wanted)

    return judged


def _written(value: str) -> Judge:
    """`fullText contains`: whole words anywhere, or, in double quotes, a phrase."""
    wanted = _words(value)
    phrase = len(value) > 1 and value.startswith('"') and value.endswith('"')

    def judged(file: File) -> bool:
        text = _words(f"{file.name}\n{file.description or ''}\n{file.words}")
        if not phrase:
            return set(wanted) <= set(text)
        return f" {' '.join(wanted)} " in f" {' '.join(text)} "

    return judged


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORDS.findall(text)]
