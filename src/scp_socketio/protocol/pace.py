"""How fast a client may send: a burst, and a rate in the long run."""


class Pace:
    """The generic cell rate algorithm: one number remembers all that came (ITU-T I.371, annex A).

    ``rate`` in messages a second, 0 for any; ``burst`` of them at once.
    """

    __slots__ = ("_due", "_slack", "_step")

    def __init__(self, rate: float, burst: int) -> None:
        self._step = 1 / rate if rate else 0.0
        self._slack = self._step * burst
        self._due = float("-inf")

    def taken(self, now: float) -> float | None:
        """One has come. When the next may; None: at once."""
        if not self._step:
            return None
        self._due = max(self._due, now) + self._step
        again = self._due + self._step - self._slack
        return again if again > now else None
