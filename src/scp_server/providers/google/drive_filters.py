"""Whether a file is in a filtered stream: by Drive's own search while backfilling, here while
following, since Drive's list of changes cannot be searched.

`query` is about names, as Drive's `name contains` has it: each word (or "quoted phrase"), in any
case, must begin a word of the name. What files say is not searched: a change could not be held
against that without reading the file.
"""

import re
from typing import Final

from scp_server.providers.words import terms
from scp_wire.filters import FileFilters
from scp_wire.items import File

_SPECIAL: Final = re.compile(r"([\\'])")


def search(filters: FileFilters) -> str | None:
    """The filters as `q` of files.list (Drive API, search query terms); None: everything."""
    clauses = [f"name contains {quoted(term)}" for term in terms(filters.query or "")]
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
        # \w: letters, digits and underscores of any script.
        self._words = [re.compile(rf"(?<!\w){re.escape(t)}") for t in terms(filters.query or "")]

    def includes(self, found: File) -> bool:
        """Whether the file is in the stream."""
        if found.trashed and not self._filters.include_trashed:
            return False
        kinds = self._filters.mime_types
        if kinds and found.mime_type not in kinds:
            return False
        name = (found.subject or "").casefold()
        return all(word.search(name) for word in self._words)
