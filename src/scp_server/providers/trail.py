"""Trail: the pages a listing has led through; notices when it leads in circles or nowhere."""

from collections.abc import Sequence
from typing import Final

from scp_server.domain.errors import ProviderProtocolError

FRUITLESS_LIMIT: Final = 500
"""Pages in a row without an item. Short and empty pages are allowed; endless ones are not."""


class Trail:
    """One run through one listing. The same page may be read again, as after a failed step."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._last: tuple[int, int] | None = None
        self._fruitless = 0

    def clear(self) -> None:
        """A new run begins."""
        self._next.clear()
        self._last = None
        self._fruitless = 0

    def page(self, token: str | None, ids: Sequence[str], following: str | None) -> None:
        """Note a page that was read and the token it names for the next one.

        Raises: ProviderProtocolError when the next page was read before on another way here, the
        page is the one before it again, or pages have brought nothing for too long.
        """
        here, content = hash(token or ""), hash(tuple(ids))
        repeated = ids and self._last is not None and self._last[0] != here
        if repeated and self._last is not None and self._last[1] == content:
            raise ProviderProtocolError("The provider sends the same page under ever new tokens.")
        self._last = (here, content)
        self._fruitless = 0 if ids else self._fruitless + 1
        if self._fruitless > FRUITLESS_LIMIT:
            raise ProviderProtocolError("The provider sends empty pages without an end.")
        if following is not None:
            self._lead(here, hash(following))

    def _lead(self, here: int, there: int) -> None:
        known = self._next.get(here) == there
        if there == here or (there in self._next and not known):
            raise ProviderProtocolError("The provider's page tokens lead in a circle.")
        self._next[here] = there
