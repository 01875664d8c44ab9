"""Trail: the pages a listing has led through; notices when it leads in circles or nowhere."""

from collections.abc import Sequence
from typing import Final

from scp_server.domain.errors import ProviderProtocolError

FRUITLESS_LIMIT: Final = 500
"""Pages in a row without an item. Short and empty pages are allowed; endless ones are not."""
REPEAT_LIMIT: Final = 5
"""Times in a row that a page may be the one before it again: a provider may stutter."""


class Trail:
    """One run through one listing. The same page may be read again, as after a failed step."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._last: tuple[int, int] | None = None
        self._fruitless = 0
        self._repeats = 0

    def clear(self) -> None:
        """A new run begins."""
        self._next.clear()
        self._last = None
        self._fruitless = 0
        self._repeats = 0

    def page(self, token: str | None, ids: Sequence[str], following: str | None) -> None:
        """Note a page that was read and the token it names for the next one.

        Raises: ProviderProtocolError when the next page was read before on another way here, or
        pages have brought nothing new for too long.
        """
        here, content = hash(token or ""), hash(tuple(ids))
        if self._last is not None and self._last[0] != here:
            again = bool(ids) and self._last[1] == content
            self._repeats = self._repeats + 1 if again else 0
            self._fruitless = 0 if ids else self._fruitless + 1
        self._last = (here, content)
        if self._repeats >= REPEAT_LIMIT:
            raise ProviderProtocolError("The provider sends the same page under ever new tokens.")
        if self._fruitless >= FRUITLESS_LIMIT:
            raise ProviderProtocolError("The provider sends empty pages without an end.")
        if following is not None:
            self._lead(here, hash(following))

    def _lead(self, here: int, there: int) -> None:
        known = self._next.get(here) == there
        if there == here or (there in self._next and not known):
            raise ProviderProtocolError("The provider's page tokens lead in a circle.")
        self._next[here] = there
