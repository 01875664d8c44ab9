"""Words of a query that is judged here, because the provider cannot be asked. Case never counts.

Three readings, as the providers' own searches have them: of events every term occurs somewhere; of
contacts the query is the beginning of a phrase (People API, searchContacts); of files every word
begins a word of the name (Drive API, `name contains`).
"""

import re
from collections.abc import Iterable
from typing import Final

from scp_server.domain.errors import StreamConfigError

_TERM: Final = re.compile(r'"([^"]+)"|(\S+)')
_WORD: Final = re.compile(r"[^\W_]+")


def terms(query: str) -> list[str]:
    """Its words and "quoted phrases", in one case."""
    return [phrase or word for phrase, word in _TERM.findall(query.casefold())]


def contain(texts: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether each of the wanted terms occurs somewhere in the texts, in any case."""
    found = "\n".join(texts).casefold()
    return all(term in found for term in wanted)


def check_words(query: str | None) -> None:
    """Refuse a query in which there is nothing to look for.

    Raises: StreamConfigError.
    """
    if query is not None and not words(query):
        raise StreamConfigError(
            "filters.query has no word in it: give letters or digits that words begin with.",
            field="filters.query",
            value=query,
        )


def words(query: str) -> list[str]:
    """Its words; signs between them say nothing."""
    return _WORD.findall(query)


def begun(name: str, wanted: Iterable[str]) -> bool:
    """Whether each of the wanted words begins a word of the name."""
    return all(_begins_word(word.casefold(), name.casefold()) for word in wanted)


def phrase(query: str) -> str:
    """The query as a phrase: in one case, one space between words, no double quotes."""
    return " ".join(query.replace('"', " ").casefold().split())


def begins_phrase(wanted: str, texts: Iterable[str]) -> bool:
    """Whether one of the texts has a row of words that begins with the wanted phrase.

    "foo name" is found by "f", "foo n" and "nam", not by "oo n".
    """
    return any(_has_phrase(phrase(text), wanted) for text in texts)


def _has_phrase(text: str, wanted: str) -> bool:
    at = text.find(wanted)
    while at >= 0:
        if _is_edge(text, at):
            return True
        at = text.find(wanted, at + 1)
    return False


def _is_edge(text: str, at: int) -> bool:
    """Whether a word may begin here."""
    within = at > 0 and text[at - 1].isalnum() and text[at : at + 1].isalnum()
    return not within or _is_unspaced(text[at])


def _begins_word(wanted: str, name: str) -> bool:
    if _is_unspaced(wanted):
        return wanted in name
    return any(word.startswith(wanted) for word in _WORD.findall(name))


def _is_unspaced(word: str) -> bool:
    """Whether it is of a script that puts no spaces between words, as far as letters tell."""
    return any(c.isalpha() and not c.isascii() and c.upper() == c.lower() for c in word)
