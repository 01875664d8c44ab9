"""A process that holds keys and tokens leaves no copy of its memory behind."""

import contextlib
import ctypes
import sys
from typing import Final

PR_SET_DUMPABLE: Final = 4
"""linux/prctl.h"""


def leave_no_dump() -> None:
    """Switch core dumps off, where the system has them."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  (not on Windows)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def keep_others_out() -> None:
    """Let no other process of this user look into this one: no debugger, no /proc/<pid>/environ.

    Linux has a switch for that (prctl(2)); elsewhere nothing happens.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
