"""Belief: how many units a provider really allows in a window, as its refusals teach it.

A provider that is full refuses at the limit it keeps: what it granted in the window before is that
limit. So one refusal with much granted tells the figure, and nothing has to be guessed. Until it
is told twice, a window apart and within 5 %, it is a doubt, soon tried again: a storm of refusals
may hit half way. Told twice it is known, and tried again only after ten windows, then twenty,
then ever more rarely. A refusal with little granted tells of something else (another
program, the whole project, a failure): it makes careful for one window.

Trying again lets the limit rise in a straight line to the published figure, within a window.
"""

from dataclasses import dataclass, replace
from typing import Final

TELLING: Final = 0.5
"""A refusal with at least this share of the limit granted in its window tells the limit."""
ALIKE: Final = 0.05
"""Two figures this close are the same one, measured twice."""
MARGIN: Final = 0.99
"""The provider's window is not ours to the instant: stay just below what it granted."""
CAUTION: Final = 0.5
"""After a refusal that tells nothing: at most this share of the limit."""
LEAST: Final = 0.05
"""The share of the published limit that is believed in whatever happens."""
PATIENCE: Final = 10
"""Windows until a limit that was confirmed is tried again; twice as many each time."""
LONGEST: Final = 3600.0
"""Seconds after which it is tried again in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """A limit below the published one. Times are monotonic seconds."""

    units: int
    measured: int
    """What was granted in the window in which it refused."""
    found_at: float
    rises_at: float
    """From then on more is tried, up to the published limit within a window."""
    times: int = 0
    """How often it was confirmed in a row."""

    def alike(self, granted: int) -> bool:
        """Whether a refusal at `granted` units measures the same limit again."""
        return abs(granted - self.measured) <= self.measured * ALIKE


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """What is believed of one account's limit at one service. A value: every method is pure."""

    published: int
    window: float
    known: Ceiling | None = None
    doubt: Ceiling | None = None

    def limit(self, now: float) -> int:
        """Units that may be spent in a window, as believed now."""
        return min(self._height(self.known, now), self._height(self.doubt, now))

    def changes_at(self, now: float) -> float | None:
        """When the limit begins to rise; `now` while it is rising; None when it will not."""
        times = [
            max(c.rises_at, now) for c in (self.known, self.doubt) if c and self._lasts(c, now)
        ]
        return min(times, default=None)

    def refused(self, granted: int, now: float, held_until: float) -> "Belief":
        """After a refusal with so many units granted in the window before."""
        again = self._same(granted, now)
        if again is None and granted < self._height(self.known, now) * TELLING:
            return replace(self, doubt=self._careful(granted, now, held_until))
        found = Ceiling(
            units=self._just_below(granted),
            measured=granted,
            found_at=now,
            rises_at=max(held_until, now + self._patience(again)),
            times=again.times + 1 if again else 0,
        )
        if again is None:
            return replace(self, doubt=found)
        return replace(self, known=found, doubt=None)

    def _careful(self, granted: int, now: float, held_until: float) -> Ceiling:
        limit = self.limit(now)
        least = max(granted, int(limit * CAUTION), int(self.published * LEAST), 1)
        return Ceiling(units=min(least, limit), measured=granted, found_at=now, rises_at=held_until)

    def granted(self, granted: int, now: float) -> "Belief":
        """After a grant that makes so many units in the window before."""
        known, doubt = self.known, self.doubt
        if known is not None and granted > known.measured * (1 + ALIKE):
            known = None
        if doubt is not None and doubt.units <= doubt.measured < granted and now < doubt.rises_at:
            # Calls were under way when the refusal came.
            doubt = replace(doubt, measured=granted, units=self._just_below(granted))
        if known is self.known and doubt is self.doubt:
            return self
        return replace(self, known=known, doubt=doubt)

    def held(self, until: float) -> "Belief":
        """While the account holds still nothing more is tried."""
        if self.doubt is None or self.doubt.rises_at >= until:
            return self
        return replace(self, doubt=replace(self.doubt, rises_at=until))

    def settled(self, now: float) -> bool:
        """Whether nothing is believed but what is published."""
        return self.changes_at(now) is None

    def _height(self, ceiling: Ceiling | None, now: float) -> int:
        if ceiling is None:
            return self.published
        risen = max(now - ceiling.rises_at, 0.0) / self.window
        return min(ceiling.units + int((self.published - ceiling.units) * risen), self.published)

    def _lasts(self, ceiling: Ceiling, now: float) -> bool:
        return self._height(ceiling, now) < self.published

    def _same(self, granted: int, now: float) -> Ceiling | None:
        for ceiling in (self.known, self.doubt):
            if ceiling is None or granted < self.published * LEAST * 2:
                continue
            # Within the same window it is the same refusal, only told once more.
            if now >= ceiling.found_at + self.window and ceiling.alike(granted):
                return ceiling
        return None

    def _patience(self, again: Ceiling | None) -> float:
        if again is None:
            return self.window
        return max(min(self.window * PATIENCE * 2.0**again.times, LONGEST), self.window)

    def _just_below(self, granted: int) -> int:
        return min(max(int(granted * MARGIN), 1), self.published)
