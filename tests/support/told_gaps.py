"""What the gaps that a consumer was told say it lacks, against what it lacks."""

from collections import Counter
from dataclasses import dataclass, field

from support.cut_off import Event, is_item, item_of


@dataclass
class ToldGaps:
    """Reads one consumer's record. `published`: ids of the items, in the order of their stream."""

    published: list[str]
    kinds: Counter[str] = field(default_factory=Counter)
    """How many gaps of what is lost, and of what is read again."""
    had: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)
    """What gaps say is lost."""
    _place: str | None = None
    _newest: int = -1
    """Which of the published ones it had last."""
    _since: int | None = None
    """After which it lacks all until the next that comes."""
    _listed: set[str] | None = None

    def hear(self, event: Event) -> None:
        """The next event of the record."""
        kind = event["event_type"]
        if kind == "stream_gap":
            self._gap(event)
        elif kind == "stream_resumed":
            # Unless something of what was read again was lost, too.
            assert self._listed in (None, set(self.published)), "all was read again"
            self._listed = None
        elif is_item(event):
            self._item(item_of(event))
        self._place = event.get("event_id", self._place)

    def _gap(self, event: Event) -> None:
        gap = event["data"]
        assert gap["reason"] == "window"
        if "event_id" not in event:
            assert gap["after_event_id"] == self._place, "it begins right after what it had"
        assert self.had == set(self.published[: self._newest + 1]) - self.lacking
        self.kinds["reread" if gap["reread"] else "lost"] += 1
        if gap["reread"]:
            assert gap["complete_listing"] is True
            self._listed = set()
        else:
            # What was being read again is over, too.
            self._since, self._listed = self._newest, None

    def _item(self, item: str) -> None:
        index = self.published.index(item)
        self._close(index)
        self.had.add(item)
        self._newest = max(self._newest, index)
        if self._listed is not None:
            self._listed.add(item)

    def _close(self, index: int) -> None:
        if self._since is not None:
            self.lacking |= set(self.published[self._since + 1 : index])
            self._since = None

    def end(self) -> None:
        """All was heard: what it was told it lacks is what it lacks."""
        self._close(len(self.published))
        assert self._listed is None, "what is read again is read to its end"
        missing = set(self.published) - self.had
        assert self.lacking == missing, f"told {sorted(self.lacking)}, missing {sorted(missing)}"
