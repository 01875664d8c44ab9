"""Words of a query that is judged here, because the provider cannot be asked."""

import re
from collections.abc import Iterable
from typing import Final

_TERM: Final = re.compile(r'"([^"]+)"|(\S+)')


def terms(query: str) -> list[str]:
    """Its words and "quoted phrases", in one case."""
    return [phrase or word for phrase, word in _TERM.findall(query.casefold())]


def contain(texts: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether each of the wanted terms occurs somewhere in the texts, in any case."""
    found = "\n".join(texts).casefold()
    return all(term in found for term in wanted)
