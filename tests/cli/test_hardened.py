"""`securecontext serve` leaves no copy of its memory behind, and lets nobody look into it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import KEPT

LOOK = """
import ctypes, resource
import scp_cli.serve as command

def shown(settings):
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
    print("core", *resource.getrlimit(resource.RLIMIT_CORE), "dumpable", dumpable)

command._serve = shown
command.serve()
"""


def looked_at(folder: Path, **settings: str) -> str:
    """What a process of the server says of itself, just before it serves."""
    environ = {name: value for name, value in os.environ.items() if name in KEPT}
    done = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-c", LOOK],
        env=environ | {"SCP_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2)")
@pytest.mark.parametrize(("allowed", "dumpable"), [("off", 0), ("on", 1)])
def test_the_server_dumps_no_core_and_is_closed_to_debuggers_unless_they_are_allowed(
    tmp_path: Path, allowed: str, dumpable: int
) -> None:
    shown = looked_at(tmp_path, SCP_ALLOW_DEBUGGERS=allowed)
    assert shown == f"core 0 0 dumpable {dumpable}"
