"""HTML to plain text: what a reader would see, roughly. Nothing is fetched, nothing is run."""

import re
from html.parser import HTMLParser
from typing import Final

CHUNK: Final = 16 * 1024
INPUT_LIMIT: Final = 1024 * 1024
"""Characters that are looked at: far more than the text that is kept."""

_HIDDEN: Final = frozenset({"script", "style", "head", "title", "template", "noscript"})
_BLOCKS: Final = re.compile(
    r"address|article|aside|blockquote|div|d[ldt]|fieldset|figure|footer|form|h[1-6]|header|hr|li|"
    r"main|nav|[ou]l|p|pre|section|table|tr"
)
_SPACE: Final = re.compile(r"[ \t\r\n\f\xa0]+")
_LINES: Final = re.compile(r" *\n *")
_GAPS: Final = re.compile(r"\n{3,}")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]+")


class _Reader(HTMLParser):
    """Collects the text between the tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.size = 0
        self._hidden: str | None = None
        self._nested = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body" and self._hidden == "head":
            # Nobody closed the head.
            self._hidden = None
        if self._hidden is not None:
            self._nested += tag == self._hidden
        elif tag in _HIDDEN:
            self._hidden, self._nested = tag, 1
        elif tag == "br":
            self._add("\n")
        elif _BLOCKS.fullmatch(tag):
            self._begin_block()
        elif tag in {"td", "th"}:
            self._add(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden is not None:
            self._nested -= tag == self._hidden
            self._hidden = None if self._nested <= 0 else self._hidden
        elif _BLOCKS.fullmatch(tag):
            self._begin_block()

    def handle_data(self, data: str) -> None:
        if self._hidden is None:
            self._add(_SPACE.sub(" ", data))

    def _begin_block(self) -> None:
        if self.pieces and not self.pieces[-1].endswith("\n"):
            self._add("\n")

    def _add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.size += len(piece)


def text_of_html(source: str, limit: int) -> tuple[str, bool]:
    """The text of an HTML document, at least its first `limit` characters, and whether it ended."""
    reader = _Reader()
    end = min(len(source), INPUT_LIMIT)
    at = 0
    # Collapsing shortens what was collected: twice the limit is read to have enough of it.
    while at < end and reader.size < 2 * limit:
        reader.feed(source[at : min(at + CHUNK, end)])
        at += CHUNK
    complete = at >= len(source)
    if complete:
        reader.close()
    text = _LINES.sub("\n", _CONTROLS.sub("", "".join(reader.pieces)))
    return _GAPS.sub("\n\n", re.sub(r" {2,}", " ", text)).strip(), complete
