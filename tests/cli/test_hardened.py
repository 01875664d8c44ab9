"""`securecontext serve` leaves no copy of its memory behind, and lets nobody look into it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import KEPT

LOOK = """
import ctypes, os, resource
import scp_cli.serve as command

def shown(settings):
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
    print("core", *resource.getrlimit(resource.RLIMIT_CORE), "dumpable", dumpable, flush=True)

command._serve = shown
for allowed in ("on", "off"):
    if os.fork() == 0:
        os.environ["SCP_ALLOW_DEBUGGERS"] = allowed
        command.serve()
    os.wait()
"""


def looked_at(folder: Path) -> list[str]:
    """What two servers say of themselves just before they serve: debuggers allowed, and not."""
    environ = {name: value for name, value in os.environ.items() if name in KEPT}
    done = subprocess.run(  # noqa: S603  (our own code)
        [sys.executable, "-c", LOOK],
        env=environ | {"SCP_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2)")
def test_the_server_dumps_no_core_and_is_closed_to_debuggers_unless_they_are_allowed(
    tmp_path: Path,
) -> None:
    assert looked_at(tmp_path) == ["core 0 0 dumpable 1", "core 0 0 dumpable 0"]
