"""How often the interpreter looks for cycles in a process that serves."""

import gc
from typing import Final

YOUNG: Final = 10_000
"""Containers made and not let go of, between looks; Python's own 700 are soon made by a server."""
ROUNDS: Final = 20
"""Looks at the young ones for one at the older ones, and so on."""


def collect_less_often() -> None:
    """Leave alone what was there before, and look at what is new less often.

    Events make no cycles; a look at everything that many sessions hold would keep all of them
    waiting, for milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, ROUNDS, ROUNDS)
