"""Whether a file is in a filtered stream: by Drive's own search while backfilling, here while
following, since Drive's list of changes cannot be searched.

`query` is about names, as Drive's `name contains` has it: each of its words, in any case, must
begin a word of the name. What files say is not searched: a change could not be held against that
without reading the file.
"""

import re
from typing import Final

from scp_server.providers.words import begun, check_words, words
from scp_wire.filters import FileFilters
from scp_wire.items import File

_SPECIAL: Final = re.compile(r"([\\'])")


def check_files(filters: FileFilters) -> None:
    """Refuse what Drive could make nothing of.

    Raises: StreamConfigError naming the field.
    """
    check_words(filters.query)


def search(filters: FileFilters) -> str | None:
    """The filters as `q` of files.list (Drive API, search query terms); None: everything."""
    clauses = [f"name contains {quoted(word)}" for word in words(filters.query or "")]
    if filters.mime_types:
        either = " or ".join(f"mimeType = {quoted(kind)}" for kind in filters.mime_types)
        clauses.append(f"({either})")
    if not filters.include_trashed:
        clauses.append("trashed = false")
    return " and ".join(clauses) or None


def quoted(value: str) -> str:
    """A string of Drive's query language."""
    return "'" + _SPECIAL.sub(r"\\\1", value) + "'"


class FileJudge:
    """Judges by one stream's filters."""

    def __init__(self, filters: FileFilters) -> None:
        self._filters = filters
        self._kinds = {kind.casefold() for kind in filters.mime_types or ()}
        self._words = words(filters.query or "")

    def includes(self, found: File) -> bool:
        """Whether the file is in the stream."""
        if found.trashed and not self._filters.include_trashed:
            return False
        if self._kinds and (found.mime_type or "").casefold() not in self._kinds:
            return False
        return begun(found.subject or "", self._words)
